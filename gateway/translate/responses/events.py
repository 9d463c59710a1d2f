"""The events that stream a response, in the provider's order and numbered. Knows no connection.

Source: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from __future__ import annotations

from collections.abc import Iterator

from gateway.translate.fields import Object
from gateway.translate.pieces import pieces, with_logprobs

_ENDS = {"completed": "response.completed", "incomplete": "response.incomplete"}


def events(answer: Object) -> Iterator[tuple[str, Object]]:
    """Give name and data of each event of a response that `answer` made."""
    for number, (name, data) in enumerate(_unnumbered(answer)):
        yield name, {"type": name, **data, "sequence_number": number}


def _unnumbered(answer: Object) -> Iterator[tuple[str, Object]]:
    begun = {
        **answer,
        "status": "in_progress",
        "completed_at": None,
        "incomplete_details": None,
        "output": [],
        "service_tier": "auto",
        "usage": None,
    }
    yield "response.created", {"response": begun}
    yield "response.in_progress", {"response": begun}
    for index, item in enumerate(answer["output"]):
        place = {"item_id": item["id"], "output_index": index}
        called = item["type"] == "function_call"
        empty: Object = {"arguments": ""} if called else {"content": []}
        started = {**item, "status": "in_progress", **empty}
        yield "response.output_item.added", {"output_index": index, "item": started}
        yield from _call(item, place) if called else _message(item, place)
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield _ENDS.get(answer["status"], "response.failed"), {"response": answer}


def _message(item: Object, place: Object) -> Iterator[tuple[str, Object]]:
    for index, part in enumerate(item["content"]):
        here = {**place, "content_index": index}
        refused = part["type"] == "refusal"
        empty: Object = {"refusal": ""} if refused else {"text": "", "annotations": [], "logprobs": []}
        yield "response.content_part.added", {**here, "part": {**part, **empty}}
        yield from _refusal(part, here) if refused else _text(part, here)
        yield "response.content_part.done", {**here, "part": part}


def _text(part: Object, here: Object) -> Iterator[tuple[str, Object]]:
    told = [_without_bytes(entry) for entry in part["logprobs"]]
    for piece, logprobs in with_logprobs(part["text"], told):
        yield "response.output_text.delta", {**here, "delta": piece, "logprobs": logprobs}
    for index, annotation in enumerate(part["annotations"]):
        data = {**here, "annotation_index": index, "annotation": annotation}
        yield "response.output_text.annotation.added", data
    yield "response.output_text.done", {**here, "text": part["text"], "logprobs": told}


def _without_bytes(entry: Object) -> Object:
    """Give a token as events tell it; its bytes come with the whole part."""
    told = {name: said for name, said in entry.items() if name != "bytes"}
    if "top_logprobs" in told:
        told["top_logprobs"] = [_without_bytes(other) for other in told["top_logprobs"]]
    return told


def _refusal(part: Object, here: Object) -> Iterator[tuple[str, Object]]:
    for piece in pieces(part["refusal"]):
        yield "response.refusal.delta", {**here, "delta": piece}
    yield "response.refusal.done", {**here, "refusal": part["refusal"]}


def _call(item: Object, place: Object) -> Iterator[tuple[str, Object]]:
    for piece in pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", {**place, "delta": piece}
    done = {**place, "arguments": item["arguments"], "name": item["name"]}
    yield "response.function_call_arguments.done", done
