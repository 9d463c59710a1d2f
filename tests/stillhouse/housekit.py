"""A tiny local teacher, free ports, a whole house as real processes: what tests and fixtures share."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import cycle, islice
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from stillhouse.cli.app import app

PATIENCE_S = 40.0


def _ports():
    """Ports below those that the kernel gives to who asks for any; each worker of a parallel run has its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    first = 10_000 + worker % 4 * 5_000
    return islice(cycle(range(first, first + 5_000)), os.getpid() % 5_000, None)


PORTS = _ports()


def free_port():
    """A port that is free, and given to nobody else before a house takes it."""
    return next(filter(_free, PORTS))


def _free(port):
    with socket.socket() as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))
        return True
    return False


def until(condition, what, patience=PATIENCE_S):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"it never came to this: {what}")


class Teacher(ThreadingHTTPServer):
    """Answers chat completions; keeps what it was asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.asked.append({"headers": dict(self.headers), "body": json.loads(body)})
        answer = {
            "id": f"chatcmpl-{len(self.server.asked)}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": "gpt-4o-mini",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "billing"}}
            ],
            "usage": {"prompt_tokens": 12, "completion_tokens": 1, "total_tokens": 13},
        }
        data = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@dataclass
class Up:
    """One `stillhouse up` and how to speak to it."""

    folder: Path
    config: Path
    gateway_port: int
    control_port: int
    process: subprocess.Popen | None = None
    variables: dict = field(default_factory=dict)  # of its environment

    @property
    def data(self):
        return self.folder / "data"

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.gateway_port}/v1"

    def start(self):
        self.launch()
        self.ready()

    def launch(self):
        with (self.folder / "up.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stillhouse", "up", "--config", str(self.config)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={**environ(), **self.variables},
            )

    def ready(self):
        until(lambda: self._well(self.gateway_port) and self._well(self.control_port), self.log())

    def log(self):
        return (self.folder / "up.log").read_text()

    def pid(self, name):
        return int((self.data / "run" / f"{name}.pid").read_text())

    def kill(self, name):
        os.kill(self.pid(name), signal.SIGKILL)

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(40)
        self.process.stdin.close()
        return code

    def cli(self, *arguments):
        return cli(*arguments, "--config", str(self.config))

    def look(self, *arguments):
        """Run a command in this process and give its JSON."""
        result = CliRunner().invoke(app, [*arguments, "--json", "--config", str(self.config)])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    @staticmethod
    def _well(port):
        try:
            return get(f"http://127.0.0.1:{port}/healthz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def get(url, **more):
    return httpx.get(url, trust_env=False, verify=False, **more)  # TLS would read its authorities at each try


def environ():
    """The environment of a house: ours without what would configure it, but for the engine that is under test."""
    engine = {"STILLHOUSE_GATEWAY__ENGINE": os.environ.get("ENGINE_UNDER_TEST", "native")}
    return {k: v for k, v in os.environ.items() if not k.startswith(("STILLHOUSE_", "OPENAI_"))} | engine


def cli(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "stillhouse", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
        env=environ(),
        check=False,
    )
