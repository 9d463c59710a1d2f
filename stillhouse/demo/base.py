"""The base model of the demo's students: prepared once in a child process, kept for later runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from distiller.training.spec import DEFAULT_BASE
from stillhouse.demo.screen import Screen


class BaseError(RuntimeError):
    """The base model cannot be had; the message says what to install."""


def prepare(into: Path, screen: Screen) -> Path:
    """Return the folder of the prepared base model, made in about a minute where it is not there yet.

    Raises BaseError with the preparing process's own sentence.
    """
    screen.now("preparing the base model (once, about a minute)")
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "distiller.training.base", DEFAULT_BASE, str(into.resolve())],
        check=False,
        capture_output=True,
        text=True,
    )
    screen.clear()
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise BaseError(lines[-1] if lines else "the base model could not be prepared.")
    return Path(done.stdout.strip().splitlines()[-1])
