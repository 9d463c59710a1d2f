"""The ground of the measurement: an upstream, and proxies before it, each a process of its own. Knows no load."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
KEY = "sk-of-the-upstream-0123456789"
_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A process that serves the chat path."""

    name: str
    port: int
    pids: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Upstream:
    """Where all of them ask. `certificate`: what it shows, where it speaks TLS."""

    port: int
    certificate: Path | None = None

    @property
    def url(self) -> str:
        """Give the server."""
        return f"{'https' if self.certificate else 'http'}://localhost:{self.port}"


def cores() -> tuple[set[int], set[int]]:
    """Give the cores of what is measured, and of upstream and load."""
    free = sorted(os.sched_getaffinity(0))
    return {free[0]}, set(free[1:]) or {free[0]}


def built(name: str, folder: Path) -> Path:
    """Compile one of the tools here."""
    made = folder / name
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("The load generator and the upstream are written in C: a compiler (cc) is needed.")
    subprocess.run([compiler, "-O2", "-o", made, HERE / f"{name}.c"], check=True)
    return made


def free_port() -> int:
    """Give a port that nobody has."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def upstream(mock: Path, *, delay_ms: float = 0, events: int = 40, gap_ms: float = 0) -> Iterator[Upstream]:
    """Run the upstream."""
    port = free_port()
    command = [str(mock), str(port), str(delay_ms), str(events), str(gap_ms)]
    with running(command, port, pin=cores()[1]):
        yield Upstream(port=port)


@contextmanager
def workers(engine: str, at: Upstream, folder: Path, *, n: int = 1) -> Iterator[Running]:
    """Run gateway workers with their journals on one port; several have all cores, one has its own."""
    home = folder / f"{engine}-{n}"
    home.mkdir()
    upstream = {"name": "mock", "base_url": f"{at.url}/v1", "api_key_env": "BENCH_UPSTREAM_KEY"}
    gateway = {"engine": engine, **({"ca_file": str(at.certificate)} if at.certificate else {})}
    (home / "stillhouse.yaml").write_text(yaml.safe_dump({"upstreams": [upstream], "gateway": gateway}))
    port = free_port()
    environ = {"BENCH_UPSTREAM_KEY": KEY, "PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as stack:
        pids = []
        for index in range(n):
            command = [
                sys.executable, "-m", "stillhouse.worker", "--port", str(port), "--index", str(index),
                "--data", str(home / "data"), "--config", str(home / "stillhouse.yaml"),
            ]  # fmt: skip
            pin = set(cores()[0] if n == 1 else sorted(os.sched_getaffinity(0))[index : index + 1])
            log = home / f"log-{index}"
            process = stack.enter_context(running(command, port, pin=pin, environ=environ, log=log))
            pids.append(process.pid)
        yield Running(name=engine if n == 1 else f"{engine}, {n} workers", port=port, pids=tuple(pids))


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    *,
    pin: set[int] | None = None,
    environ: dict[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process until it is done with; it listens on `port` when this goes on."""
    where = cores()[0] if pin is None else pin
    with log.open("wb") if log else open(os.devnull, "wb") as said:  # noqa: PTH123
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=said,
            env={**os.environ, **(environ or {})},
            preexec_fn=lambda: os.sched_setaffinity(0, where),  # noqa: PLW1509 - one thread here
        )
        try:
            _until_listening(port, process, log)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            if process.stdin:
                process.stdin.close()


def _until_listening(port: int, process: subprocess.Popen[bytes], log: Path | None) -> None:
    ends = time.monotonic() + _PATIENCE_S
    while time.monotonic() < ends and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    told = log.read_text("utf-8", "replace")[-2000:] if log else ""
    raise SystemExit(f"{process.args} does not listen on {port}. {told}")
