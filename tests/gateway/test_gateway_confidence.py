"""A student that must be sure: what is asked of it, what is kept, what goes out, and what is the teacher's to give."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from test_gateway_student import ASK, FALLEN, accepted, app, publish, roles
from upstream import Seen, Teller, house, sse

from store.confidence import Told, confidence
from store.vocabulary import Calibration, Capabilities, Outcome, Pairing, Release, Role, Who

AS_IT_IS = Calibration(form="sum", slope=1.0, intercept=0.0, n=100)


def said(*logprobs: float) -> dict[str, Any]:
    """A choice's log-probabilities."""
    return {"content": [{"token": "t", "logprob": lp, "bytes": None, "top_logprobs": []} for lp in logprobs]}


def says(*logprobs: float) -> Any:
    """A student that answers with these log-probabilities where it is asked for them."""

    async def script(seen: Seen, out: Teller) -> None:
        told = said(*logprobs) if seen.json.get("logprobs") else None
        if not seen.json.get("stream"):
            message = {"role": "assistant", "content": "student words"}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": told}
            body = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
            return await out.whole(200, json.dumps(body).encode())
        await out.head(200, [(b"content-type", b"text/event-stream")])
        deltas = [{"role": "assistant", "content": "student words"}, {}]
        for delta, reason in zip(deltas, (None, "stop"), strict=True):
            choice = {
                "index": 0,
                "delta": delta,
                "finish_reason": reason,
                "logprobs": told if delta else None,
            }
            chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
            await out.piece(sse({**chunk, "choices": [choice]}))
        return await out.end(b"data: [DONE]\n\n")

    return script


@pytest.mark.parametrize("stream", [False, True])
async def test_a_sure_answer_goes_out_without_what_the_app_did_not_ask_for(stream):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.script = says(math.log(0.9), math.log(0.9))
        publish(place, calibration=AS_IT_IS, threshold=0.8)
        answer = await client.chat.completions.create(**ASK, stream=stream)
        if stream:
            choices = [chunk.choices[0] async for chunk in answer]
            words = "".join(choice.delta.content or "" for choice in choices)
        else:
            choices, words = answer.choices, answer.choices[0].message.content
        assert words == "student words"
        assert {choice.logprobs for choice in choices} == {None}
        assert place.student.seen[0].json["logprobs"] is True
        (attempt,) = place.journal.attempts
        assert roles([attempt]) == [(Role.SERVE, Who.STUDENT, True, Outcome.COMPLETE)]
        assert attempt.confidence == pytest.approx(0.81)
        assert b'"logprob"' not in attempt.body
        assert b"student words" in attempt.body


@pytest.mark.parametrize("stream", [False, True])
async def test_an_unsure_answer_is_the_teacher_s_to_give(stream):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.script = says(math.log(0.9), math.log(0.8))
        publish(place, calibration=AS_IT_IS, threshold=0.8, release=Release.WHOLE)
        raw = await client.chat.completions.with_raw_response.create(**ASK, stream=stream)
        assert raw.headers["x-stillhouse-route"] == "teacher"
        if stream:
            assert "".join([c.choices[0].delta.content or "" async for c in raw.parse() if c.choices])
        deferred, taught = place.journal.attempts
        assert roles([deferred, taught]) == [(Role.SERVE, Who.STUDENT, False, Outcome.DEFERRED), FALLEN]
        assert deferred.confidence == pytest.approx(0.72)
        assert deferred.error == "The student is sure to 0.720; 0.800 is needed."
        assert b"student words" in deferred.body
        assert not place.journal.calls[0].choice.pairing.startswith("reverse")


async def test_an_answer_of_which_nothing_is_known_is_not_sure():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, calibration=AS_IT_IS, threshold=0.1)
        await client.chat.completions.create(**ASK)
        deferred, taught = place.journal.attempts
        assert (deferred.outcome, deferred.confidence) == (Outcome.DEFERRED, None)
        assert taught.served


async def test_an_app_that_asks_for_log_probabilities_gets_them():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.script = says(math.log(0.9))
        publish(place, calibration=AS_IT_IS, threshold=0.5, capabilities=Capabilities(logprobs=True))
        answer = await client.chat.completions.create(**ASK, logprobs=True)
        assert answer.choices[0].logprobs.content[0].logprob == pytest.approx(math.log(0.9))


async def test_a_shadow_carries_its_confidence_and_is_never_deferred():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        place.student.script = says(math.log(0.3))
        publish(place, calibration=AS_IT_IS, threshold=0.9)
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        await client.chat.completions.create(**ASK)
        _, shadow = await place.settled(2)
        assert (shadow.outcome, shadow.confidence) == (Outcome.COMPLETE, pytest.approx(0.3))
        assert b'"logprob"' not in shadow.body


@pytest.mark.parametrize("kept", ["excluded", "unproven"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_of_a_slice_that_the_teacher_keeps_is_the_teacher_s_to_give(kept, stream):
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, slicers=("tools", "label"), **{kept: ("label:student words",)})
        raw = await client.chat.completions.with_raw_response.create(**ASK, stream=stream)
        assert raw.headers["x-stillhouse-route"] == "teacher"
        if stream:
            assert "".join([c.choices[0].delta.content or "" async for c in raw.parse() if c.choices])
        deferred, taught = place.journal.attempts
        assert roles([deferred, taught]) == [(Role.SERVE, Who.STUDENT, False, Outcome.DEFERRED), FALLEN]
        assert deferred.label == "student words"
        assert str(deferred.error).startswith("The teacher keeps label:student words")
        assert place.journal.calls[-1].choice.slices == ("tools:none",)


async def test_other_answers_go_out_and_say_their_slice_as_shadows_do():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        publish(place, slicers=("label",), excluded=("label:other words",))
        answer = await client.chat.completions.create(**ASK)
        assert answer.choices[0].message.content == "student words"
        publish(place, slicers=("label",), excluded=("label:student words",))
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        await client.chat.completions.create(**ASK)
        served, taught, shadow = await place.settled(3)
        assert [one.label for one in (served, taught, shadow)] == ["student words", None, "student words"]
        assert (served.served, shadow.outcome) == (True, Outcome.COMPLETE)


async def test_without_a_calibration_nothing_is_asked_for():
    async with house() as place, app(place) as client:
        await accepted(place, client)
        await client.chat.completions.create(**ASK)
        assert "logprobs" not in place.student.seen[0].json
        assert place.journal.attempts[0].confidence is None
        assert place.journal.attempts[0].label is None


def test_a_confidence_is_monotone_and_of_the_form_that_was_fitted():
    likely, rare = Told(total=-0.2, tokens=4), Told(total=-8.0, tokens=4)
    mean = Calibration(form="mean", slope=2.0, intercept=-1.0, n=100)
    for one in (AS_IT_IS, mean):
        assert confidence(rare, one) < confidence(likely, one)
    assert confidence(likely, AS_IT_IS) == pytest.approx(math.exp(-0.2))
    odds = math.exp(-0.05) / (1 - math.exp(-0.05))
    assert confidence(likely, mean) == pytest.approx(1 / (1 + math.exp(1.0) / odds**2))
    assert confidence(Told(total=0.0, tokens=1), AS_IT_IS) == pytest.approx(1.0)
    assert confidence(Told(total=-9999.0, tokens=1), AS_IT_IS) == pytest.approx(0.0)
    assert confidence(None, AS_IT_IS) is None
    assert confidence(likely, None) is None
