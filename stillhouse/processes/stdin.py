"""A watch on standard input: when its owner is gone, however it went, this process stops too."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def watch(on_close: Callable[[], None], fd: int | None = None) -> None:
    """Call `on_close` once, from a thread, when the other end of the pipe is closed."""
    source = sys.stdin.fileno() if fd is None else fd

    def wait() -> None:
        try:
            while os.read(source, 4096):
                pass
        except OSError:
            pass  # closed under us: the same news
        on_close()

    threading.Thread(target=wait, name="stdin-watch", daemon=True).start()
