"""Exports of OpenAI's Evals: lines of `item` with `sample`, and output items of a run, whose grades are scores.

A sample's input stands in it, or as `messages` or `input` in the item.
"""

from __future__ import annotations

from typing import Any

from stillhouse.importing import fields
from stillhouse.importing.found import Found, Object, Said, Unreadable

_SAMPLING = ("temperature", "top_p", "seed", "max_completion_tokens", "tools", "response_format")


def exchanges(value: Object) -> list[Found]:
    """Read one line. Raises Unreadable."""
    sample = fields.an_object(value.get("sample"))
    item = fields.an_object(value.get("item")) or fields.an_object(value.get("datasource_item"))
    if not sample:
        raise Unreadable("it holds no sample")
    if fields.an_object(sample.get("error")).get("message"):
        raise Unreadable("the sample is an error")
    asked = sample.get("input") or item.get("messages") or item.get("input")
    if isinstance(asked, str) and not fields.a_list(asked):
        asked = [{"role": "user", "content": asked}]
    created = fields.when(value.get("created_at") or sample.get("created"))
    record = fields.text(value.get("id")) or fields.text(sample.get("id")) or ""
    model = fields.text(sample.get("model"))
    request = {name: sample[name] for name in _SAMPLING if sample.get(name) is not None}
    if model is not None:
        request["model"] = model
    return [
        Found(
            request={**request, "messages": fields.messages(asked)},
            answer=_answer(sample, model, record),
            record=record,
            ts=created,
            said=tuple(_grade(one) for one in fields.a_list(value.get("results")) if isinstance(one, dict)),
        )
    ]


def _answer(sample: Object, model: str | None, record: str) -> Object:
    if fields.surface(sample) == "chat":
        known = ("id", "created", "usage", "system_fingerprint", "choices")
        return {
            "object": "chat.completion",
            "model": model or "",
            **{k: sample[k] for k in known if sample.get(k)},
        }
    finish = fields.text(sample.get("finish_reason"))
    told = fields.an_object(sample.get("usage"))
    usage = fields.usage(
        fields.count(told.get("prompt_tokens")),
        fields.count(told.get("completion_tokens")),
        fields.count(told.get("cached_tokens")),
    )
    return fields.completion(
        _message(sample), model=model, id=record or None, finish_reason=finish, usage=usage
    )


def _message(sample: Object) -> Object:
    output: Any = fields.a_list(sample.get("output"))
    said = [one for one in output if isinstance(one, dict) and one.get("role", "assistant") == "assistant"]
    if said:
        return dict(said[-1])
    return {"content": fields.text(sample.get("output_text"))}


def _grade(result: Object) -> Said:
    score = fields.number(result.get("score"))
    passed = result.get("passed")
    verdict = None if not isinstance(passed, bool) else "passed" if passed else "failed"
    fits = score is not None and 0 <= score <= 1
    said = verdict if fits or score is None else f"score {score:g}" + (f", {verdict}" if verdict else "")
    return Said(name=fields.text(result.get("name")) or "grade", score=score if fits else None, comment=said)
