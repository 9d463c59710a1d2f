"""The surfaces that students do not speak: requests are read, and answers shown, through chat."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from msgspec.structs import replace

from gateway import canonical, trace, wire
from gateway.capture.reading import EVENT_STREAM
from gateway.surfaces.surface import Shown
from gateway.translate import Untranslatable
from gateway.translate.fields import Object
from gateway.wire import Asked


class Translation(Protocol):
    """What a module of `gateway.translate` offers for showing a student's answer."""

    def answer(self, completion: Object, asked: Object) -> Object:
        """Give the surface's own object. Raises `Untranslatable`."""

    def events(self, answer: Object) -> Iterator[tuple[str, Object]]:
        """Give the events that stream it."""


@dataclass(frozen=True, slots=True)
class Translated:
    """One of `/v1/responses`, `/v1/completions` and `/v1/messages`."""

    name: str
    path: str
    translation: Translation
    closing: bytes = b""  # what ends a stream after its last event
    spoken: bool = False

    def parse(self, body: bytes, *, max_depth: int) -> Asked:
        """Read a request. Raises `Refusal` (400). What chat cannot say is the teacher's: `barred` says why."""
        given = wire.an_object(body, max_depth=max_depth)
        barred = None
        try:
            chat = trace.request(self.name, given)
        except Untranslatable as why:
            barred = why.reason
            try:
                chat = trace.request(self.name, trace.alone(self.name, given))
            except Untranslatable:
                return self._not_understood(body, given, barred)
        written = canonical.written(
            chat
        )  # in its order: that of a schema is the order in which a student answers
        asked = wire.parse(written, max_depth=max_depth)
        conversation = _conversation(given) or asked.conversation
        return replace(
            asked,
            body=body,
            surface=self.name,
            barred=barred,
            conversation=conversation,
            metadata=wire.members(given.get("metadata")),  # a translation has none
        )

    def shown(self, asked: Asked, said: bytes, content_type: str, completion: dict[str, Any]) -> Shown:  # noqa: ARG002
        """Give the surface's own object, or its stream where one was asked for. Raises `Untranslatable`."""
        answer = self.translation.answer(completion, canonical.loads(asked.body))
        if not asked.stream:
            return Shown(content_type="application/json", body=canonical.written(answer))
        if not (asked.request.get("stream_options") or {}).get("include_usage"):
            answer = {name: told for name, told in answer.items() if name != "usage"}
        blocks = [_event(name, data) for name, data in self.translation.events(answer)]
        return Shown(content_type=f"{EVENT_STREAM}; charset=utf-8", body=b"".join(blocks) + self.closing)

    def _not_understood(self, body: bytes, given: Object, barred: str) -> Asked:
        said = wire.members(given.get("metadata"))
        return Asked(
            body=body,
            chat=b"{}",
            model=wire.name_of(given.get("model")),
            stream=given.get("stream") is True,
            task_name=wire.text(said.get("task")),
            conversation=_conversation(given) or wire.text(said.get("conversation_id")),
            user=wire.text(given.get("safety_identifier"))
            or wire.text(given.get("user"))
            or wire.text(said.get("user_id")),
            head={},
            head_messages=0,
            opening=hashlib.sha256(body).hexdigest(),
            opened=[],
            metadata=said,
            surface=self.name,
            barred=barred,
            understood=False,
        )


def _conversation(given: Object) -> str | None:
    """Give the provider's own conversation that a response belongs to."""
    said = given.get("conversation")
    return wire.text(said.get("id") if isinstance(said, dict) else said)


def _event(name: str, data: Object) -> bytes:
    return (
        (b"event: " + name.encode() + b"\n" if name else b"") + b"data: " + canonical.written(data) + b"\n\n"
    )
