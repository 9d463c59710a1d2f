"""From an app's bytes, through the gateway and the journal's records, to what the ledger teaches."""

import json

import openai
import pytest
from storebuild import House as Books
from test_gateway_surfaces import ASK, CHAT, PATH, accepted, raw, speaks, teach
from upstream import house

from distiller.scoring.shape import Shape
from distiller.trainset import screen
from gateway import trace
from gateway.capture import read_answer
from gateway.translate import responses
from store.vocabulary import Pairing, Who

CHAT_PATH = "/chat/completions"
PATHS = {**PATH, "chat": f"/v1{CHAT_PATH}"}
ASKS = {**ASK, "chat": CHAT}


@pytest.fixture
def books(tmp_path):
    made = Books(tmp_path, trace, read_answer)
    yield made
    made.close()


def exchanges(books, place):
    books.add(*place.journal.records)
    return books.log.exchanges(
        {call.fingerprint for call in place.journal.calls}, limit=99, newest_first=False
    )


async def speaks_all(seen, out, place):
    await (place.teacher.usual(seen, out) if seen.path.endswith(CHAT_PATH) else speaks(seen, out, place))


async def test_apps_of_every_surface_teach_one_task(books):
    async with house() as place, raw() as client:
        place.teacher.script = lambda seen, out: speaks_all(seen, out, place)
        for surface, asked in ASKS.items():
            for stream in (False, True):
                await client.post(place.url + PATHS[surface], json={**asked, "stream": stream})
        found = exchanges(books, place)
        assert len(found) == 8
        assert not any(one.untold for one in found)
        said = [one.answer["choices"][0]["message"]["content"] for one in found]
        assert said == [place.teacher.text] * 8
        brief = [one for one in found if one.request["messages"][0]["role"] == "system"]
        assert len(brief) == 6  # legacy completions have no instructions
        assert len({one.head_hash for one in brief}) == len({one.fingerprint for one in brief}) == 1
        for call in place.journal.calls:
            assert books.log.call(call.call_id).call == call


async def test_what_an_sdk_tries_again_is_one_row(books):
    async with house() as place:
        teach(place)
        answer, tries = place.teacher.script, []

        async def cut_twice(seen, out):
            tries.append(seen)
            if len(tries) < 3:
                await out.whole(500, b'{"error":{"message":"not now"}}', [(b"retry-after-ms", b"1")])
            else:
                await answer(seen, out)

        place.teacher.script = cut_twice
        async with openai.AsyncOpenAI(api_key="sk-x", base_url=place.url + "/v1", max_retries=2) as client:
            await client.responses.create(**ASK["responses"])
            await client.responses.create(**ASK["responses"])
        found = exchanges(books, place)
        assert [one.retry_count for one in found] == [0, 1, 2, 0]
        assert len({one.input_hash for one in found}) == 1
        [row] = screen(found, shape=Shape.TEXT, threshold=0.5, judged=False).rows
        assert row.call_id == found[-1].call_id


async def test_a_shadow_in_chat_is_held_against_the_message_that_was_served(books):
    async with house() as place, raw() as client:
        await accepted(place, client, "messages")
        place.chooser.who, place.chooser.pairing = Who.TEACHER, Pairing.SHADOW
        await client.post(place.url + PATH["messages"], json=ASK["messages"])
        await place.settled(2)
        books.add(*place.journal.records)
        [call] = place.journal.calls
        by_who = {one.who: one for one in books.log.unscored([call.fingerprint], "text", "1", 5)}
        assert {one.attempt.surface for one in books.log.call(call.call_id).attempts} == {"messages", "chat"}
        assert by_who["student"].reference == by_who["teacher"].answer
        assert by_who["student"].answer["choices"][0]["message"]["content"] == place.student.text


async def test_a_conversation_that_the_provider_keeps_is_learnt_whole(books):
    async with house() as place, raw() as client:
        names = iter(("one", "two"))

        async def named(seen, out):
            completion = {**place.teacher.completion({"model": "gpt-x"}), "id": next(names)}
            await out.whole(200, json.dumps(responses.answer(completion, seen.json)).encode())

        place.teacher.script = named
        asked = {**ASK["responses"], "store": True}
        first = (await client.post(place.url + PATH["responses"], json=asked)).json()
        asked |= {"previous_response_id": first["id"], "input": "and now?"}
        await client.post(place.url + PATH["responses"], json=asked)
        _, second = exchanges(books, place)
        assert [m["role"] for m in second.request["messages"]] == ["system", "user", "assistant", "user"]
        assert [m["content"] for m in second.request["messages"][1:]] == ["hi", "Hello there", "and now?"]
