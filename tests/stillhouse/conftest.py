"""A tiny local teacher, free ports, and a whole house as real processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
import yaml
from typer.testing import CliRunner

from stillhouse.cli.app import app

PATIENCE_S = 40.0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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


@pytest.fixture
def teacher():
    server = Teacher()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Up:
    """One `stillhouse up` and how to speak to it."""

    folder: Path
    config: Path
    gateway_port: int
    control_port: int
    process: subprocess.Popen | None = None
    said: list = field(default_factory=list)

    @property
    def data(self):
        return self.folder / "data"

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.gateway_port}/v1"

    def start(self):
        log = (self.folder / "up.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stillhouse", "up", "--config", str(self.config)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environ(),
        )
        log.close()
        self.ready()

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
            return (
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=2, trust_env=False).status_code == 200
            )
        except httpx.HTTPError:
            return False


def environ():
    return {k: v for k, v in os.environ.items() if not k.startswith(("STILLHOUSE_", "OPENAI_"))}


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


@pytest.fixture
def house(tmp_path, teacher):
    """A configured house that is not started yet."""
    up = Up(
        folder=tmp_path,
        config=tmp_path / "stillhouse.yaml",
        gateway_port=free_port(),
        control_port=free_port(),
    )
    up.config.write_text(
        yaml.safe_dump(
            {
                "data": str(up.data),
                "gateway": {"port": up.gateway_port, "workers": 1},
                "control": {"port": up.control_port},
                "upstreams": [{"name": "local", "base_url": teacher.url}],
            }
        )
    )
    yield up
    if up.process is not None:
        up.stop()
