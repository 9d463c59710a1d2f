"""Whether a worker grows: minutes of load with apps that hang up, and what it holds of memory all along.

python -m benchmarks soak [-- --seconds 600]

Whole answers and streams by turns at full speed, while others ask for a stream, read a little of it and hang up.
"""

from __future__ import annotations

import argparse
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks import _page
from benchmarks._gateway import ground
from benchmarks._gateway.scenes import Scene, body

_ABORTS_A_SECOND = 20
_WHOLE = Scene(name="whole", connections=32)
_STREAM = Scene(name="stream", connections=32, stream=True)


def main(argv: list[str]) -> dict[str, Any]:
    """Load each engine's worker, one after the other; give its memory by minute."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak --", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--turn", type=float, default=10.0, help="seconds of one kind of load")
    parser.add_argument("--engine", nargs="+", default=["native"])
    wish = parser.parse_args(argv)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load, mock = ground.built("load", folder), ground.built("mock", folder)
        for engine in wish.engine:
            with ground.upstream(mock) as at, ground.workers(engine, at, folder) as worker:
                found[engine] = _soaked(worker, load, folder, wish)
            sys.stdout.write(f"{engine}: {found[engine]}\n")
    return {"seconds": wish.seconds, "aborts_a_second": _ABORTS_A_SECOND, "engines": found}


def _soaked(worker: ground.Running, load: Path, folder: Path, wish: argparse.Namespace) -> dict[str, Any]:
    bodies = [body(scene, folder) for scene in (_WHOLE, _STREAM)]
    done, hung_up = threading.Event(), [0]
    rude = threading.Thread(target=_hang_up, args=(worker.port, bodies[1].read_bytes(), done, hung_up))
    rude.start()
    held, answered = [_megabytes(worker)], 0
    ends = time.monotonic() + wish.seconds
    try:
        while time.monotonic() < ends:
            for asked in bodies:
                command = [
                    load,
                    str(worker.port),
                    "/v1/chat/completions",
                    asked,
                    "32",
                    "0",
                    "0.1",
                    str(wish.turn),
                    "",
                ]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                answered += int(said.split('"answered": ')[1].split(",")[0])
            held.append(_megabytes(worker))
    finally:
        done.set()
        rude.join(30)
    warm = held[len(held) // 5 :]
    half = len(warm) // 2
    growth = statistics.median(warm[half:]) - statistics.median(warm[:half]) if half else 0.0
    return {
        "answered": answered,
        "hung_up": hung_up[0],
        "megabytes": held,
        "growth_mb": round(growth, 1),
    }


def _hang_up(port: int, asked: bytes, done: threading.Event, count: list[int]) -> None:
    """Ask for streams and leave: at once, in the head, or some events later."""
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost:{port}\r\nAuthorization: Bearer sk-of-an-app-0123456789\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(asked)}\r\n\r\n"
    dice = random.Random(1)
    while not done.wait(1 / _ABORTS_A_SECOND):
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as app:
                app.sendall(head.encode() + asked[: dice.choice((len(asked), len(asked), len(asked) // 2))])
                app.settimeout(dice.choice((0.001, 0.02, 1.0)))
                app.recv(dice.choice((1, 400, 4000)))
        except OSError:
            pass  # whatever it was told, it is gone
        count[0] += 1


def _megabytes(worker: ground.Running) -> float:
    return round(sum(_resident(pid) for pid in worker.pids) / 2**20, 1)


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


def report(kept: dict[str, Any], _plots: Path) -> str:
    """Write the part of the page."""
    result = kept["result"]
    rows = [
        [
            engine,
            f"{one['answered']:,}",
            f"{one['hung_up']:,}",
            *(f"{mb:,.1f}" for mb in (one["megabytes"][0], max(one["megabytes"]), one["megabytes"][-1])),
            f"{one['growth_mb']:+.1f}",
        ]
        for engine, one in result["engines"].items()
    ]
    heads = ["engine", "answered", "hung up on", "MB at first", "most", "at last", "second half over first"]
    return f"{_page.ran(kept)}\n\n{_page.table(heads, rows)}"
