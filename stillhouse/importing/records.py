"""From what was found to our nouns: a call, its one attempt, and what was said about it. Pure.

A call from elsewhere is fingerprinted as the gateway would have done, so it belongs to the task that the app's own calls
will belong to. Its id is made of its source and its time: brought in twice, it is the same call.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway import canonical, outcome, surfaces
from gateway.errors import Refusal
from gateway.fingerprint import fingerprint
from gateway.settings import GatewaySettings
from gateway.wire import Asked
from stillhouse.importing.found import Found, Said, Unreadable
from store.ids import id_of
from store.opening import FP_VERSION
from store.template import Templates
from store.vocabulary import Attempt, Call, Choice, Feedback, Origin, Role, Who

REASON = "imported"
_JSON = "application/json"
_MOST_DEPTH = GatewaySettings().max_depth
_PREFIX = "x-stillhouse-import"
_AGE = 0.0  # of an id whose record has no time: it sorts before all that have one


@dataclass(frozen=True, kw_only=True, slots=True)
class Provenance:
    """Where records come from."""

    format: str
    file: str  # its name
    sha256: str
    when: float  # of the file, for records without a time; Unix seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What the operator says of all records."""

    model: str | None = None  # that the app asks for, in place of the record's
    tenant: str = ""  # name of the client key that the app's calls come with
    task: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Made:
    """The records of one exchange, in the order in which they are written.

    The attempt comes first: where the writer dies in between, no call is left that waits for its end.
    """

    attempt: Attempt
    call: Call
    feedback: tuple[Feedback, ...]
    head: dict[str, Any] = field(repr=False)


class Maker:
    """Makes the records of one source file."""

    def __init__(self, provenance: Provenance, wish: Wish, templates: Templates) -> None:
        self._from = provenance
        self._wish = wish
        self._templates = templates
        self._alike: Counter[bytes] = Counter()

    def make(self, found: Found) -> Made:
        """Give the records. Raises Unreadable where the gateway would not have taken the request."""
        asked = self._asked(found)
        answer = _written(found.answer)
        identity = self._identity(found, asked.body, answer)
        ts = self._from.when if found.ts is None else found.ts
        age = _AGE if found.ts is None else ts
        call = self._call(found, asked, id_of(age, b"call", *identity), ts)
        attempt = self._attempt(found, call, answer, id_of(age, b"attempt", *identity))
        said = tuple(
            _feedback(one, call, ts if one.ts is None else one.ts, age, number)
            for number, one in enumerate(found.said)
        )
        return Made(attempt=attempt, call=call, feedback=said, head=asked.head)

    def _asked(self, found: Found) -> Asked:
        request = found.request if self._wish.model is None else {**found.request, "model": self._wish.model}
        try:
            asked = surfaces.BY_NAME[found.surface].parse(_written(request), max_depth=_MOST_DEPTH)
        except Refusal as refusal:
            raise Unreadable("the gateway would not have taken the request") from refusal
        if not asked.model:
            raise Unreadable("it names no model: say with --model which one your app asks for")
        return asked

    def _identity(self, found: Found, *parts: bytes) -> tuple[bytes, ...]:
        """Give what tells a record from others of its format: its own id, or what it says and how often it did."""
        if found.record:
            return self._from.format.encode(), found.record.encode("utf-8", "replace")
        said = hashlib.sha256(b"\0".join(parts)).digest()
        self._alike[said] += 1
        return self._from.format.encode(), said, str(self._alike[said]).encode()

    def _call(self, found: Found, asked: Asked, call_id: str, ts: float) -> Call:
        wish = self._wish
        name = wish.task or _clean(found.task) or asked.task_name
        conversation = _clean(found.conversation) or asked.conversation
        source = {
            _PREFIX: self._from.format,
            f"{_PREFIX}-file": canonical.clean(self._from.file),
            f"{_PREFIX}-sha256": self._from.sha256,
            f"{_PREFIX}-record": canonical.clean(found.record),
        }
        return Call(
            call_id=call_id,
            ts=ts,
            origin=Origin.IMPORT,
            surface=asked.surface,
            path=f"/v1{surfaces.BY_NAME[asked.surface].path}",
            tenant=wish.tenant,
            task_name=name,
            fingerprint=self._fingerprint(asked, name),
            fp_version=FP_VERSION,
            model=asked.model,
            unit=conversation or asked.opening,
            conversation=conversation,
            user=_clean(found.user) or asked.user,
            headers={key: value for key, value in source.items() if value},
            body=asked.body,
            choice=Choice(reason=REASON),
        )

    def _fingerprint(self, asked: Asked, name: str | None) -> str:
        if not asked.understood:
            return ""
        return fingerprint(asked.beginning, self._wish.tenant, name, self._templates)

    def _attempt(self, found: Found, call: Call, answer: bytes, attempt_id: str) -> Attempt:
        return Attempt(
            attempt_id=attempt_id,
            call_id=call.call_id,
            ts=call.ts + found.duration_ms / 1000,
            role=Role.IMPORT,
            who=Who.TEACHER,
            served=True,
            model=_clean(found.sent) or call.model,
            upstream=f"import:{self._from.format}",
            outcome=outcome.of_answer(call.surface, _JSON, 200, answer),
            status=200,
            started=call.ts,
            first_byte_ms=found.first_byte_ms,
            duration_ms=found.duration_ms,
            content_type=_JSON,
            body=answer,
            surface=call.surface,
        )


def _feedback(said: Said, call: Call, ts: float, age: float, number: int) -> Feedback:
    return Feedback(
        feedback_id=id_of(
            age, b"feedback", call.call_id.encode(), said.name.encode("utf-8", "replace"), b"%d" % number
        ),
        ts=ts,
        target=call.call_id,
        tenant=call.tenant,
        score=said.score,
        label=_clean(said.name),
        comment=_clean(said.comment, 10_000),
        correction=_clean(said.correction, 1 << 20),
    )


def _written(value: dict[str, Any]) -> bytes:
    try:
        return msgspec.json.encode(value)
    except (UnicodeEncodeError, ValueError, TypeError, RecursionError) as error:
        raise Unreadable("it holds a value that JSON cannot carry") from error


def _clean(text: str | None, limit: int = 256) -> str | None:
    return None if text is None else canonical.clean(text, limit) or None
