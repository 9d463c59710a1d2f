"""The environment that has TRL: its own packages, and below them those that the project runs with."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = ("trl==1.16.0",)


def python() -> Path:
    """Give its interpreter; made once, outside the checkout, by pip."""
    given = os.environ.get("STILLHOUSE_BENCHMARK_CACHE")
    place = (Path(given) if given else Path.home() / ".cache" / "stillhouse-benchmarks") / "trl"
    found, done = place / "bin" / "python", place / ".ready"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True)
        own = subprocess.run(
            [str(found), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        (Path(own.stdout.strip()) / "project.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([str(found), "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        done.touch()
    return found
