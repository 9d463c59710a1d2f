"""Chat completions: what students speak themselves, so their bytes are shown with few edits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gateway import canonical, disguise, trace, wire
from gateway.capture.reading import is_stream
from gateway.surfaces.surface import Shown
from gateway.wire import Asked


@dataclass(frozen=True, slots=True)
class ChatSurface:
    """`/v1/chat/completions`."""

    name: str = trace.CHAT
    path: str = "/chat/completions"
    spoken: bool = True

    def parse(self, body: bytes, *, max_depth: int) -> Asked:
        """Read a request. Raises `Refusal` (400)."""
        return wire.parse(body, max_depth=max_depth)

    def shown(self, asked: Asked, said: bytes, content_type: str, completion: dict[str, Any]) -> Shown:
        """Give what the student said, under the model's name that the app knows."""
        if is_stream(content_type):
            return Shown(content_type=content_type, body=disguise.stream(said, asked.model))
        body = canonical.written(disguise.completion(completion, asked.model))
        return Shown(content_type=content_type, body=body)
