"""What other proxies do to a request on its way. Each test is named after the public issue and what broke there."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from standing import ASK, Place, broken_elsewhere, gateway
from upstream import Seen, Teller


@broken_elsewhere(AssertionError)
async def test_litellm_27410_headers_of_the_app_go_on_with_text_completions(place):
    async with place.http() as client:
        for path, body in (("/v1/chat/completions", ASK), ("/v1/completions", {"model": "i", "prompt": "a"})):
            await client.post(path, json=body, headers={"x-mycorp-call": "c1"})
    sent = [*place.teacher.seen, *place.other.seen]
    assert [seen.header("x-mycorp-call") for seen in sent] == ["c1", "c1"]


def response(place: Place, who: str) -> Any:
    """Answer `/v1/responses` with reasoning that only this upstream can read."""

    async def answer(seen: Seen, out: Teller) -> None:
        reasoning = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": who}
        said = {"type": "output_text", "text": "4", "annotations": []}
        turn = {"type": "message", "id": "m", "role": "assistant", "status": "completed", "content": [said]}
        body = {"id": "resp_1", "object": "response", "status": "completed", "output": [reasoning, turn]}
        await out.whole(200, json.dumps({**body, "model": "o9", "created_at": 1}).encode())

    return answer


@broken_elsewhere(AssertionError)
async def test_litellm_32031_previous_response_id_goes_on_as_it_is(place):
    place.teacher.script = response(place, "first")
    async with place.sdk() as client:
        await client.responses.create(model="o9", input="and then?", previous_response_id="resp_+/=%2F")
    assert place.asked.json["previous_response_id"] == "resp_+/=%2F"


@broken_elsewhere(AssertionError)
async def test_litellm_40364_encrypted_reasoning_goes_back_to_who_made_it(place):
    place.teacher.script, place.other.script = response(place, "first"), response(place, "second")
    async with place.sdk() as client:
        answer = await client.responses.create(model="o9", input="2+2?", store=False)
        made_by = answer.output[0].encrypted_content
        turn = [{"role": "user", "content": "2+2?"}, *(item.model_dump() for item in answer.output)]
        await client.responses.create(model="o9", input=turn, store=False)
    maker = {"first": place.teacher, "second": place.other}[made_by]
    assert [len(seen.json["input"]) for seen in maker.seen] == [len("2+2?"), 3]


async def test_litellm_40364_where_upstreams_share_the_calls_each_gets_its_own_reasoning_back():
    async with gateway(priority=0) as place, place.sdk() as client:
        place.teacher.script, place.other.script = response(place, "first"), response(place, "second")
        for number in range(8):
            asked = {"role": "user", "content": f"{number}+2?"}
            answer = await client.responses.create(model="o9", input=[asked], store=False)
            turn = [asked, *(item.model_dump() for item in answer.output)]
            again = await client.responses.create(model="o9", input=turn, store=False)
            assert again.output[0].encrypted_content == answer.output[0].encrypted_content
        assert place.teacher.seen
        assert place.other.seen


async def test_litellm_40364_reasoning_goes_to_nobody_else_where_its_maker_is_busy():
    async def busy(seen: Seen, out: Teller) -> None:
        await out.whole(429, b'{"error":{"message":"slow down"}}')

    async with gateway() as place, place.sdk() as client:
        place.teacher.script, place.other.script = response(place, "first"), response(place, "second")
        answer = await client.responses.create(model="o9", input="2+2?", store=False)
        turn = [{"role": "user", "content": "2+2?"}, *(item.model_dump() for item in answer.output)]
        place.teacher.script = busy
        with pytest.raises(openai.RateLimitError):
            await client.responses.create(model="o9", input=turn, store=False)
        assert place.other.seen == []


async def test_litellm_40364_reasoning_goes_back_to_its_maker_where_that_was_not_the_first():
    async def busy(seen: Seen, out: Teller) -> None:
        await out.whole(429, b'{"error":{"message":"slow down"}}')

    async with gateway() as place, place.sdk() as client:
        place.teacher.script, place.other.script = busy, response(place, "second")
        answer = await client.responses.create(model="o9", input="2+2?", store=False)
        turn = [{"role": "user", "content": "2+2?"}, *(item.model_dump() for item in answer.output)]
        place.teacher.script = response(place, "first")
        place.teacher.seen.clear()
        again = await client.responses.create(model="o9", input=turn, store=False)
        assert again.output[0].encrypted_content == answer.output[0].encrypted_content
        assert place.teacher.seen == []
