"""Speaks to the scorer process, and starts it again when it dies. Knows no metric and no store."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from distiller.scoring.spec import Item, MetricSpec, Scored, ScorerUnavailable

_COMMAND = (sys.executable, "-m", "distiller.scoring.process")
_BATCH = 100  # items in one line
_JUDGED = 20  # the same where each asks a model once or twice: a batch must be done within the timeout
_LINE_BYTES = 256 * 1024 * 1024
_TRIES = 2  # a scorer that died is started again and asked once more: requests are idempotent


class ScorerClient:
    """Owns one scorer process; `score` and `version` may be called from many tasks of one loop."""

    def __init__(
        self,
        *,
        cache: Path,
        timeout_s: float = 120.0,
        command: Sequence[str] = _COMMAND,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._command = tuple(command)
        self._timeout_s = timeout_s
        # DSPy keeps a cache folder; ours is private to the data folder.
        self._cache = cache
        self._environ = {**(os.environ if environ is None else environ), "DSPY_CACHEDIR": str(cache)}
        self._process: asyncio.subprocess.Process | None = None
        self._numbers = count(1)
        self._asking = asyncio.Lock()  # one request on the pipe at a time: answers keep its order

    @property
    def pid(self) -> int | None:
        """Return the process id while the scorer runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    async def version(self, spec: MetricSpec) -> str:
        """Return the version of a metric. Raises ScorerUnavailable."""
        answer = await self._ask({"op": "version", "metric": spec.to_json()})
        return str(answer["version"])

    async def score(self, spec: MetricSpec, items: list[Item]) -> list[Scored]:
        """Return one result for each item, in order. Raises ScorerUnavailable."""
        results: list[Scored] = []
        size = _BATCH if spec.judge is None else _JUDGED
        for start in range(0, len(items), size):
            batch = [asdict(item) for item in items[start : start + size]]
            answer = await self._ask({"op": "score", "metric": spec.to_json(), "items": batch})
            results += [Scored(**result) for result in answer["results"]]
        return results

    async def forget(self) -> None:
        """Empty the cache. The process, which has it open, stops; the next request starts it again."""
        async with self._asking:
            await self._drop()
            if self._cache.exists():
                await asyncio.to_thread(shutil.rmtree, self._cache)

    async def close(self) -> None:
        """Stop the process."""
        async with self._asking:
            await self._drop()

    async def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        async with self._asking:
            answer = None
            for _ in range(_TRIES):
                answer = await self._exchange({**request, "id": next(self._numbers)})
                if answer is not None:
                    break
                await self._drop()
        if answer is None:
            raise ScorerUnavailable(f"the scorer process died or hung {_TRIES} times in a row")
        if "error" in answer:
            raise ScorerUnavailable(str(answer["error"]))
        return answer

    async def _exchange(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Send one request and read its answer; None where the process died or is too slow."""
        process = await self._running()
        if process.stdin is None or process.stdout is None:
            return None
        try:
            async with asyncio.timeout(self._timeout_s):
                process.stdin.write(json.dumps(request).encode() + b"\n")
                await process.stdin.drain()
                while line := await process.stdout.readline():
                    answer: dict[str, Any] = json.loads(line)
                    if answer.get("id") == request["id"]:
                        return answer
        except (OSError, TimeoutError, ValueError):
            return None
        return None

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LINE_BYTES,
                env=self._environ,
            )
        return self._process

    async def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
