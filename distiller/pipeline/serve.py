"""The phase `serve`: asks for a server and waits until it completes. Knows no process: the supervisor starts it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import replace

import httpx

from distiller.pipeline.errors import FailedError
from distiller.pipeline.keeper import Keeper
from distiller.pipeline.parts import Parts
from distiller.serving import probe
from distiller.serving.engines import WEIGHTS
from store.vocabulary import Engine, Server, Student

_POLL_S = 0.2
_FIRST_S = 30.0  # for one token, on a machine that may be busy


async def serve(parts: Parts, keeper: Keeper) -> None:
    """Have the student served, and save where. Raises FailedError when it does not become healthy.

    The next try then finds a fresh server, on another port.
    """
    student = student_of(parts, keeper)
    if student.engine is Engine.ENDPOINT:
        return  # somebody else serves it
    server = _server(parts, student)
    parts.control.save_server(server, parts.epoch)
    base_url = server.url or f"http://127.0.0.1:{server.port}"
    try:
        await wait_healthy(base_url, student.model, parts.settings.serve_timeout_s)
    except TimeoutError:
        parts.control.save_server(replace(server, port=free_port(), wanted=False), parts.epoch)
        seconds = parts.settings.serve_timeout_s
        raise FailedError(
            f"the server of student {student.student_id} did not become healthy within {seconds:g} s: "
            "it must complete one token"
        ) from None
    parts.control.save_student(replace(student, base_url=f"{base_url}/v1"), parts.epoch)


def student_of(parts: Parts, keeper: Keeper) -> Student:
    """Return the student that this job has made."""
    student = parts.control.student(str(keeper.result("student_id")))
    if student is None:
        raise FailedError(f"the student {keeper.result('student_id')} is not in the control state")
    return student


def stop_serving(parts: Parts, student_id: str) -> None:
    """Say that a student's server is no longer wanted."""
    for server in parts.control.servers():
        if server.student_id == student_id and server.wanted:
            parts.control.save_server(replace(server, wanted=False), parts.epoch)


def tidy(parts: Parts, busy: frozenset[str]) -> None:
    """Stop the servers of students that no rollout needs and no open job (`busy`), however either ended."""
    needed = busy | {r.student_id for r in parts.control.rollouts(live=True)}
    for server in parts.control.servers():
        if server.wanted and server.student_id not in needed:
            parts.control.save_server(replace(server, wanted=False), parts.epoch)


async def wait_healthy(base_url: str, model: str, timeout_s: float) -> None:
    """Return once GET /health answers 200 and one token is completed. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s), httpx.AsyncClient(timeout=5.0) as client:
        while True:
            with contextlib.suppress(httpx.HTTPError):
                healthy = await client.get(f"{base_url}/health")
                if healthy.is_success and await _completes(client, base_url, model):
                    return
            await asyncio.sleep(_POLL_S)


async def _completes(client: httpx.AsyncClient, base_url: str, model: str) -> bool:
    """Ask for one token: a server was once seen to answer /health and nothing else, for minutes."""
    asked = await client.post(base_url + probe.PATH, json=probe.question(model), timeout=_FIRST_S)
    return asked.is_success


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _server(parts: Parts, student: Student) -> Server:
    """Return the student's server row: the one there is, else one on a port that no other row names."""
    rows = parts.control.servers()
    mine = next((s for s in rows if s.student_id == student.student_id), None)
    if mine is not None:
        return replace(mine, wanted=True)
    taken = {s.port for s in rows if s.wanted}
    port = free_port()
    while port in taken:
        port = free_port()
    own = parts.settings.student
    vllm = own.vllm if student.engine is Engine.VLLM else None
    return Server(
        student_id=student.student_id,
        port=port,
        weights=str(parts.artifacts.at(str(student.weights)) / WEIGHTS[student.engine]),
        engine=student.engine,
        url=vllm.url if vllm else "",
        parallel=own.parallel,
        context=own.context,
        threads=own.threads,
    )
