"""Runs the benchmarks that it finds: `python -m benchmarks [NAME ...] [-- ARGUMENTS]`. Knows none of them.

A benchmark is a module of this package with `main(argv: list[str]) -> dict`. Its result is written to
`benchmarks/results/NAME.json` together with when and on what it ran. Where the module has `report(kept, plots) -> str`
too, its part of `docs/benchmarks.md` is written anew from that; `python -m benchmarks report [NAME ...]` does only this.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import platform
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import _page

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def names() -> list[str]:
    """Give the modules of this package that are benchmarks."""
    here = [info.name for info in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in here if not name.startswith("_") and hasattr(_module(name), "main")]


def run(name: str, argv: list[str]) -> Path:
    """Run one benchmark and keep what it found. Gives the file."""
    started = time.time()
    found = _module(name).main(argv)
    kept = {
        "benchmark": name,
        "ran_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 1),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "result": found,
    }
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps(kept, indent=2) + "\n")
    report(name)
    return path


def report(name: str) -> None:
    """Write a benchmark's part of the page from its kept result, where it has both."""
    path, module = RESULTS / f"{name}.json", _module(name)
    if path.exists() and hasattr(module, "report"):
        _page.put(PAGE, name, module.report(json.loads(path.read_text("utf-8")), PAGE.parent / PAGE.stem))


def main(argv: list[str]) -> int:
    """Run the benchmarks named before `--`, or all, with the arguments after it; after `report`, only report on them."""
    cut = argv.index("--") if "--" in argv else len(argv)
    wanted, arguments = argv[:cut], argv[cut + 1 :]
    only_report = wanted[:1] == ["report"]
    wanted = wanted[only_report:]
    known = names()
    if unknown := [name for name in wanted if name not in known]:
        sys.stderr.write(f"There is no benchmark {unknown[0]!r}; there are: {', '.join(known) or 'none'}.\n")
        return 2
    for name in wanted or known:
        if only_report:
            report(name)
            continue
        sys.stdout.write(f"== {name}\n")
        sys.stdout.write(f"written to {run(name, arguments)}\n")
    return 0


def _module(name: str) -> Any:
    return importlib.import_module(f"benchmarks.{name}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
