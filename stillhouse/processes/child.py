"""One child process: started with a pipe as its standard input, logged, restarted, stopped.

Closing the pipe asks it to stop. Knows nothing of what the child does.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from stillhouse.processes import backoff

logger = logging.getLogger(__name__)
CONFIG_ERROR = 2
LOG_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Spec:
    """What to run, and where its traces go."""

    name: str
    argv: tuple[str, ...]
    pid_file: Path
    log_file: Path
    environ: dict[str, str] | None = None
    nice: int = 0
    sockets: tuple[int, ...] = ()  # file descriptors that it inherits


class Child:
    """A process that should be running. `tick` makes it so."""

    def __init__(self, spec: Spec, clock: Callable[[], float]) -> None:
        self.spec = spec
        self.last_line = ""
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._pump: threading.Thread | None = None
        self._started = 0.0
        self._failures = 0
        self._next = 0.0
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start it now; where the system refuses, `tick` tries again later."""
        spec = self.spec
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own modules
                spec.argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=spec.environ,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the supervisor only
                pass_fds=spec.sockets,
            )
        except OSError as error:  # no memory, no process, no file left: all may pass
            self._failures = backoff.failures_after(self._failures, 0.0)
            self._next = self._clock() + backoff.delay(self._failures)
            logger.error("%s cannot be started, and is tried again: %s", spec.name, error.strerror)  # noqa: TRY400
            return
        if spec.nice:
            os.setpriority(os.PRIO_PROCESS, self._process.pid, spec.nice)
        self._started = self._clock()
        with suppress(OSError):  # a full disk stops no process
            write_atomic(spec.pid_file, str(self._process.pid))
        stream = self._process.stdout
        self._pump = threading.Thread(target=self._copy, args=(stream,), daemon=True)
        self._pump.start()

    def tick(self) -> int | None:
        """Start it if it is due; give the exit code if it has just ended."""
        if self._process is None:
            if self._clock() >= self._next:
                self.start()
            return None
        code = self._process.poll()
        if code is None:
            return None
        self._reap()
        lived = self._clock() - self._started
        self._failures = backoff.failures_after(self._failures, lived)
        wait = backoff.delay(self._failures)
        self._next = self._clock() + wait
        self.restarts += 1
        said = f": {self.last_line}" if code == CONFIG_ERROR and self.last_line else ""
        logger.warning(
            "%s ended (%s%s); it starts again in %.1f s", self.spec.name, meaning(code), said, wait
        )
        return code

    def ask_to_stop(self) -> None:
        """Close its standard input."""
        if self._process and self._process.stdin:
            close_quietly(self._process.stdin)

    def finish(self, timeout_s: float) -> None:
        """Wait for its end; past the time, kill it."""
        if self._process is None:
            return
        try:
            self._process.wait(timeout=max(timeout_s, 0.01))
        except subprocess.TimeoutExpired:
            logger.warning("%s did not stop in time and is killed", self.spec.name)
            self._process.kill()
            self._process.wait()
        self._reap()

    def _reap(self) -> None:
        if self._process and self._process.stdin:
            close_quietly(self._process.stdin)
        if self._pump:
            self._pump.join(timeout=2)
        self._process = None
        with suppress(OSError):
            self.spec.pid_file.unlink(missing_ok=True)

    def _copy(self, stream: IO[bytes] | None) -> None:
        if stream is None:
            return
        path = self.spec.log_file
        with stream, closing(_Rotated(path)) as file:
            for line in stream:
                file.write(line)
                text = line.decode("utf-8", "replace")
                self.last_line = text.strip() or self.last_line
                sys.stderr.write(text)
                sys.stderr.flush()


class _Rotated:
    """A log file that is put aside once (`.1`) each time it reaches its bound."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def write(self, line: bytes) -> None:
        """Add a line. Where the disk refuses it is dropped: a child must never wait for its log."""
        with suppress(OSError):
            if self._file is not None and self._file.tell() >= LOG_BYTES:
                self.close()
                self._path.replace(self._path.with_name(self._path.name + ".1"))
            if self._file is None:
                self._file = self._path.open("ab", buffering=0)
            self._file.write(line)

    def close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()


def write_atomic(path: Path, text: str) -> None:
    """Write a small private file so that a reader sees all of it or the one before. OSError where it cannot be."""
    partial = path.with_name(path.name + ".part")
    try:
        handle = os.open(partial, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        partial.replace(path)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def close_quietly(stream: IO[bytes]) -> None:
    """Close a pipe whose other end may be gone."""
    try:
        stream.close()
    except OSError:
        logger.debug("a pipe was already closed")


def meaning(code: int) -> str:
    """Say what an exit code tells."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
