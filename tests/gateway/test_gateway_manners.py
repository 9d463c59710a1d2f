"""What a student's answer says of the caller's limits."""

from __future__ import annotations

import httpx
from upstream import TLS, house, route

from gateway.manners import Manners

KEY = (b"caller", "openai", "gpt-x")
SAID = (
    (b"x-ratelimit-limit-requests", b"500"),
    (b"x-ratelimit-remaining-requests", b"0"),
    (b"x-ratelimit-reset-requests", b"120ms"),
    (b"anthropic-ratelimit-tokens-limit", b"9"),
    (b"anthropic-ratelimit-tokens-remaining", b"1"),
    (b"openai-version", b"2020-10-01"),
    (b"set-cookie", b"planted"),
    (b"x-request-id", b"req_1"),
)


def test_what_was_last_said_is_repeated_and_after_a_window_nothing_is_used():
    manners = Manners()
    assert manners.of(KEY, 0.0) == ()
    manners.note(KEY, SAID, 0.0)
    assert manners.of(KEY, 59.0) == SAID[:6]
    later = dict(manners.of(KEY, 61.0))
    assert later[b"x-ratelimit-remaining-requests"] == b"500"
    assert later[b"x-ratelimit-reset-requests"] == b"0s"
    assert later[b"anthropic-ratelimit-tokens-remaining"] == b"9"
    assert later[b"openai-version"] == b"2020-10-01"


def test_callers_are_told_apart_and_bounded():
    manners = Manners(most=2)
    for name in (b"a", b"b", b"c"):
        manners.note((name, "openai", "gpt-x"), ((b"x-ratelimit-limit-requests", name),), 0.0)
    assert manners.of((b"a", "openai", "gpt-x"), 0.0) == ()
    assert manners.of((b"c", "openai", "gpt-x"), 0.0) == ((b"x-ratelimit-limit-requests", b"c"),)
    assert manners.of((b"c", "openai", "other"), 0.0) == ()


async def test_a_students_answer_has_the_headers_of_the_teachers():
    asked = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
    async with house() as place, httpx.AsyncClient(verify=TLS, trust_env=False) as client:
        ask = {
            "url": place.v1 + "/chat/completions",
            "json": asked,
            "headers": {"authorization": "Bearer sk-planted-1"},
        }
        teacher = await client.post(**ask)
        place.chooser.published = route(place.student.url)
        student = await client.post(**ask)
        assert student.headers["x-stillhouse-route"] == "student"
        differ = {"content-encoding", "transfer-encoding"}  # how it was sent, not what it says
        assert set(teacher.headers) - differ == set(student.headers) - differ
        assert student.headers["x-ratelimit-remaining-requests"] == "99"
        assert float(student.headers["openai-processing-ms"]) >= 0
        strange = await client.post(**{**ask, "headers": {"authorization": "Bearer sk-other-1"}})
        assert strange.headers["x-stillhouse-route"] == "teacher"
