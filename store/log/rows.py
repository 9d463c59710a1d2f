"""Turns journalled nouns into columns of the log, and rows back into nouns. Pure; knows no connection.

A request body is stored in parts (`store.prompt`), or whole where it means no chat request: as text in
`tail`, as bytes in `raw` where it is no text either. An answer is stored as the completion object that
it says; its raw bytes only where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from store.ids import digest
from store.log import tables
from store.log.views import AttemptDetail, CallDetail
from store.prompt import Split, join
from store.split import split
from store.trace import Trace
from store.vocabulary import Answer, Attempt, Call, Choice, Feedback, Score, Usage

Row = dict[str, Any]
_CHOICE = (
    "reason",
    "task",
    "task_version",
    "rollout_id",
    "student_id",
    "step",
    "share",
    "pairing",
    "propensity",
    "slices",
)
_COUNTS = ("prompt_tokens", "completion_tokens", "cached_tokens")
_write = json.JSONEncoder(separators=(",", ":")).encode


class Kept(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An attempt with what the log keeps of its answer. Holds no tree of objects: thousands wait together."""

    attempt: Attempt
    text: str | None  # the completion as JSON; None where none could be read
    completion_id: str | None
    finish_reason: str | None
    usage: Usage
    cost_usd: float | None


NO_ANSWER = Answer(completion=None)


def kept(attempt: Attempt, answer: Answer = NO_ANSWER, cost_usd: float | None = None) -> Kept:
    """Take what is kept of an answer. Raises TypeError or ValueError where its completion is no JSON."""
    return Kept(
        attempt=attempt,
        text=_answer_text(attempt.body, answer),
        completion_id=answer.completion_id,
        finish_reason=answer.finish_reason,
        usage=answer.usage,
        cost_usd=cost_usd,
    )


def calls_table(
    calls: Sequence[tuple[Call, str]], first: int, trace: Trace
) -> tuple[pa.Table, dict[str, Split]]:
    """Return calls, each with its writer, numbered from `first`, and the parts of one request for each prompt."""
    nouns = [call for call, _ in calls]
    choices = [call.choice for call in nouns]
    parts = [split(call.body, call.surface, trace) for call in nouns]
    whole = [_whole(call.body) if part is None else None for call, part in zip(nouns, parts, strict=True)]
    table = tables.table(
        nouns,
        tables.CALLS,
        seq=range(first, first + len(nouns)),
        writer=[writer for _, writer in calls],
        user_id=[call.user for call in nouns],
        headers=[_headers(call.headers) for call in nouns],
        chosen=[choice.who for choice in choices],
        prompt_hash=[None if part is None else part.prompt_hash for part in parts],
        input_hash=[
            bytes.fromhex(digest(call.body) if part is None else part.input_hash)
            for call, part in zip(nouns, parts, strict=True)
        ],
        cuts=[() if part is None else part.cuts for part in parts],
        tail=[
            part.tail if part is not None else body if isinstance(body, str) else ""
            for part, body in zip(parts, whole, strict=True)
        ],
        raw=[body if isinstance(body, bytes) else None for body in whole],
        **tables.attributes(choices, _CHOICE),
    )
    return table, {part.prompt_hash: part for part in parts if part is not None}


def attempts_table(attempts: Sequence[Kept]) -> pa.Table:
    """Return attempts, each with what was read out of its body."""
    nouns = [one.attempt for one in attempts]
    return tables.table(
        nouns,
        tables.ATTEMPTS,
        headers=[_headers(attempt.headers) for attempt in nouns],
        answer=[one.text for one in attempts],
        raw=[
            attempt.body if one.text is None and attempt.body else None
            for attempt, one in zip(nouns, attempts, strict=True)
        ],
        **tables.attributes(attempts, ("completion_id", "finish_reason", "cost_usd")),
        **tables.attributes([one.usage for one in attempts], _COUNTS),
    )


def _whole(body: bytes) -> str | bytes:
    """Return a body that was not parted: as text where it is that."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def _headers(headers: Mapping[str, str]) -> str:
    return msgspec.json.encode(headers).decode()


def _answer_text(body: bytes, answer: Answer) -> str | None:
    """Return the completion as JSON: the body itself where it is that, else written anew (streams)."""
    if answer.completion is None:
        return None
    if body[:1] == b"{":
        try:
            return body.decode()
        except UnicodeDecodeError:
            return None
    return _write(answer.completion)


def request_body(row: Mapping[str, Any]) -> bytes:
    """Return a call's body, byte for byte, from its row joined to its prompt."""
    if row["raw"] is not None:
        return bytes(row["raw"])
    return join(row["tail"], row["cuts"] or (), row["pieces"] or ())


def request_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the request that a row which was parted holds."""
    request: dict[str, Any] = _value(join(row["tail"], row["cuts"], row["pieces"]))
    return request


def call_detail(
    row: Mapping[str, Any],
    attempts: list[Row],
    scores: list[Row],
    feedback: list[Row],
) -> CallDetail:
    """Return everything about one call from its rows."""
    judged = [msgspec.convert(score, Score) for score in scores]
    return CallDetail(
        seq=row["seq"],
        call=_call(row),
        head_hash=row["head_hash"],
        input_hash=row["input_hash"],
        attempts=tuple(_attempt_detail(attempt, judged) for attempt in attempts),
        feedback=tuple(msgspec.convert(item, Feedback) for item in feedback),
    )


def _call(row: Mapping[str, Any]) -> Call:
    fields = {name: row[name] for name in Call.__struct_fields__ if name in row}
    fields |= {"headers": json.loads(row["headers"]), "user": row["user_id"], "body": request_body(row)}
    choice = {name: row[name] for name in Choice.__struct_fields__ if name in row} | {"who": row["chosen"]}
    return msgspec.convert(fields | {"choice": choice}, Call, builtin_types=(bytes,))


def _attempt_detail(row: Row, scores: list[Score]) -> AttemptDetail:
    fields = {name: row[name] for name in Attempt.__struct_fields__ if name in row}
    fields |= {"headers": json.loads(row["headers"]), "body": bytes(row["raw"] or b"")}
    attempt = msgspec.convert(fields, Attempt, builtin_types=(bytes,))
    return AttemptDetail(
        attempt=attempt,
        answer=parsed(row["answer"]),
        completion_id=row["completion_id"],
        finish_reason=row["finish_reason"],
        usage=Usage(
            prompt_tokens=row["prompt_tokens"],
            completion_tokens=row["completion_tokens"],
            cached_tokens=row["cached_tokens"],
        ),
        cost_usd=row["cost_usd"],
        scores=tuple(score for score in scores if score.attempt_id == attempt.attempt_id),
    )


def parsed(text: str | None) -> dict[str, Any] | None:
    """Return the JSON object that a stored text says, None for none."""
    return None if text is None else _value(text)


def _value(text: str | bytes) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)  # NaN, lone surrogates: Python reads them
