"""The stores that views read, opened for reading or lent by control. Knows no view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from stillhouse.errors import StillhouseError, nothing
from stillhouse.settings import Settings
from store.control import Control
from store.errors import StoreError
from store.log import Log
from store.paths import DataFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Stores:
    """What a view may look at. It writes nothing."""

    log: Log
    control: Control
    folder: DataFolder
    settings: Settings
    live: bool = False  # lent by a control process at work


@contextmanager
def reading(settings: Settings) -> Iterator[Stores]:
    """Open the stores of a data folder that no control process owns. Raises StillhouseError."""
    folder = DataFolder(settings.data)
    if not folder.log.exists() or not folder.control.exists():
        raise nothing(folder.root)
    try:
        log = Log.open(folder.log, read_only=True)
    except StoreError as error:
        raise StillhouseError(f"The log {folder.log} cannot be read now: {error}") from error
    try:
        control = Control.open(folder.control)
        yield Stores(log=log, control=control, folder=folder, settings=settings)
    except (StoreError, SQLAlchemyError) as error:
        raise StillhouseError(f"The stores in {folder.root} cannot be read: {error}") from error
    finally:
        log.close()
