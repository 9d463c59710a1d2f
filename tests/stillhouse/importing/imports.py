"""Records as other programs write them, and a data folder to bring them into."""

import json

from typer.testing import CliRunner

from stillhouse.cli.app import app

SYSTEM = {"role": "system", "content": "Name the queue of the ticket: billing, bug or other."}
MODEL = "gpt-4o-mini"


def user(text):
    return {"role": "user", "content": text}


def said(text):
    return {"role": "assistant", "content": text}


def lines(path, values):
    path.write_text("".join((v if isinstance(v, str) else json.dumps(v)) + "\n" for v in values), "utf-8")
    return path


def tuning(text, answer, **more):
    return {"messages": [SYSTEM, user(text), said(answer)], **more}


def chat_completion(answer="billing", **more):
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-mini-2024-07-18",
        "choices": [{"index": 0, "finish_reason": "stop", "message": said(answer)}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 1, "total_tokens": 21},
        **more,
    }


def spend(**more):
    """A row of LiteLLM_SpendLogs, as its table has it."""
    return {
        "request_id": "req-1",
        "call_type": "acompletion",
        "api_key": "88dc28d0f030c55ed4ab77ed8faf098196cb1c05df778539800c9f1243fe6b4b",
        "spend": 0.0001,
        "total_tokens": 21,
        "prompt_tokens": 20,
        "completion_tokens": 1,
        "startTime": "2026-03-01T10:00:00.000Z",
        "completionStartTime": "2026-03-01T10:00:00.400Z",
        "endTime": "2026-03-01T10:00:01.500Z",
        "model": "gpt-4o-mini-2024-07-18",
        "model_group": MODEL,
        "custom_llm_provider": "openai",
        "metadata": {},
        "cache_hit": "False",
        "end_user": "ann",
        "session_id": "session-7",
        "messages": {},
        "proxy_server_request": {
            "model": MODEL,
            "messages": [SYSTEM, user("My bill is wrong")],
            "stream": True,
        },
        "response": chat_completion(),
        "status": "success",
        **more,
    }


def generation(**more):
    """An observation as Langfuse's API gives it."""
    return {
        "id": "obs-1",
        "traceId": "trace-1",
        "type": "GENERATION",
        "name": "triage",
        "startTime": "2026-03-01T10:00:00.000Z",
        "endTime": "2026-03-01T10:00:01.500Z",
        "completionStartTime": "2026-03-01T10:00:00.400Z",
        "model": MODEL,
        "modelParameters": {"temperature": "0.2", "max_tokens": "50"},
        "input": [SYSTEM, user("My bill is wrong")],
        "output": said("billing"),
        "usageDetails": {"input": 18, "input_cached_tokens": 2, "output": 1, "total": 21},
        "level": "DEFAULT",
        **more,
    }


def score(**more):
    return {
        "id": "score-1",
        "traceId": "trace-1",
        "name": "correct",
        "value": 1,
        "source": "ANNOTATION",
        "dataType": "BOOLEAN",
        "timestamp": "2026-03-02T10:00:00.000Z",
        **more,
    }


def brought(data, source, *files, config=None, more=()):
    """Run the command and give what it tells."""
    where = ["--config", str(config)] if config else ["--data", str(data)]
    result = CliRunner().invoke(app, ["import", source, *map(str, files), *more, *where, "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)
