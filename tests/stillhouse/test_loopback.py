"""The way of jobs and judges to an upstream: tokens, budgets, records."""

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from distiller.scoring.about import HEADER, about
from gateway.settings import Kind, UpstreamSpec
from gateway.upstream.httpx_engine import HttpxTransport
from stillhouse.grants import Grants
from stillhouse.loopback import PATH, UNKNOWN_USD, Loopback, guess
from store.vocabulary import Attempt, Call, Origin, Outcome, Usage

QUESTION = {"model": "judge-1", "messages": [{"role": "user", "content": "Is this right?"}]}


class Shelf(list):
    def append(self, record):
        super().append(record)
        return True


def known(*_):
    return 0.4


@pytest.fixture
def price():
    return known


@pytest.fixture
async def inside(teacher, price):
    grants, shelf, transport = Grants(lambda: 0.0), Shelf(), HttpxTransport()
    app = FastAPI()
    upstreams = (
        UpstreamSpec(name="keyless", base_url=teacher.url, models=("open-*",)),
        UpstreamSpec(name="local", base_url=teacher.url, api_key="sk-upstream", models=("judge-*",)),
        UpstreamSpec(
            name="azure",
            base_url=teacher.url,
            kind=Kind.AZURE,
            api_version="2024",
            api_key="sk-azure",
            models=("az-*",),
        ),
        UpstreamSpec(name="gone", base_url="http://127.0.0.1:9/v1", api_key="sk-x", models=("gone-*",)),
    )
    Loopback(upstreams=upstreams, grants=grants, journal=shelf, transport=transport, price=price).mount(app)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
        yield client, grants, shelf
    await transport.aclose()


async def post(client, token, **more):
    return await client.post(PATH, json={**QUESTION, **more}, headers={"authorization": f"Bearer {token}"})


async def test_a_call_goes_on_with_the_upstreams_key_and_is_recorded_as_internal(inside, teacher):
    client, grants, shelf = inside
    token = grants.issue("job-7", usd=1, calls=10)
    answer = await post(client, token)
    assert answer.json()["choices"][0]["message"]["content"] == "billing"
    assert teacher.asked[0]["headers"]["authorization"] == "Bearer sk-upstream"
    call, attempt = shelf
    assert isinstance(call, Call)
    assert (call.origin, call.tenant, call.fingerprint) == (Origin.INTERNAL, "job-7", "")
    assert isinstance(attempt, Attempt)
    assert (attempt.call_id, attempt.served, attempt.outcome) == (call.call_id, True, Outcome.COMPLETE)


async def test_whoever_is_named_in_a_call_is_found_by_an_erasure(inside):
    client, grants, shelf = inside
    token = grants.issue("job-7", usd=100, calls=10)
    for named in ({}, {"user": "ann"}, {"user": "ann", "safety_identifier": "bo"}, {"user": 7}):
        await post(client, token, **named)
    assert [record.user for record in shelf if isinstance(record, Call)] == [None, "ann", "bo", None]


async def test_what_a_call_is_about_is_kept_for_an_erasure_and_told_to_nobody(inside, teacher):
    client, grants, shelf = inside
    headers = {"authorization": f"Bearer {grants.issue('job-7', usd=1, calls=10)}", **about(["a", "", "b"])}
    await client.post(PATH, json=QUESTION, headers=headers)
    assert shelf[0].headers == {HEADER: "a,b"}
    assert HEADER not in teacher.asked[0]["headers"]


async def test_azure_is_called_as_it_wants_to_be(inside, teacher):
    client, grants, _ = inside
    await post(client, grants.issue("job-7", usd=1, calls=10), model="az-judge")
    (asked,) = teacher.asked
    assert asked["headers"]["api-key"] == "sk-azure"
    assert "authorization" not in asked["headers"]


async def test_the_budget_ends(inside, teacher):
    client, grants, _ = inside
    token = grants.issue("job-7", usd=1, calls=10)
    statuses = [(await post(client, token)).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 402, 402]
    assert len(teacher.asked) == 3


@pytest.mark.parametrize("price", [lambda *_: None])
async def test_a_model_without_a_known_price_spends_too(inside, teacher):
    client, grants, _ = inside
    token = grants.issue("job-7", usd=2 * 13 * UNKNOWN_USD, calls=10)  # 13 tokens an answer
    statuses = [(await post(client, token)).status_code for _ in range(4)]
    assert statuses == [200, 200, 402, 402]


@given(st.integers(0, 10**9), st.integers(200, 599))
def test_a_guess_is_never_free_for_an_answer_and_always_for_a_refusal(size, status):
    charged = guess(status, Usage(), size + 1)
    assert (charged > 0) == (status < 400)


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "open-1"}, 403, "no_upstream_key"),
        ({"model": "other"}, 404, "model_not_found"),
        ({"model": "gone-1"}, 502, "upstream_error"),
        ({"model": None}, 400, "invalid_request_error"),
        ({"stream": True}, 400, "invalid_request_error"),
    ],
)
async def test_what_cannot_be_is_said_in_openais_shape(inside, asked, status, code):
    client, grants, _ = inside
    answer = await post(client, grants.issue("job", usd=1, calls=9), **asked)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_without_a_token_nothing_goes_on(inside, teacher):
    client, _, shelf = inside
    assert (await client.post(PATH, json=QUESTION)).status_code == 401
    assert (await post(client, "guess")).status_code == 401
    assert not teacher.asked
    assert not shelf
