"""The demo's processes: the stand-in teacher and `stillhouse up`, each ended by closing its input.

Knows how to start, reach and stop them; not what is played.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx
import yaml

from stillhouse.demo.options import DemoOptions
from stillhouse.demo.teacher import MODEL
from stillhouse.demo.tickets import Pair

_EXAMPLES = 500  # the product's own default


class StageError(RuntimeError):
    """A process of the demo would not start; the message is one sentence."""


def free_port() -> int:
    """Return a TCP port on the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(kw_only=True)
class Stage:
    """Everything that runs during the demo. Use as a context manager."""

    folder: Path  # of this run; the data folder lies below it
    options: DemoOptions
    base: Path  # prepared base model
    labels: list[Pair]  # what the stand-in teacher may be asked
    gateway_port: int = field(default_factory=free_port)
    control_port: int = field(default_factory=free_port)
    teacher_port: int = field(default_factory=free_port)
    _running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self.folder / "stillhouse-data"

    @property
    def gateway(self) -> str:
        """The base URL that the app is given."""
        return f"http://127.0.0.1:{self.gateway_port}/v1"

    @property
    def model(self) -> str:
        """The model that the app asks for."""
        return self.options.model or MODEL

    def __enter__(self) -> Self:
        """Start the teacher, then Stillhouse; return when both answer. Raises StageError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            if self.options.teacher_url is None:
                self._start_teacher()
            config = self.folder / "stillhouse.yaml"
            config.write_text(yaml.safe_dump(self.config(), sort_keys=False), encoding="utf-8")
            self._start("stillhouse", ["-m", "stillhouse", "up", "--config", str(config)])
            self._await(f"http://127.0.0.1:{self.gateway_port}/readyz", "the gateway")
            self._await(f"http://127.0.0.1:{self.control_port}/healthz", "the control process")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what was started."""
        self.stop()

    def stop(self) -> None:
        """Close the processes' inputs, last started first, and wait for them."""
        while self._running:
            process = self._running.pop()
            with contextlib.suppress(OSError):
                if process.stdin:
                    process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def _start_teacher(self) -> None:
        labels = self.folder / "stand-in-labels.json"
        labels.write_text(json.dumps({pair.input: pair.output for pair in self.labels}), encoding="utf-8")
        self._start("teacher", ["-m", "stillhouse.demo.teacher", str(labels), str(self.teacher_port)])
        self._await(f"http://127.0.0.1:{self.teacher_port}/v1/models", "the stand-in teacher")

    def _start(self, name: str, arguments: list[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                [sys.executable, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=self._environ(),
            )
        self._running.append(process)

    def _environ(self) -> dict[str, str]:
        return {k: v for k, v in os.environ.items() if not k.startswith("STILLHOUSE_")}

    def _await(self, url: str, what: str, seconds: float = 60.0) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self._running[-1].poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(url, timeout=2.0).is_success:
                    return
            time.sleep(0.1)
        raise StageError(f"{what} did not start; see the logs in {self.folder}.")

    def config(self) -> dict[str, object]:
        """Return the settings that the demo runs under, as its YAML file holds them."""
        teacher: dict[str, object] = {
            "name": "stand-in",
            "base_url": self.options.teacher_url or f"http://127.0.0.1:{self.teacher_port}/v1",
            "models": ["*"],
        }
        if self.options.teacher_url:
            teacher |= {"name": "teacher", "api_key_env": "OPENAI_API_KEY"}
        return {
            "data": str(self.data),
            "gateway": {"port": self.gateway_port},
            "control": {"port": self.control_port},
            "upstreams": [teacher],
            "student": {"base": str(self.base)},
            "distiller": {
                "schedule": "every 5s",
                "min_examples": max(_EXAMPLES, self.options.warmup),
                "training": {"epochs": self.options.epochs},
            },
            "policy": {
                "mode": "auto",
                "delta": self.options.margin,
                "alpha": self.options.alpha,
                "profile": "replay",
                "ladder": ["internalised"],
                "latency_slo_s": 10,  # the stand-in answers at once, and the student shares this machine
                "ramp_shadow": 0.25,  # the student shares two cores with everything else here
                # The stand-in costs nothing, but its price is unknown: that must not end the pairs.
                "shadow_usd_per_day": 50 if self.options.teacher_url else 1000,
            },
        }
