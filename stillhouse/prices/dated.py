"""A dated copy of what is used of litellm's table, in the data folder. Fetches nothing: the operator brings the file."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

import msgspec

from stillhouse.errors import StillhouseError
from stillhouse.prices.table import priced
from stillhouse.processes.child import write_atomic

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """`prices.json`."""

    source: str  # name of the file that it was made of
    sha256: str  # of that file
    made: str  # date
    table: dict[str, dict[str, float]]


def read(file: Path) -> Copy | None:
    """Give the copy; None where there is none, or none that can be read, which is logged."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Copy)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        logger.warning("the prices in %s cannot be read, litellm's own are used: %s", file, error)
        return None


def make(source: Path, today: date) -> Copy:
    """Read a table of litellm's. Raises StillhouseError where it is none."""
    try:
        data = source.read_bytes()
        table = json.loads(data)
    except OSError as error:
        raise StillhouseError(f"{source} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise StillhouseError(f"{source} is not JSON: {error}.") from error
    rates = priced(table) if isinstance(table, dict) else {}
    if not rates:
        raise StillhouseError(f"{source} names no model with a price (input_cost_per_token).")
    return Copy(
        source=source.name, sha256=hashlib.sha256(data).hexdigest(), made=today.isoformat(), table=rates
    )


def save(copy: Copy, file: Path) -> None:
    """Write the copy. Raises StillhouseError."""
    try:
        write_atomic(file, json.dumps(asdict(copy), indent=0))
    except OSError as error:
        raise StillhouseError(f"{file} cannot be written: {error.strerror}.") from error
