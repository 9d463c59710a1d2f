"""Shifts the wall clock of a process by the seconds that a file gives; the monotonic clock goes on as it does."""

import os
import time
from pathlib import Path

FILE = Path(os.environ["FAULT_CLOCK"])
REREAD_S = 0.02


class Shift:
    """The offset in seconds, read anew every few milliseconds."""

    def __init__(self):
        self._read_at = float("-inf")
        self._seconds = 0

    def seconds(self):
        if time.monotonic() - self._read_at > REREAD_S:
            self._read_at = time.monotonic()
            self._seconds = int(FILE.read_text() or 0)
        return self._seconds


shift, true_time, true_time_ns = Shift(), time.time, time.time_ns
time.time = lambda: true_time() + shift.seconds()
time.time_ns = lambda: true_time_ns() + shift.seconds() * 10**9
