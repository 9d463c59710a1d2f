"""The child's side of its pipe: JSON lines on what was standard output. Knows no training.

Everything that a library prints goes to standard error instead, so the lines stay clean.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
from typing import IO, Any


class Report:
    """Writes events, one JSON object a line, from any thread. A reader that left is not an error."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._lock = threading.Lock()  # one line at a time

    @classmethod
    def on_stdout(cls) -> Report:
        """Take standard output for events alone; prints of libraries go to standard error from now on."""
        sys.stdout.flush()
        own = os.dup(1)
        os.dup2(2, 1)
        return cls(os.fdopen(own, "w", buffering=1, encoding="utf-8"))

    def progress(self, phase: str, step: int, of: int, **figures: float | None) -> None:
        """`figures`: loss, tokens_per_s, eta_s; the peak memory in MB is added."""
        rounded = {k: round(v, 4) for k, v in figures.items() if v is not None}
        self._line(
            {"event": "progress", "phase": phase, "step": step, "of": of, **rounded, "peak_mb": peak_mb()}
        )

    def checkpoint(self, step: int) -> None:
        """Say that a checkpoint is on disk."""
        self._line({"event": "checkpoint", "step": step})

    def done(self) -> None:
        """result.json is on disk."""
        self._line({"event": "done"})

    def error(self, message: str) -> None:
        """One sentence; the child ends after it."""
        self._line({"event": "error", "message": message})

    def _line(self, event: dict[str, Any]) -> None:
        with self._lock:
            try:
                self._out.write(json.dumps(event, ensure_ascii=False) + "\n")
                self._out.flush()
            except (BrokenPipeError, ValueError):
                return  # the parent is gone; the lifeline ends this process


def peak_mb() -> int:
    """Greatest resident size of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // (1_000_000 if sys.platform == "darwin" else 1_000)
