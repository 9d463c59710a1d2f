import pytest
from storebuild import House

from gateway import trace
from gateway.capture import read_answer


@pytest.fixture
def house(tmp_path):
    made = House(tmp_path)
    yield made
    made.close()


@pytest.fixture
def told(tmp_path):
    """A house whose log is told what the other surfaces say in chat."""
    made = House(tmp_path, trace, read_answer)
    yield made
    made.close()
