"""The fixtures of the fault suite; what they are made of stands in the modules beside it and in `housekit`."""

import os

import pytest
from faultcases import Cases
from faulthouse import House
from faultupstream import Upstream


@pytest.fixture
def upstream():
    with Upstream() as running:
        yield running


@pytest.fixture
def house(tmp_path, upstream):
    """A house of two workers that is not started yet."""
    made = House.make(tmp_path, upstream.url)
    yield made
    made.end()


@pytest.fixture
def cases(request):
    """Cases drawn from a seed; the environment may give another one than the test's name."""
    seed = os.environ.get("FAULT_SEED", request.node.name)
    print(f"FAULT_SEED={seed!r}")
    return Cases(seed)
