"""Short lives: a program forks workers that go on without end, and each is killed somewhere in its work.

Forking saves each the seconds of its imports. Knows no work.
"""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
TESTS = HERE.parent
LONGEST_S = 60


def serve(work):
    """Be the program: fork one worker for each line on standard input."""
    root = Path(sys.argv[1])
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            signal.alarm(LONGEST_S)  # whatever becomes of the test
            work(root)
        say(f"pid {pid}")
        os.waitpid(pid, 0)
        say("dead")


def say(text):
    """Tell the other side, in one piece."""
    os.write(sys.stdout.fileno(), f"{text}\n".encode())


class Nursery:
    """The other side of a program."""

    def __init__(self, process):
        self._process = process

    @classmethod
    @contextmanager
    def of(cls, program, root, *rooms):
        """Start a program of this folder; `rooms` are the folders of tests that it imports from."""
        paths = os.pathsep.join(map(str, (TESTS.parent, *(TESTS / room for room in rooms))))
        with subprocess.Popen(
            [sys.executable, str(HERE / program), str(root)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths},
        ) as process:  # fmt: skip
            yield cls(process)
            process.stdin.close()

    def life(self, lines, then_s):
        """Let a worker say so many lines, kill -9 it a little later; give all that it said."""
        self._process.stdin.write("another\n")
        self._process.stdin.flush()
        pid, said = None, []
        while len(said) < lines or pid is None:
            line = self._line()
            if line.startswith("pid "):
                pid = int(line.removeprefix("pid "))
            else:
                said.append(line)
        time.sleep(then_s)
        os.kill(pid, signal.SIGKILL)
        while (line := self._line()) != "dead":
            said.append(line)
        return said

    def _line(self):
        line = self._process.stdout.readline()
        assert line, "the program has ended"
        return line.rstrip("\n")
