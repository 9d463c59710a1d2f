"""kill -9 of each process in turn, while the whole loop runs with real weights (about 15 minutes).

The demo's own summary is the judge: it holds the ledger against what the app received.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ENDED = 40 * 60


class Demo:
    """The running demo and the pid files of its processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = [sys.executable, "-m", "stillhouse", "demo", "--json", "--folder", str(folder)]
        with (folder / "out.json").open("wb") as out, (folder / "err.txt").open("wb") as err:
            self.process = subprocess.Popen([*command, "--max-minutes", "35"], stdout=out, stderr=err)

    def pid(self, pattern: str) -> int | None:
        """Give the process of a pid file, when there is one."""
        for file in self.folder.glob(f"*/stillhouse-data/run/{pattern}.pid"):
            try:
                return int(file.read_text("utf-8"))
            except (OSError, ValueError):
                continue
        return None

    def log(self) -> str:
        """Give what the demo has said so far."""
        return (self.folder / "err.txt").read_text("utf-8", "replace")

    def until(self, seen: str) -> None:
        """Wait until the demo says something."""
        deadline = time.monotonic() + ENDED
        while seen not in self.log():
            assert self.process.poll() is None, self.log()
            assert time.monotonic() < deadline, f"never saw {seen!r}:\n{self.log()}"
            time.sleep(0.3)

    def checkpoint(self, *, after: float) -> None:
        """Wait until training has written a checkpoint after a time."""
        deadline = time.monotonic() + ENDED
        while time.monotonic() < deadline:
            found = self.folder.glob("*/stillhouse-data/jobs/*/*/checkpoint.pt")
            if any(file.stat().st_mtime > after for file in found):
                return
            assert self.process.poll() is None, self.log()
            time.sleep(0.3)
        raise AssertionError(f"no checkpoint\n{self.log()}")

    def kill(self, pattern: str) -> None:
        """Kill -9 a process, and see another take its place."""
        killed = self._wait_for(pattern, None)
        os.kill(killed, signal.SIGKILL)
        self._wait_for(pattern, killed)

    def _wait_for(self, pattern: str, not_this: int | None) -> int:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            pid = self.pid(pattern)
            if pid is not None and pid != not_this and _lives(pid):
                return pid
            time.sleep(0.1)
        raise AssertionError(f"no process for {pattern}\n{self.log()}")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.weights
def test_every_process_may_be_killed_and_the_loop_goes_on_to_the_end(tmp_path):
    demo = Demo(tmp_path)
    try:
        demo.until("task found")
        demo.kill("worker-0")
        demo.until("rows to learn from")
        demo.kill("scorer")
        demo.checkpoint(after=0.0)
        demo.kill("training-*")
        demo.checkpoint(after=time.time())
        demo.kill("control")  # takes the training child with it; both come back
        demo.until("-> shadow")
        demo.kill("student-*")
        demo.until("-> canary_5")
        demo.kill("control")
        demo.until("-> canary_25")
        demo.kill("worker-1")
        assert demo.process.wait(ENDED) == 0, demo.log()
    finally:
        demo.process.kill()
        demo.process.wait(10)
    summary = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert summary["ledger"]["acknowledged_lost"] == 0
    assert summary["ledger"]["doubled"] == 0
    assert summary["cutover"]["reached_full"]
    assert summary["cutover"]["back_on_the_teacher"]
    assert summary["traffic"]["app_errors"] == 0, summary["traffic"]["first_app_errors"]
