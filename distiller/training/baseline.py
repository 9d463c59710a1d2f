"""The base model's own weights as the local server loads them. Exported once; every rung that trains nothing shares the file."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from distiller.serving.engines import WEIGHTS
from distiller.training.export import export
from distiller.training.model import load_tokenizer
from store.vocabulary import Engine

STUDENT = WEIGHTS[Engine.LLAMA]


def base_weights(
    base: Path, kept: Path, scratch: Path, tell: Callable[[int, int], None] = lambda *_: None
) -> Path:
    """Return the base's GGUF, made where it is not there yet.

    It lies beside a base that was prepared into `kept`; a folder of the user's own, or one that cannot be written to,
    stays as it is, and the file goes to `scratch`. Raises Unexportable.
    """
    own = base == kept and os.access(base, os.W_OK)
    target = (base if own else scratch) / STUDENT
    if not target.is_file():
        export(base, None, target, tokenizer=load_tokenizer(base), name="student", tell=tell)
    return target


def link(source: Path, target: Path) -> None:
    """Have `target` be the same file; a copy where the two lie on different file systems."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
