"""The wire formats of an assistant's turn that are understood, by name and by path (`docs/wire.md`)."""

from __future__ import annotations

from gateway.surfaces.chat import ChatSurface
from gateway.surfaces.surface import Shown, Surface
from gateway.surfaces.translated import Translated
from gateway.translate import completions, messages, responses

__all__ = ["BY_NAME", "BY_PATH", "Shown", "Surface"]

_ALL: tuple[Surface, ...] = (
    ChatSurface(),
    Translated("responses", "/responses", responses),
    Translated("completions", "/completions", completions, closing=b"data: [DONE]\n\n"),
    Translated("messages", "/messages", messages),
)
BY_NAME = {surface.name: surface for surface in _ALL}
BY_PATH = {surface.path: surface for surface in _ALL}
