"""Makes calls, attempts and a log that holds them, for the store's tests."""

import json
import time

from store.ids import new_id
from store.ingester import Ingester
from store.journal.writer import SegmentWriter
from store.log import Log
from store.vocabulary import Answer, Attempt, Call, Choice, Outcome, Pairing, Role, Usage, Who


def body(text="hello", *, system="You are terse.", **more):
    head = [{"role": "system", "content": system}] if system else []
    return json.dumps(
        {"model": "gpt-x", "messages": [*head, {"role": "user", "content": text}], **more}
    ).encode()


def call(text="hello", **fields):
    fields.setdefault("call_id", new_id())
    fields.setdefault("ts", time.time())
    fields.setdefault("body", body(text))
    return Call(**{"fingerprint": "f" * 32, "fp_version": 1, "model": "gpt-x", "unit": text, **fields})


def answer_body(text="fine", completion_id="chatcmpl-1"):
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    return json.dumps({"id": completion_id, "choices": choices, "usage": usage}).encode()


def attempt(of, *, role=Role.SERVE, who=Who.TEACHER, served=True, text="fine", **fields):
    attempt_id = fields.pop("attempt_id", None) or new_id()
    fields.setdefault("ts", of.ts + 0.5)
    fields.setdefault("started", of.ts)
    fields.setdefault("body", answer_body(text, f"chatcmpl-{attempt_id}"))
    fields.setdefault("outcome", Outcome.COMPLETE)
    return Attempt(
        **{
            "attempt_id": attempt_id,
            "call_id": of.call_id,
            "role": role,
            "who": who,
            "served": served,
            "model": "gpt-x" if who is Who.TEACHER else "student",
            "upstream": "openai" if who is Who.TEACHER else "student:s1",
            "surface": "chat" if role is Role.SHADOW else of.surface,
            "student_id": "s1" if who is Who.STUDENT else None,
            "status": 200,
            "content_type": "application/json",
            **fields,
        }
    )


def drawn_choice(who, pairing, *, rollout_id="r1", step="canary_25"):
    return Choice(
        who=who,
        reason="share",
        task="triage",
        task_version=1,
        rollout_id=rollout_id,
        student_id="s1",
        step=step,
        share=0.25,
        pairing=pairing,
        propensity=0.5,
        slices=("tools:none", "length:short"),
    )


def paired(text, who, **fields):
    """A call that drew a pair, with both of its attempts."""
    pairing = Pairing.SHADOW if who is Who.TEACHER else Pairing.REVERSE_SHADOW
    made = call(text, choice=drawn_choice(who, pairing), **fields)
    other = Who.STUDENT if who is Who.TEACHER else Who.TEACHER
    role = Role.SHADOW if who is Who.TEACHER else Role.REVERSE_SHADOW
    served = attempt(made, who=who, text=f"{who} says {text}")
    return made, served, attempt(made, who=other, role=role, served=False, text=f"{other} says {text}")


def rolled(writer):
    """Wait until the writer's thread has rolled the segment that is full; give the writer."""
    deadline = time.monotonic() + 10
    while writer._roll_wanted:
        assert time.monotonic() < deadline
        time.sleep(0.0005)
    return writer


def read_answer(surface, content_type, status, raw):
    try:
        completion = json.loads(raw)
    except ValueError:
        return Answer(completion=None)
    usage = completion.get("usage") or {}
    return Answer(
        completion=completion,
        completion_id=completion.get("id"),
        finish_reason=completion["choices"][0]["finish_reason"],
        usage=Usage(
            prompt_tokens=usage.get("prompt_tokens"), completion_tokens=usage.get("completion_tokens")
        ),
    )


def price(model, usage):
    return None if model == "student" else (usage.prompt_tokens or 0) / 1000


class House:
    """A data folder with a writer, a log and an ingester, all real."""

    def __init__(self, root, trace=None, read=read_answer):
        self.root = root
        self.log = Log.open(root / "log.duckdb", trace=trace)
        self.writer = SegmentWriter(root / "journal", "w0")
        self.ingester = Ingester(self.log, root / "journal", read, price)

    def add(self, *records):
        for record in records:
            assert self.writer.append(record)
        self.ingester.step()

    def close(self):
        self.writer.close()
        self.ingester.close()
        self.log.close()
