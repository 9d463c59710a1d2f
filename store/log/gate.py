"""Lets readers in together, and one who changes the files alone. Knows no database."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Many share it, or one has it alone. Who waits to be alone comes before those who ask later.

    Neither side may be entered twice by one thread.
    """

    def __init__(self) -> None:
        self._turn = threading.Condition()
        self._inside = 0
        self._shut = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Be inside with others."""
        with self._turn:
            self._turn.wait_for(lambda: not self._shut)
            self._inside += 1
        try:
            yield
        finally:
            with self._turn:
                self._inside -= 1
                self._turn.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be inside with nobody else."""
        with self._turn:
            self._turn.wait_for(lambda: not self._shut)
            self._shut = True
        try:
            with self._turn:
                self._turn.wait_for(lambda: not self._inside)
            yield
        finally:
            with self._turn:
                self._shut = False
                self._turn.notify_all()
