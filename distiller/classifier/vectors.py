"""The vectors of many texts, kept in a folder as they are made: a killed job does not make them again. Knows no label."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from distiller.classifier.encoder import Encoder, Floats

CHUNK = 256  # texts in a file


class Vectors:
    """`of(texts)`, from the folder where they are there. A file is named by its texts and its encoder."""

    def __init__(self, encoder: Encoder, sha256: str, folder: Path, threads: int) -> None:
        self._encoder = encoder
        self._sha256 = sha256
        self._folder = folder
        self._threads = threads

    def of(self, texts: Sequence[str], tell: Callable[[int], None]) -> Floats:
        """Return one row for each text. `tell` hears how many are done, and may raise to end it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        chunks = [texts[start : start + CHUNK] for start in range(0, len(texts), CHUNK)]
        found: list[Floats] = []
        pool = ThreadPoolExecutor(self._threads)
        try:
            for chunk in pool.map(self._chunk, chunks):
                found.append(chunk)
                tell(sum(map(len, found)))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        return np.concatenate(found) if found else np.empty((0, self._encoder.width), np.float32)

    def _chunk(self, texts: Sequence[str]) -> Floats:
        what = json.dumps([self._sha256, self._encoder.width, *texts]).encode()
        path = self._folder / f"{hashlib.sha256(what).hexdigest()[:32]}.npy"
        if path.is_file():
            kept: Floats = np.load(path)
            return kept
        made = self._encoder.encode(texts)
        partial = path.with_suffix(".part")
        with partial.open("wb") as file:
            np.save(file, made)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        return made
