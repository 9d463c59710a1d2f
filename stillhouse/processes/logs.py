"""How the processes log: lines on standard error, which the supervisor also keeps in files."""

from __future__ import annotations

import logging
import sys
import time


def configure(name: str, *, told: tuple[type[BaseException], ...] = ()) -> None:
    """Log at INFO with UTC times, under the name of the process.

    `told`: what the application raises to have a connection dropped, and has logged in one line; the server adds no traceback.
    """
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(f"%(asctime)s {name} %(levelname)s %(name)s: %(message)s", "%H:%M:%S")
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a closed pipe must not stop anyone
    logging.getLogger("uvicorn.error").addFilter(lambda record: not _raised(record, told))
    for noisy in ("httpx", "httpcore", "apscheduler", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _raised(record: logging.LogRecord, told: tuple[type[BaseException], ...]) -> bool:
    return record.exc_info is not None and isinstance(record.exc_info[1], told)
