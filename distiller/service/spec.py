"""What the child of the rung `service` is told. Knows no key: it reaches the service through control."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

import msgspec

from distiller.programs.teaching import Teaching
from distiller.settings import ServiceSettings
from distiller.training.files import SPEC, write
from distiller.training.spec import SpecError
from store.vocabulary import Program


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceSpec:
    """One fine-tuning at a service. Paths are absolute."""

    trainset: Path
    out: Path
    base_url: str  # of control's passage to the service; its token is in the environment
    service: ServiceSettings
    program: Program
    epochs: int
    seed: int = 0
    teaching: Teaching = field(default_factory=Teaching)
    min_rows: int = 20
    poll_s: float = 10.0
    patience_s: float = 30.0  # of one request

    def save(self, folder: Path) -> None:
        """Write `spec.json` by atomic rename."""
        told = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self).items()}
        write(folder / SPEC, json.dumps(told, indent=1))

    @classmethod
    def load(cls, folder: Path) -> ServiceSpec:
        """Read it. Raises SpecError."""
        try:
            return msgspec.json.decode((folder / SPEC).read_bytes(), type=cls, dec_hook=_path)
        except (OSError, ValueError) as error:
            raise SpecError(f"cannot read {folder / SPEC}: {error}") from error


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError(kind)
