"""A response that goes on from another, with all that was said before it. Knows no log: it is told what was said.

Items carry on from link to link, instructions do not: that is the provider's rule.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.translate.errors import Untranslatable
from gateway.translate.fields import Object, objects

PREVIOUS = "previous_response_id"
_ELSEWHERE = {"conversation": "stateful", "prompt": "prompt_template"}  # input that no request shows


def previous(body: Object) -> str | None:
    """Give the id of the response that a request goes on from, None for none. Raises `Untranslatable`."""
    said = body.get(PREVIOUS)
    if said is not None and not isinstance(said, str):
        raise Untranslatable("malformed")
    return said or None


def resumed(body: Object, before: Sequence[tuple[Object, Object]]) -> Object:
    """Give the request as one that has everything with it. Raises `Untranslatable`.

    `before` are requests and the responses to them, oldest first.
    """
    items: list[Object] = []
    for asked, answer in before:
        for name, reason in _ELSEWHERE.items():
            if asked.get(name):
                raise Untranslatable(reason)
        items += [*_items(asked), *objects(answer.get("output"))]
    return {**_without(body), "input": [*items, *_items(body)]}


def _without(body: Object) -> Object:
    return {name: said for name, said in body.items() if name != PREVIOUS}


def _items(body: Object) -> list[Object]:
    said = body.get("input")
    return [{"role": "user", "content": said}] if isinstance(said, str) else objects(said)
