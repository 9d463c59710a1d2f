"""A program of somebody else, run to its end: quietly, within a limit, with few variables. Knows no client."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import dataclass
from pathlib import Path

KEPT = ("PATH", "HOME", "LANG", "SSL_CERT_FILE")


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How it ended; a code below 0 where it took too long."""

    code: int
    out: str
    err: str


async def ended(command: list[str], folder: Path, env: dict[str, str], limit_s: float) -> Ended:
    """Run a command, and end it with its children after `limit_s`."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *("nice", "-n", "19", *command),
        cwd=folder,
        env={**kept, "NO_PROXY": "127.0.0.1", **env},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    telling = asyncio.ensure_future(process.communicate())
    _, late = await asyncio.wait({telling}, timeout=limit_s)
    if late:
        os.killpg(process.pid, signal.SIGKILL)
    out, err = (said.decode(errors="replace") for said in await telling)
    return Ended(code=process.returncode or 0, out=out, err=err)
