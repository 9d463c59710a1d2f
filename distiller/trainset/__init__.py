"""From logged calls to frozen rows: screen, split, freeze. Knows no training and no student."""

from distiller.trainset.freeze import DamagedError, Frozen, LeakageError, freeze, read_rows, verify
from distiller.trainset.rows import Row, Screened, screen
from distiller.trainset.split import Split, split

__all__ = [
    "DamagedError",
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
