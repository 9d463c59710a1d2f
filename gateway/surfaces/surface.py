"""What every surface is able to do. Knows no connection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.wire import Asked


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """A student's answer as the app gets it."""

    content_type: str
    body: bytes = field(repr=False)


class Surface(Protocol):
    """One wire format of an assistant's turn."""

    @property
    def name(self) -> str:
        """As `Call.surface` has it."""

    @property
    def path(self) -> str:
        """Below the API's root."""

    @property
    def spoken(self) -> bool:
        """Whether students speak it themselves: their streams can be passed on as they come."""

    def parse(self, body: bytes, *, max_depth: int) -> Asked:
        """Read a request. Raises `Refusal` (400) where it is not a JSON object or nested too deeply."""

    def shown(self, asked: Asked, said: bytes, content_type: str, completion: dict[str, Any]) -> Shown:
        """Give a student's answer, which it `said` as this `completion`. Raises `Untranslatable`."""
