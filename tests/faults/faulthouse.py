"""A whole house of real processes, and the ways in which it is hurt. Knows no journal and no record."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import yaml
from housekit import Up, environ, free_port, until
from makers import evaluation, student

from router.opening import open_rollout
from router.settings import RolloutPolicy
from stillhouse.auditor import ledger
from stillhouse.client import AdminClient
from stillhouse.control import STANDS_BY
from stillhouse.processes.alive import lost
from store.journal.segment import names
from store.paths import DataFolder
from store.vocabulary import Task, TaskMode, TaskVersion

ROOT = Path(__file__).parents[2]
TASK = "t"
TIMEOUT_S = 5.0  # of the upstream, between two bytes


class House(Up):
    """`stillhouse up`, which may be killed, frozen and starved."""

    @classmethod
    def make(cls, folder, upstream):
        """Give a house of two workers before an upstream."""
        house = cls(
            folder=folder,
            config=folder / "stillhouse.yaml",
            gateway_port=free_port(),
            control_port=free_port(),
            variables={"PYTHONPATH": str(ROOT)},
        )
        timeouts = {"first_byte": TIMEOUT_S, "idle": TIMEOUT_S}
        house.settings = {
            "data": str(house.data),
            "gateway": {"port": house.gateway_port, "workers": 2},
            "control": {"port": house.control_port},
            "upstreams": [{"name": "local", "base_url": upstream, "timeouts": timeouts}],
            "distiller": {"min_examples": 10**6},  # nothing is trained here
        }
        house.set()
        return house

    def set(self, **branches):
        """Lay settings over those of before and write them; they count at the next start."""
        for name, branch in branches.items():
            self.settings[name] = {**self.settings.get(name, {}), **branch}
        self.config.write_text(yaml.safe_dump(self.settings))

    @property
    def journal(self):
        return DataFolder(self.data).journal

    @property
    def lost(self):
        """Records that the processes say they could not keep."""
        return lost(self.data / "run")

    @property
    def workers(self):
        return [f"worker-{number}" for number in range(self.settings["gateway"]["workers"])]

    def living(self, name):
        """The process of a name, None while there is none."""
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            process = psutil.Process(self.pid(name))
            if process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def kill_9(self, name):
        """Kill a process that lives, whatever it is doing; wait for one that does."""
        process = until(lambda: self.living(name), f"a {name}\n{self.log()}")
        process.kill()
        process.wait(10)

    def kill_9_all(self):
        """What a power cut does to the processes."""
        processes = [self.process, *filter(None, map(self.living, ("control", *self.workers)))]
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        for process in processes:
            process.wait(10)
        self.process.stdin.close()

    @contextmanager
    def frozen(self, name):
        """Stop a process, and let it go on at the end of the block."""
        process = until(lambda: self.living(name), name)
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGCONT)

    def ask(self):
        """A client of the admin API."""
        return AdminClient(self.data)

    def emptied(self):
        """Stop, and see that all of the journal is in the log and that the house's own ledger adds up."""
        assert self.stop() == 0, self.log()
        until(lambda: not names(self.journal) or self._load(), "an empty journal")
        assert ledger(self.data / "run").unaccounted == ()

    def _load(self):
        self.start()
        time.sleep(1)
        assert self.stop() == 0, self.log()

    def end(self):
        """Leave no process behind, whatever the test left of the house."""
        if self.process is None or self.process.poll() is not None:
            return
        for name in ("control", *self.workers):
            if process := self.living(name):
                process.send_signal(signal.SIGCONT)
        self.stop()

    @contextmanager
    def standby(self):
        """A second control process, which waits for the death of the first."""
        told = ("--port", self.control_port, "--config", self.config, "--data", self.data)
        said = self.folder / "standby.log"
        with said.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "stillhouse.control", *map(str, told)],
                stdin=subprocess.PIPE, stderr=log, env={**environ(), **self.variables},
            )  # fmt: skip
        try:
            until(lambda: STANDS_BY in said.read_text(), "a standby that waits")
            yield process
        finally:
            process.stdin.close()
            process.wait(40)


def plant_rollout(control):
    """Give a control state a task whose student is about to be rolled out; return the rollout."""
    epoch = control.take_epoch("test")
    control.save_task(Task(task_id=TASK, name="T", mode=TaskMode.AUTO), epoch)
    control.save_version(TaskVersion(task_id=TASK, version=1, head_hash="h", fingerprints=("f",)), epoch)
    control.save_student(student(), epoch)
    control.save_evaluation(evaluation(), epoch)
    policy = RolloutPolicy(mode=TaskMode.AUTO)
    return open_rollout(control, student(), evaluation(), policy, epoch=epoch, clock=time.time)
