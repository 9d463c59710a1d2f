"""What the phases of an erasure touch. Knows no phase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from store.artifacts import Artifacts
from store.control import Control, Erasure
from store.log import Log
from store.paths import DataFolder

FAILED = "failed"  # in a report: what went wrong last; it is tried again


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """The stores of one data folder, for writing."""

    folder: DataFolder
    log: Log
    control: Control
    epoch: int
    now: Callable[[], float]  # Unix seconds

    @property
    def artifacts(self) -> Artifacts:
        """The published artifacts."""
        return Artifacts(self.folder.artifacts)

    def report(self, erasure: Erasure, name: str, told: dict[str, Any]) -> Erasure:
        """Persist what a phase has to tell, before or after what it does."""
        return self._save(replace(erasure, report={**erasure.report, name: told}))

    def enter(self, erasure: Erasure, phase: str) -> Erasure:
        """Persist that `phase` is the next thing to do."""
        return self._save(replace(erasure, phase=phase))

    def end(self, erasure: Erasure, phase: str, sentence: str) -> Erasure:
        """Persist the end, and what it came to in one sentence."""
        told = {name: told for name, told in erasure.report.items() if name != FAILED}
        report = {**told, "sentence": sentence}
        return self._save(replace(erasure, phase=phase, report=report, finished=self.now()))

    def _save(self, erasure: Erasure) -> Erasure:
        self.control.save_erasure(erasure, self.epoch)
        return erasure


def rewrite(path: Path, content: bytes) -> None:
    """Give a file of our own another content at once; it stays private."""
    draft = path.with_name(f".{path.name}.tmp")
    draft.write_bytes(content)
    draft.chmod(path.stat().st_mode & 0o777)
    draft.replace(path)
