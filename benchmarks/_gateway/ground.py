"""The ground of the measurement: an upstream, and proxies before it, each a process of its own. Knows no load."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
PEERS = HERE.parents[1] / ".venv-peers" / "bin"
KEY = "sk-of-the-upstream-0123456789"
APP_KEY = "sk-of-an-app-0123456789"  # that `load.c` sends
_PATIENCE_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """A process that serves the chat path."""

    name: str
    port: int
    pids: tuple[int, ...]


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
def upstream(mock: Path, *, delay_ms: float = 0, events: int = 40, gap_ms: float = 0) -> Iterator[int]:
    """Run the upstream; give its port."""
    port = free_port()
    command = [str(mock), str(port), str(delay_ms), str(events), str(gap_ms)]
    with _running(command, port, pin=cores()[1]):
        yield port


@contextmanager
def worker(engine: str, at: int, folder: Path) -> Iterator[Running]:
    """Run one gateway worker with its journal."""
    home = folder / f"{engine}-{at}"
    home.mkdir()
    said = {
        "upstreams": [
            {"name": "mock", "base_url": f"http://127.0.0.1:{at}/v1", "api_key_env": "BENCH_UPSTREAM_KEY"}
        ],
        "gateway": {"engine": engine},
    }
    (home / "stillhouse.yaml").write_text(yaml.safe_dump(said))
    port = free_port()
    command = [
        sys.executable, "-m", "stillhouse.worker", "--port", str(port),
        "--data", str(home / "data"), "--config", str(home / "stillhouse.yaml"),
    ]  # fmt: skip
    environ = {"BENCH_UPSTREAM_KEY": KEY, "PYTHONPATH": os.pathsep.join(sys.path)}
    with _running(command, port, environ=environ, log=home / "log") as process:
        yield Running(name=engine, port=port, pids=(process.pid,))


@contextmanager
def nginx(at: int, folder: Path) -> Iterator[Running]:
    """Run nginx as a plain proxy with one worker, keep-alive on both sides and no buffering."""
    home = folder / f"nginx-{at}"
    home.mkdir()
    port = free_port()
    (home / "conf").write_text(
        f"daemon off; worker_processes 1; pid {home}/pid; error_log {home}/log;"
        "events { worker_connections 4096; }"
        f"http {{ access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy;"
        f" fastcgi_temp_path {home}/f; uwsgi_temp_path {home}/u; scgi_temp_path {home}/s; client_max_body_size 64m;"
        f" keepalive_requests 10000000; client_body_buffer_size 1m; upstream mock {{ server 127.0.0.1:{at}; keepalive 512; keepalive_requests 10000000; }}"
        f" server {{ listen 127.0.0.1:{port} backlog=2048; location / {{ proxy_pass http://mock; proxy_http_version 1.1;"
        ' proxy_set_header Connection ""; proxy_buffering off; } } }'
    )
    command = [str(shutil.which("nginx")), "-p", str(home), "-c", str(home / "conf"), "-e", str(home / "log")]
    with _running(command, port) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        yield Running(name="nginx", port=port, pids=tuple(map(int, children)))


@contextmanager
def litellm(at: int, folder: Path) -> Iterator[Running]:
    """Run LiteLLM's proxy with one worker (`make bench-peers` installs it)."""
    home = folder / f"litellm-{at}"
    home.mkdir()
    model = {"model": "openai/gpt-4o-mini", "api_base": f"http://127.0.0.1:{at}/v1", "api_key": KEY}
    said = {
        "model_list": [{"model_name": "gpt-4o-mini", "litellm_params": model}],
        "general_settings": {"master_key": APP_KEY},
    }
    (home / "config.yaml").write_text(yaml.safe_dump(said))
    port = free_port()
    command = [
        str(PEERS / "litellm"),
        "--config",
        str(home / "config.yaml"),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    with _running(command, port, environ={"LITELLM_LOG": "ERROR"}, log=home / "log") as process:
        yield Running(name="litellm", port=port, pids=(process.pid,))


def missing() -> dict[str, str]:
    """Say which peers are not here, and what would bring them."""
    absent = {}
    if shutil.which("nginx") is None:
        absent["nginx"] = "nginx is not installed."
    if not (PEERS / "litellm").exists():
        absent["litellm"] = "LiteLLM's proxy is not installed: `make bench-peers` does that."
    return absent


@contextmanager
def _running(
    command: Sequence[str],
    port: int,
    *,
    pin: set[int] | None = None,
    environ: dict[str, str] | None = None,
    log: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
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
