"""Both engines of the gateway, and the proxies that are here, under one load after the other, interleaved.

python -m benchmarks gateway [-- --windows 5 --seconds 4 --only NAME]

Every call is logged: one worker with its journal (group fdatasync), fingerprint, choice, keys, header rules and metrics. What
is measured has a core of its own, upstream and load the others. Windows of the proxies take turns; the figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import _page
from benchmarks._gateway import ground, peers
from benchmarks._gateway.ground import Running
from benchmarks._gateway.scenes import SCENES, Scene, body

_PATH = "/v1/chat/completions"
_FIGURES = (
    "rps", "cpu_us", "cpu_us_per_event", "p50_us", "p99_us", "first_p50_us", "first_p99_us", "rss_mb",
    "refused", "broken",
)  # fmt: skip


def main(argv: list[str]) -> dict[str, Any]:
    """Measure, and return the medians by scene and proxy."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks gateway --", description=__doc__)
    parser.add_argument("--windows", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of one window")
    parser.add_argument("--warm", type=float, default=1.0, help="seconds before it")
    parser.add_argument("--only", default="", help="a part of the scenes' names")
    wish = parser.parse_args(argv)
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        load, mock = ground.built("load", folder), ground.built("mock", folder)
        for number, scene in enumerate(_wanted(wish.only)):
            place = folder / str(number)
            place.mkdir()
            found[scene.name] = _measured(scene, load, mock, place, wish)
            sys.stdout.write(f"{scene.name}: {_short(found[scene.name])}\n")
            shutil.rmtree(place)
    return {
        "windows": wish.windows,
        "seconds": wish.seconds,
        "load_average": os.getloadavg()[0],
        "missing": peers.missing(),
        "scenes": found,
    }


def _wanted(part: str) -> list[Scene]:
    """Give the scenes that can be played here: TLS before the upstream is nginx's."""
    return [one for one in SCENES if part in one.name and not (one.tls and "nginx" in peers.missing())]


def _measured(
    scene: Scene, load: Path, mock: Path, folder: Path, wish: argparse.Namespace
) -> dict[str, dict[str, float]]:
    asked = body(scene, folder)
    windows: dict[str, list[dict[str, float]]] = {}
    with ExitStack() as stack:
        at = stack.enter_context(ground.upstream(mock, delay_ms=scene.delay_ms, gap_ms=scene.gap_ms))
        proxies = [Running(name="upstream alone", port=at.port, pids=())]
        if scene.tls:
            at = stack.enter_context(peers.secured(at, folder))
        proxies += [stack.enter_context(run(at, folder)) for run in _proxies(scene)]
        for _ in range(wish.windows):
            for proxy in proxies:
                windows.setdefault(proxy.name, []).append(_window(scene, load, asked, proxy, wish))
    return {
        name: {figure: statistics.median(one[figure] for one in each) for figure in _FIGURES}
        for name, each in windows.items()
    }


def _proxies(scene: Scene) -> list[Callable[..., AbstractContextManager[Running]]]:
    """Give what stands before the upstream in a scene, as far as it is here."""
    native, asgi = (partial(ground.workers, engine) for engine in ("native", "asgi"))
    if scene.several:
        return [native, partial(ground.workers, "native", n=2)]
    absent = peers.missing()
    others = {"nginx": [peers.nginx, partial(peers.nginx, bodies=True)], "litellm": [peers.litellm]}
    if scene.tls:
        others = {"nginx": [peers.nginx]}
    return [native, asgi, *(run for name, runs in others.items() if name not in absent for run in runs)]


def _window(
    scene: Scene, load: Path, asked: Path, proxy: Running, wish: argparse.Namespace
) -> dict[str, float]:
    said = subprocess.run(
        [
            load, str(proxy.port), _PATH, asked, str(scene.connections), str(scene.rate), str(wish.warm),
            str(wish.seconds), ",".join(map(str, proxy.pids)),
        ],
        check=True, capture_output=True, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, ground.cores()[1]),
    )  # fmt: skip
    window: dict[str, float] = json.loads(said.stdout)
    return window


def _short(scene: dict[str, dict[str, float]]) -> str:
    return ", ".join(f"{name} {one['rps']:,.0f}/s, {one['cpu_us']:,.0f} us" for name, one in scene.items())


def report(kept: dict[str, Any], _plots: Path) -> str:
    """Write the part of the page."""
    result = kept["result"]
    how = (
        f"{_page.ran(kept)} Medians of {result['windows']} windows of {result['seconds']:g} s; the load average at the end was"
        f" {result['load_average']:.1f}, so hold proxies against one another, and CPU rather than time."
    )
    said = [how, " ".join(result["missing"].values())]
    for scene, proxies in result["scenes"].items():
        alone = proxies.get("upstream alone", {})
        rows = [
            [
                name,
                f"{one['rps']:,.0f}",
                f"{one['cpu_us']:,.0f}" if one["cpu_us"] else "",
                f"{one['cpu_us_per_event']:,.1f}" if one["cpu_us_per_event"] else "",
                f"{one['p50_us'] - alone.get('p50_us', 0):,.0f}",
                f"{one['p99_us'] - alone.get('p99_us', 0):,.0f}",
                f"{one['first_p50_us'] - alone.get('first_p50_us', 0):,.0f}",
                f"{one['rss_mb']:,.0f}" if one["rss_mb"] else "",
                f"{one['refused'] + one['broken']:,.0f}",
            ]
            for name, one in proxies.items()
        ]
        heads = [
            scene, "requests/s", "CPU us a request", "CPU us an event", "added p50 us", "added p99 us",
            "first byte later by us", "MB", "failed",
        ]  # fmt: skip
        said.append(_page.table(heads, rows))
    return "\n\n".join(part for part in said if part)
