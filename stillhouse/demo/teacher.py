"""The stand-in teacher: an OpenAI-compatible server that answers from known labels, and says so.

It stands where a large model would, so that the demo needs no key and no network. It is a separate
process (`python -m stillhouse.demo.teacher LABELS PORT`) and dies when its standard input closes.
Knows nothing of Stillhouse.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

MODEL = "stand-in-teacher"
_DELAY_S = (0.02, 0.08)  # what a quick hosted model's network alone would take


def build(labels: dict[str, str], seed: int = 0) -> FastAPI:
    """Return the server; `labels` maps the last user message to the answer."""
    app = FastAPI(openapi_url=None)
    rng = random.Random(seed)

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {
            "object": "list",
            "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "demo"}],
        }

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        answer = labels.get(_last_user(body))
        if answer is None:
            return JSONResponse(_error("The stand-in teacher knows only the demo's own inputs."), 400)
        await asyncio.sleep(rng.uniform(*_DELAY_S))
        completion = _completion(body, answer)
        if not body.get("stream"):
            return JSONResponse(completion)
        return StreamingResponse(_stream(completion, answer), media_type="text/event-stream")

    @app.post("/v1/responses")
    async def responses(request: Request) -> Response:
        body = await request.json()
        said = body.get("input")
        answer = labels.get(said) if isinstance(said, str) else None
        if answer is None or body.get("stream"):
            return JSONResponse(_error("The stand-in teacher knows only the demo's own inputs."), 400)
        await asyncio.sleep(rng.uniform(*_DELAY_S))
        return JSONResponse(_response(body, said, answer))

    return app


def _last_user(body: dict[str, Any]) -> str:
    texts = [m.get("content") for m in body.get("messages", []) if m.get("role") == "user"]
    return texts[-1] if texts and isinstance(texts[-1], str) else ""


def _completion(body: dict[str, Any], answer: str) -> dict[str, Any]:
    prompt = sum(len(str(m.get("content") or "")) for m in body.get("messages", [])) // 4
    usage = {"prompt_tokens": prompt, "completion_tokens": len(answer) // 4}
    return {
        "id": f"chatcmpl-{random.randbytes(12).hex()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": MODEL,
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}
        ],
        "usage": {**usage, "total_tokens": sum(usage.values())},
    }


def _response(body: dict[str, Any], said: str, answer: str) -> dict[str, Any]:
    prompt, told = (len(body.get("instructions") or "") + len(said)) // 4, len(answer) // 4
    part = {"type": "output_text", "text": answer, "annotations": [], "logprobs": []}
    item = {"type": "message", "role": "assistant", "status": "completed", "content": [part]}
    return {
        "id": f"resp_{random.randbytes(24).hex()}",
        "object": "response",
        "created_at": int(time.time()),
        "model": MODEL,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "output": [{"id": f"msg_{random.randbytes(24).hex()}", **item}],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": told,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": prompt + told,
        },
    }


async def _stream(completion: dict[str, Any], answer: str) -> AsyncIterator[bytes]:
    head = {k: completion[k] for k in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    pieces: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": answer[i : i + 8]} for i in range(0, len(answer), 8)]
    for piece in pieces:
        yield _event(head | {"choices": [{"index": 0, "delta": piece, "finish_reason": None}]})
    yield _event(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    yield b"data: [DONE]\n\n"


def _event(chunk: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(chunk, separators=(",", ":")).encode() + b"\n\n"


def _error(message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}


def main(labels_file: str, port: str) -> None:
    """Serve until standard input closes."""
    labels = json.loads(Path(labels_file).read_text(encoding="utf-8"))
    server = uvicorn.Server(
        uvicorn.Config(build(labels), host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
    )

    def watch() -> None:
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=watch, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
