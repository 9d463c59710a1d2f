"""From logged calls to frozen rows: screen, arrange, freeze. Knows no training and no student."""

from distiller.trainset.freeze import (
    DamagedError,
    ExposedError,
    Frozen,
    LeakageError,
    freeze,
    read_rows,
    verify,
)
from distiller.trainset.rows import Row, Screened, screen
from distiller.trainset.split import Split, split

__all__ = [
    "DamagedError",
    "ExposedError",
    "Frozen",
    "LeakageError",
    "Row",
    "Screened",
    "Split",
    "freeze",
    "read_rows",
    "screen",
    "split",
    "verify",
]
