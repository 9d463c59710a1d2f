"""Turns journalled nouns into rows of the log and back. Pure; knows no connection.

A request body is stored in parts (`store.prompt`), or whole where it is no JSON object: as text in
`tail`, as bytes in `raw` where it is no text either. An answer is stored as the completion object that
it says; its raw bytes only where there is none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from store.ids import digest
from store.log.views import AttemptDetail, CallDetail
from store.prompt import join, split
from store.vocabulary import Answer, Attempt, Call, Choice, Feedback, Score, Usage

Row = dict[str, Any]
_PROMPT_DIGITS = 32  # of its hash: what a UUID holds


def call_rows(call: Call, seq: int, writer: str) -> tuple[Row, Row | None]:
    """Return the row of a call and that of its prompt, if it has one."""
    choice: Row = msgspec.to_builtins(call.choice)
    row: Row = msgspec.to_builtins(call, builtin_types=(bytes,))
    del row["choice"], row["body"]
    row |= {**choice, "chosen": choice["who"], "seq": seq, "writer": writer, "headers": _dumps(call.headers)}
    del row["who"]
    row["user_id"] = row.pop("user")
    body, prompt = _body_row(call)
    return row | body, prompt


def _body_row(call: Call) -> tuple[Row, Row | None]:
    parts = split(call.body) if call.surface == "chat" else None
    if parts is None:
        body: Row = {"prompt_hash": None, "input_hash": bytes.fromhex(digest(call.body)), "cuts": []}
        try:
            return body | {"tail": call.body.decode(), "raw": None}, None
        except UnicodeDecodeError:
            return body | {"tail": "", "raw": call.body}, None
    prompt_hash = digest(*(piece.encode() for piece in parts.pieces), b"")[:_PROMPT_DIGITS]
    return (
        {
            "prompt_hash": prompt_hash,
            "input_hash": bytes.fromhex(parts.input_hash),
            "cuts": list(parts.cuts),
            "tail": parts.tail,
            "raw": None,
        },
        {"prompt_hash": prompt_hash, "head_hash": parts.head_hash, "pieces": list(parts.pieces)},
    )


def attempt_row(attempt: Attempt, answer: Answer, cost_usd: float | None) -> Row:
    """Return the row of an attempt with what was read out of its body."""
    row: Row = msgspec.to_builtins(attempt, builtin_types=(bytes,))
    body = row.pop("body")
    text = _answer_text(body, answer)
    return row | {
        "headers": _dumps(attempt.headers),
        "answer": text,
        "raw": body if text is None and body else None,
        "completion_id": answer.completion_id,
        "finish_reason": answer.finish_reason,
        "prompt_tokens": answer.usage.prompt_tokens,
        "completion_tokens": answer.usage.completion_tokens,
        "cached_tokens": answer.usage.cached_tokens,
        "cost_usd": cost_usd,
    }


def _answer_text(body: bytes, answer: Answer) -> str | None:
    """Return the completion as JSON: the body itself where it is that, else written anew (streams)."""
    if answer.completion is None:
        return None
    if body[:1] == b"{":
        try:
            return body.decode()
        except UnicodeDecodeError:
            return None
    return _dumps(answer.completion)


def request_body(row: Mapping[str, Any]) -> bytes:
    """Return a call's body, byte for byte, from its row joined to its prompt."""
    if row["raw"] is not None:
        return bytes(row["raw"])
    return join(row["tail"], row["cuts"] or (), row["pieces"] or ())


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
    fields = {name: row[name] for name in Call.__dataclass_fields__ if name in row}
    fields |= {"headers": json.loads(row["headers"]), "user": row["user_id"], "body": request_body(row)}
    choice = {name: row[name] for name in Choice.__dataclass_fields__ if name in row} | {"who": row["chosen"]}
    return msgspec.convert(fields | {"choice": choice}, Call, builtin_types=(bytes,))


def _attempt_detail(row: Row, scores: list[Score]) -> AttemptDetail:
    fields = {name: row[name] for name in Attempt.__dataclass_fields__ if name in row}
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
    if text is None:
        return None
    value: dict[str, Any]
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        value = json.loads(text)  # NaN, lone surrogates: Python reads them
    return value


def _dumps(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
