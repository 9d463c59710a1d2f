"""`stillhouse up`: starts the other processes and keeps them running. Knows no call, no model and no statistics.

Every child has a pipe of ours as its standard input, so none outlives us. On the way out the workers go
first (they drain), then control (it ingests what they left), then the student servers and the translator.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

from stillhouse.errors import AlreadyRunning, Unwritable
from stillhouse.processes import ports, stdin
from stillhouse.processes.child import CONFIG_ERROR, Child, Spec, meaning, write_atomic
from stillhouse.processes.lock import FileLock
from stillhouse.processes.served import BACKLOG
from stillhouse.processes.variables import Environment, Keys
from stillhouse.serving import StudentServers
from stillhouse.settings import Settings, convert, snapshot
from stillhouse.settings.calls import LITELLM, LOOPBACK
from stillhouse.translator.door import Door
from store.errors import StoreError
from store.paths import DataFolder

logger = logging.getLogger(__name__)
TICK_S = 0.1
READY_S = 60.0
CONTROL_STOP_S = 45.0  # it gives a training child 25 s, then loads what the workers left
STOP_S = 10.0
TOKEN_BYTES = 32
SNAPSHOT = "settings.yaml"
STOPPED = "  Students are stopped; `stillhouse stop-students --resume` ends this."


def up(settings: Settings, config: Path | None, say: Callable[[str], None]) -> int:
    """Run until a signal comes; gives the exit code.

    Raises AlreadyRunning, Unwritable, PortTaken or ConfigError before anything was started.
    """
    folder, lock = _taken(settings)
    sockets: list[socket.socket] = []
    try:
        for host, port, setting in (
            (settings.gateway.host, settings.gateway.port, "gateway.port"),
            (settings.control.host, settings.control.port, "control.port"),
        ):
            sockets.append(ports.reserve(host, port, setting))
        gateway, control = (ports.port_of(sock) for sock in sockets)
        door, waiting = None, None
        if any(upstream.kind == LITELLM for upstream in settings.upstreams):
            waiting = ports.listening(LOOPBACK, BACKLOG)
            sockets.append(waiting)
            url = ports.url(LOOPBACK, ports.port_of(waiting))
            door = Door(url=url, token=secrets.token_urlsafe(TOKEN_BYTES))
        return Supervisor(settings, folder, config, gateway, control, door=door, waiting=waiting).run(say)
    finally:
        for sock in sockets:
            sock.close()
        lock.release()


def _taken(settings: Settings) -> tuple[DataFolder, FileLock]:
    """Make the data folder and hold it. A disk that is full now is no reason not to start, once it was made."""
    folder = DataFolder(settings.data)
    try:
        folder.create()
        (folder.root / "logs").mkdir(mode=0o700, exist_ok=True)
        lock = FileLock(folder.run / "supervisor.lock")
        taken = lock.try_take()
    except StoreError as error:
        raise Unwritable(str(error)) from error
    except OSError as error:
        raise Unwritable(f"The data folder {folder.root} cannot be written: {error.strerror}.") from error
    if not taken:
        raise AlreadyRunning(f"Another `stillhouse up` already uses the data folder {folder.root}.")
    return folder, lock


class Supervisor:
    """Owns the children. One `tick` looks at each once."""

    def __init__(
        self,
        settings: Settings,
        folder: DataFolder,
        config: Path | None,
        gateway_port: int,
        control_port: int,
        *,
        door: Door | None = None,
        waiting: socket.socket | None = None,
    ) -> None:
        """`door` leads to the translator; `waiting` listens behind it, also while the translator starts."""
        self._folder = folder
        self._stopping = threading.Event()
        self._logs = folder.root / "logs"
        self._drain_s = worker_patience(convert.gateway(settings, b"").drain_s)
        self._gateway = (settings.gateway.host, gateway_port)
        self._admin = (settings.control.host, control_port)
        given = self._given(settings, config)
        keys = Keys.of(settings)
        told = {} if door is None else door.told()
        calling = Environment(without=keys.translated - keys.spoken, told=told)
        count = settings.gateway.workers or len(os.sched_getaffinity(0))
        self._workers = [
            self._child(
                calling,
                f"worker-{i}",
                *("stillhouse.worker", "--index", str(i), "--port", str(gateway_port), *given),
            )
            for i in range(count)
        ]
        self._control = self._child(
            calling, "control", "stillhouse.control", "--port", str(control_port), *given
        )
        self._translators: list[Child] = []
        if waiting is not None:
            own = Environment(without=keys.spoken - keys.translated, told=told)
            command = ("stillhouse.translator.process", "--socket", str(waiting.fileno()), *given)
            self._translators.append(self._child(own, "translator", *command, sockets=(waiting.fileno(),)))
        keyless = Environment(without=keys.spoken | keys.translated)
        self._servers = StudentServers(folder, partial(self._child, keyless))

    def run(self, say: Callable[[str], None]) -> int:
        """Start all, watch all, stop all; gives the exit code."""
        self._catch_signals()
        with suppress(OSError):
            for file in self._folder.run.glob("*.pid"):
                file.unlink()  # of a house that was killed
        if stat.S_ISFIFO(os.fstat(sys.stdin.fileno()).st_mode):
            stdin.watch(self._stopping.set)  # a pipe has an owner; when it is gone, so are we
        self._note("gateway.url", ports.url(*self._gateway))
        self._note("control.url", ports.url(*self._admin))
        code, announced, started = 0, False, time.monotonic()
        try:
            while not self._stopping.is_set():
                wrong = self._tick()
                if wrong is not None:
                    say(f"Stopped: {wrong}")
                    code = CONFIG_ERROR
                    break
                waited = time.monotonic() - started
                if not announced and (self._listening() or waited > READY_S):
                    announced = True
                    say(self._banner())
                self._stopping.wait(TICK_S)
        finally:
            self._stop()
        return code

    def _tick(self) -> str | None:
        for child in (*self._workers, self._control, *self._translators):
            code = child.tick()
            if code == CONFIG_ERROR and child.restarts == 1:
                return child.last_line or f"{child.spec.name} ended with {meaning(code)}."
        self._servers.tick()
        return None

    def _stop(self) -> None:
        logger.info("stopping")
        for group, patience in (
            (self._workers, self._drain_s),
            ([self._control], CONTROL_STOP_S),
            ([*self._servers.children(), *self._translators], STOP_S),
        ):
            for child in group:
                child.ask_to_stop()
            deadline = time.monotonic() + patience
            for child in group:
                child.finish(deadline - time.monotonic())
        self._servers.close()
        with suppress(OSError):
            for name in ("gateway.url", "control.url", SNAPSHOT):
                (self._folder.run / name).unlink(missing_ok=True)

    def _given(self, settings: Settings, config: Path | None) -> tuple[str, ...]:
        """Give what every process is told: the settings as they are now, whatever becomes of their file."""
        source = config or settings.source
        given = ("--data", str(self._folder.root), *(("--config", str(source)) if source else ()))
        if self._note(SNAPSHOT, snapshot.text(settings)):
            return (*given, "--snapshot", str(self._folder.run / SNAPSHOT))
        return given

    def _note(self, name: str, text: str) -> bool:
        """Write a small file into `run/`; where the disk refuses, go on without one, and without an older one."""
        path = self._folder.run / name
        try:
            write_atomic(path, text)
        except OSError as error:
            logger.warning("%s cannot be written: %s", path, error.strerror)
            with suppress(OSError):
                path.unlink(missing_ok=True)
            return False
        return True

    def _child(
        self,
        environment: Environment,
        name: str,
        module: str,
        *arguments: str,
        sockets: tuple[int, ...] = (),
    ) -> Child:
        run, logs = self._folder.run, self._logs
        spec = Spec(
            name=name,
            argv=(sys.executable, "-m", module, *arguments),
            pid_file=run / f"{name}.pid",
            log_file=logs / f"{name}.log",
            environ=environment.of(os.environ),
            sockets=sockets,
        )
        return Child(spec, time.monotonic)

    def _catch_signals(self) -> None:
        def stop(_number: int, _frame: FrameType | None) -> None:
            self._stopping.set()

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)

    def _listening(self) -> bool:
        return all(_accepts(host, port) for host, port in (self._gateway, self._admin))

    def _banner(self) -> str:
        gateway, admin = ports.url(*self._gateway), ports.url(*self._admin)
        return "\n".join(
            (
                "Stillhouse is up.",
                f"  In your app:   export OPENAI_BASE_URL={gateway}/v1",
                f"  Anthropic SDK: export ANTHROPIC_BASE_URL={gateway}",
                f"  Status page:   {admin}/   (`stillhouse status --open`)",
                f"  Everything is kept in {self._folder.root}",
                *((STOPPED,) if self._folder.stop_file.exists() else ()),
                "  Stop with Ctrl-C.",
            )
        )


def worker_patience(drain_s: float) -> float:
    """Seconds that a worker gets to stop: for open answers, as long again for shadows, and some to spare."""
    return 2 * drain_s + 5


def _accepts(host: str, port: int) -> bool:
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    try:
        with socket.create_connection((target, port), timeout=0.2):
            return True
    except OSError:
        return False
