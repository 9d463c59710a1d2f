"""Serves one student at a time for the process that asks, as it will be served. Knows no DSPy and no program.

The server's lifeline is a pipe of this process: it ends when this process does, however that ends.
"""

from __future__ import annotations

import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from distiller.serving.engines import MODULES
from distiller.training.errors import TrainingError
from store.vocabulary import Engine

READY_S = 120.0  # to load the weights and complete a token on a machine that trains meanwhile
STOP_S = 10.0


class Servers:
    """What there is to serve with one engine, by model name, and the server of the one that was asked last. Thread-safe."""

    def __init__(
        self,
        weights: Mapping[str, Path],
        *,
        parallel: int,
        context: int,
        threads: int,
        engine: Engine = Engine.LLAMA,
    ) -> None:
        self._weights = dict(weights)
        self._module = MODULES[engine]
        self._how = (
            *("--parallel", str(parallel)),
            *("--context", str(context)),
            *("--threads", str(threads)),
        )
        self._lock = threading.Lock()  # guards: at most one server runs
        self._model = ""
        self._url = ""
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the server."""
        with self._lock:
            self._end()

    def add(self, model: str, weights: Path) -> None:
        """Make a model known."""
        self._weights[model] = weights

    def weights(self, model: str) -> Path:
        """Return what a model's server loads."""
        return self._weights[model]

    def url(self, model: str) -> str:
        """Return the base URL of a model's server, which runs from now on. Raises TrainingError."""
        with self._lock:
            if self._model != model or self._process is None or self._process.poll() is not None:
                self._end()
                self._begin(model)
            return self._url

    def stop(self, model: str) -> None:
        """Stop a model's server, if it runs."""
        with self._lock:
            if self._model == model:
                self._end()

    def _begin(self, model: str) -> None:
        command = (sys.executable, "-m", self._module, "--port", "0", "--model", model)
        process = subprocess.Popen(  # noqa: S603 - our own module
            (*command, "--weights", str(self._weights[model]), *self._how),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        self._process, self._model = process, model
        told = _first_line(process)
        if told.get("event") != "ready":
            self._end()
            raise TrainingError(
                f"no server for {model}: {told.get('message') or f'not ready in {READY_S:g} s'}"
            )
        self._url = f"{told['url'].rstrip('/')}/v1"

    def _end(self) -> None:
        process, self._process, self._model = self._process, None, ""
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _first_line(process: subprocess.Popen[str]) -> dict[str, str]:
    """Return what the server says first; an empty object where it says nothing in time, or ends."""
    end = time.monotonic() + READY_S
    while process.stdout is not None and (left := end - time.monotonic()) > 0:
        if not select.select([process.stdout], [], [], left)[0]:
            break
        with suppress(ValueError):
            told: dict[str, str] = json.loads(line := process.stdout.readline())
            return told
        if not line:
            break
    return {}
