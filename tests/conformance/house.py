"""A real `stillhouse up` before the mock provider. Knows no client."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from stillhouse.auditor import ledger
from store.log import Log
from store.paths import DataFolder

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "tests" / "stillhouse"))  # as pyproject has it for pytest

from housekit import Up, free_port  # noqa: E402 - found by the line above

FIRST_BYTE_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What a house had in its log when it had stopped."""

    calls: int
    attempts: int
    unanswered: int  # calls without a served attempt
    unaccounted: list[str]  # what its ledger could not explain


def kept(house: Up) -> Kept:
    """Read what a stopped house kept."""
    log = Log.open(DataFolder(house.data).log, read_only=True)
    try:
        totals = log.totals()
    finally:
        log.close()
    unaccounted = [found.text for found in ledger(house.data / "run").unaccounted]
    return Kept(
        calls=totals.calls,
        attempts=totals.attempts,
        unanswered=totals.open_calls + totals.lost_calls,
        unaccounted=unaccounted,
    )


@contextmanager
def standing(folder: Path, upstream: str, *, administration: bool = False) -> Iterator[Up]:
    """Start a house, and stop it. `upstream` is the provider's base URL, version included.

    `administration`: the provider's administration is passed on, too.
    """
    house = Up(
        folder=folder,
        config=folder / "stillhouse.yaml",
        gateway_port=free_port(),
        control_port=free_port(),
        variables={"PYTHONPATH": str(ROOT)},
    )
    timeouts = {"first_byte": FIRST_BYTE_S, "idle": FIRST_BYTE_S}
    settings = {
        "data": str(house.data),
        "gateway": {"port": house.gateway_port, "workers": 1, "administration": administration},
        "control": {"port": house.control_port},
        "upstreams": [
            {"name": kind, "kind": kind, "base_url": upstream, "timeouts": timeouts}
            for kind in ("openai", "anthropic")
        ],
        "distiller": {"min_examples": 10**6},  # nothing is trained here
    }
    house.config.write_text(yaml.safe_dump(settings))
    house.start()
    try:
        yield house
    finally:
        house.stop()
