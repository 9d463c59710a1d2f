"""The played app asks the same on every surface that it speaks."""

import asyncio
import itertools
import json

import httpx
import openai

from gateway import trace
from stillhouse.demo import teacher
from stillhouse.demo.app import App
from stillhouse.demo.saying import SURFACES, Question
from stillhouse.demo.tickets import INSTRUCTIONS, SCHEMA, Pair
from store.prompt import head_hash

ASKED = Question(model="m", instructions=INSTRUCTIONS, schema=SCHEMA, text="hello")


class Teacher(httpx.ASGITransport):
    """The stand-in teacher, with what it was asked."""

    def __init__(self):
        super().__init__(teacher.build({"hello": "greet"}))
        self.asked = []

    async def handle_async_request(self, request):
        self.asked.append((request.url.path, json.loads(request.content)))
        return await super().handle_async_request(request)


def client(transport):
    return openai.AsyncOpenAI(
        base_url="http://teacher/v1", api_key="k", http_client=httpx.AsyncClient(transport=transport)
    )


async def test_both_surfaces_ask_for_the_same_task_and_hear_the_same():
    transport = Teacher()
    async with client(transport) as app:
        heard = [await say(app, ASKED) for say in SURFACES["mixed"]]
    assert [one.text for one in heard] == ["greet", "greet"]
    assert [one.answer_id.partition("_")[0].partition("-")[0] for one in heard] == ["chatcmpl", "resp"]
    (chat_path, chat), (responses_path, responses) = transport.asked
    assert (chat_path, responses_path) == ("/v1/chat/completions", "/v1/responses")
    meant = trace.request("responses", responses)
    assert head_hash(meant) == head_hash(chat)
    assert meant["messages"] == chat["messages"]


async def test_the_mixed_app_speaks_them_in_turn(monkeypatch):
    said = []

    def speaks(name):
        async def say(_client, question):
            said.append((name, question.text))
            raise openai.OpenAIError("enough")

        return say

    monkeypatch.setitem(SURFACES, "mixed", (speaks("a"), speaks("b")))
    pairs = (Pair(input=str(n), output="x") for n in itertools.count())
    app = App(
        base_url="http://127.0.0.1:9/v1", model="m", instructions="i", schema=None, pairs=itertools.islice(pairs, 4),
        surface="mixed",
    )  # fmt: skip
    await asyncio.wait_for(app.play(1), 10)
    assert said == [("a", "0"), ("b", "1"), ("a", "2"), ("b", "3")]
    assert len(app.errors) == 4
