"""The control is a proxy: what it breaks, it breaks while it works."""

from __future__ import annotations

from standing import ASK, naive


async def test_the_control_answers_a_plain_call_and_a_stream():
    async with naive() as place, place.sdk() as client:
        answer = await client.chat.completions.create(**ASK)
        assert answer.choices[0].message.content == "Hello there"
        place.teacher.text = "More"
        place.other.text = "More words"
        stream = await client.chat.completions.create(**ASK, stream=True)
        assert "".join([c.choices[0].delta.content or "" async for c in stream]) == "More words"
