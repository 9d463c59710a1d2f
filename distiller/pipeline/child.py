"""Runs the training child of a job and passes on what it reports. Knows no torch and no trainset."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from distiller.pipeline.errors import FailedError

_LOWEST_PRIORITY = 19
_GONE_S = 30.0  # an orphan of a killed control leaves within its own grace time
_STOP_S = 25.0
_PID = "child.pid"
_LOG = "log.txt"


class TrainingChild:
    """One child in one job folder. Its standard input is the lifeline: it stops when that closes."""

    def __init__(
        self, command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        self._command = (*command, str(folder))
        self._folder = folder
        self._variables = variables or {}  # its own, beside those of this process

    async def run(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield the child's events until it is done. Raises FailedError with the child's own sentence.

        Leaving the iteration early stops the child; a later run goes on from its checkpoint.
        """
        await self._outlast_orphan()
        process = await self._start()
        error: str | None = None
        done = False
        try:
            async for event in _events(process):
                if event.get("event") == "error":
                    error = str(event.get("message"))
                done = done or event.get("event") == "done"
                yield event
            code = await process.wait()
        finally:
            await self._stop(process)
        if not done or code != 0:
            raise FailedError(
                error or f"the training child ended with {_ending(code)}; see {self._folder / _LOG}"
            )

    async def _start(self) -> asyncio.subprocess.Process:
        with (self._folder / _LOG).open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self._variables},
            )
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, process.pid, _LOWEST_PRIORITY)
        (self._folder / _PID).write_text(str(process.pid), "utf-8")
        return process

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        """Close the lifeline and wait; kill what does not leave."""
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        (self._folder / _PID).unlink(missing_ok=True)

    async def _outlast_orphan(self) -> None:
        """Wait until a child of an earlier control, which was killed, has left this folder."""
        orphan = _alive(self._folder)
        if orphan is None:
            return
        with contextlib.suppress(psutil.TimeoutExpired):
            await asyncio.to_thread(orphan.wait, _GONE_S)
        if orphan.is_running():
            orphan.kill()


def _alive(folder: Path) -> psutil.Process | None:
    """Return the child that still works in a folder, None for none (a reused process id is none)."""
    try:
        process = psutil.Process(int((folder / _PID).read_text("utf-8")))
        return process if str(folder) in process.cmdline() else None
    except (OSError, ValueError, psutil.Error):
        return None


async def _events(process: asyncio.subprocess.Process) -> AsyncIterator[dict[str, Any]]:
    if process.stdout is None:
        return
    async for line in process.stdout:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # a library that writes past the child's own redirection
        if isinstance(event, dict):
            yield event


def _ending(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"status {code}"
