"""Calls of every surface that say the same, and what answers them, for tests of the log."""

import json

from storebuild import attempt, call

SYSTEM = {"role": "system", "content": "Be brief."}
USAGE = {"prompt_tokens": 7, "completion_tokens": 3}
FP = "f" * 32


def asked(surface, text, **more):
    says = {
        "chat": {"messages": [SYSTEM, {"role": "user", "content": text}]},
        "responses": {"instructions": "Be brief.", "input": text},
        "messages": {"system": "Be brief.", "messages": [{"role": "user", "content": text}], "max_tokens": 9},
        "completions": {"prompt": text},
    }
    body = json.dumps({"model": "m", **says[surface], **more}).encode()
    return call(text, surface=surface, body=body)


def said(surface, text, name):
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    says = {
        "chat": {"choices": [{"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}], "usage": USAGE},
        "responses": {"status": "completed", "output": [message], "usage": {"input_tokens": 7, "output_tokens": 3}},
        "messages": {
            "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
            "usage": {"input_tokens": 5, "cache_read_input_tokens": 2, "output_tokens": 3},
        },
        "completions": {"choices": [{"text": text, "index": 0, "finish_reason": "stop"}], "usage": USAGE},
    }  # fmt: skip
    return json.dumps({"id": name, "model": "m", **says[surface]}).encode()


def answered(surface, text, answer, *, name=None, **more):
    """A call of a surface that the teacher served."""
    made = asked(surface, text, **more)
    return made, attempt(made, body=said(surface, answer, name or f"id-{text}"), model="m")


def goes_on(text, previous, name, **more):
    return answered("responses", text, f"to {text}", name=name, previous_response_id=previous, **more)


def spoken(exchange):
    return [(m["role"], m["content"]) for m in exchange.request["messages"]]
