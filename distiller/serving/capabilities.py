"""What a student on the local server can do, as its route publishes it. Knows no server process.

Tried against xllamacpp 2026.10: see docs/student.md for what was seen.
"""

from __future__ import annotations

from store.vocabulary import Capabilities


def capabilities(context: int) -> Capabilities:
    """Return the capabilities of a locally served student with `context` tokens for one request.

    A classifier gives answers that the teacher gave, JSON and tool calls too. It reads the beginning of a long request only, so
    `context` is of what it was shown (`distiller.pipeline.publish`).
    Of llama.cpp: no tools: `tool_choice: required` is not enforced, so calls with tools stay with the teacher. `n` is 1:
    several choices would take the slots of other requests. The shape of a `json_schema` answer holds only
    when the answer is not cut off by its token limit.
    """
    return Capabilities(
        context=context,
        images=False,
        tools=False,
        logprobs=True,
        n=1,
        json_object=True,
        json_schema=True,
        multi_turn=True,
    )
