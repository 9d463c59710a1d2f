"""Ends a child when its owner is gone: standard input closes, or SIGTERM comes. Knows no work.

The work looks at `stopping` between its steps and leaves in good order; if it does not within the grace
time, the process ends anyway.
"""

from __future__ import annotations

import os
import signal
import threading
from typing import IO, Any

EXIT_STOPPED = 75  # EX_TEMPFAIL: run again to go on


class Lifeline:
    """Watches standard input in a thread."""

    def __init__(self, stdin: IO[bytes], grace_s: float = 20.0) -> None:
        self._stdin = stdin
        self._grace_s = grace_s
        self._event = threading.Event()

    def start(self) -> Lifeline:
        """Begin to watch; also takes SIGTERM (call it from the main thread)."""
        signal.signal(signal.SIGTERM, self._on_signal)
        threading.Thread(target=self._watch, name="lifeline", daemon=True).start()
        return self

    @property
    def stopping(self) -> bool:
        """Whether the process should leave."""
        return self._event.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Block until the process should leave, or for `timeout_s` seconds; return whether it should."""
        return self._event.wait(timeout_s)

    def stop(self) -> None:
        """Ask the work to leave, and make sure that it does."""
        if self._event.is_set():
            return
        self._event.set()
        timer = threading.Timer(self._grace_s, os._exit, (EXIT_STOPPED,))
        timer.daemon = True
        timer.start()

    def _watch(self) -> None:
        while self._stdin.read(4096):
            pass
        self.stop()

    def _on_signal(self, _number: int, _frame: Any) -> None:
        self.stop()
