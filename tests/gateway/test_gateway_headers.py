"""Headers both ways over real sockets: what goes on, what comes back, what is logged."""

from __future__ import annotations

import anthropic
import httpx
import openai
import pytest
from upstream import TLS, Seen, Teller, house

ASK = b'{"model":"gpt-x","messages":[{"role":"user","content":"hi"}]}'
MESSAGE = b'{"model":"claude-x","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}'
PATHS = {"/v1/chat/completions": ASK, "/v1/messages": MESSAGE, "/v1/files": b"blob"}

GO_ON = {
    "accept": "application/json", "user-agent": "OpenAI/Python 3.0", "openai-beta": "assistants=v2",
    "anthropic-beta": "b1,b2", "idempotency-key": "i-1", "x-stainless-retry-count": "1", "x-stainless-lang": "python",
    "x-client-request-id": "c-1", "x-custom": "é", "x-subscription-key": "planted-other",
}  # fmt: skip
END_HERE = {
    "cookie": "c=planted", "connection": "close, x-named", "x-named": "1", "keep-alive": "9", "te": "trailers",
    "trailer": "x", "proxy-authorization": "planted", "proxy-connection": "x", "x-forwarded-for": "1.2.3.4",
    "x-forwarded-host": "evil", "forwarded": "for=1", "x-real-ip": "1.2.3.4", "via": "1.1 x", "cf-ray": "r",
    "sec-fetch-mode": "cors", "x-stillhouse-task": "t", "x-stillhouse-route": "teacher", "http2-settings": "x",
}  # fmt: skip
COME_BACK = {
    "x-request-id": "req_1", "request-id": "req_2", "apim-request-id": "req_3", "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-requests": "1s", "anthropic-organization-id": "org-a",
    "anthropic-ratelimit-tokens-remaining": "7", "retry-after": "3", "retry-after-ms": "2500", "x-should-retry": "false",
    "openai-organization": "org-o", "openai-version": "2020-10-01", "openai-processing-ms": "12", "x-unheard-of": "1",
}  # fmt: skip
STAY = {
    "set-cookie": "c=planted", "alt-svc": "h3", "strict-transport-security": "x", "via": "1.1 y", "connection": "x-hop",
    "x-hop": "1", "keep-alive": "5", "x-stillhouse-route": "forged", "x-stillhouse-call-id": "forged",
}  # fmt: skip
LOGGED = {
    "content-type", "retry-after", "retry-after-ms", "x-request-id", "request-id", "apim-request-id", "x-should-retry",
    "openai-version", "openai-processing-ms", "x-ratelimit-limit-requests", "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-requests", "anthropic-ratelimit-tokens-remaining",
}  # fmt: skip


def raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), text.encode("latin-1")) for name, text in headers.items()]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("own_key", [None, "sk-upstream"])
async def test_what_goes_on_and_what_ends_here(path, own_key):
    async with house(api_key=own_key) as place, app(place.url) as client:
        account = {"openai-organization": "org-1", "openai-project": "proj-1"}
        given = {**GO_ON, **END_HERE, **account, "api-key": "planted-key"}
        await client.post(path, content=PATHS[path], headers=raw(given))
        (seen,) = place.teacher.seen
        sent = dict(seen.headers)
        for name, text in GO_ON.items():
            assert sent.pop(name) == text
        theirs = (
            {**account, "api-key": "planted-key"}
            if own_key is None
            else {"authorization": f"Bearer {own_key}"}
        )
        assert {name: sent.pop(name) for name in theirs} == theirs
        assert set(sent) == {"host", "content-length", "accept-encoding"}
        logged = place.journal.calls[0].headers
        assert set(logged) <= {*GO_ON, "x-stillhouse-task", "x-stillhouse-route"} - {
            "x-custom",
            "x-subscription-key",
        }
        assert logged["idempotency-key"] == "i-1"
        assert "planted" not in repr(place.journal.records)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("status", [200, 429, 500])
async def test_what_comes_back_and_what_does_not(path, status):
    async def script(seen: Seen, out: Teller) -> None:
        await out.whole(status, b"{}", raw({**COME_BACK, **STAY}))

    async with house() as place, app(place.url) as client:
        place.teacher.script = script
        answer = await client.post(path, content=PATHS[path])
        assert answer.status_code == status
        for name, text in COME_BACK.items():
            assert answer.headers[name] == text
        for name in STAY.keys() - {"x-stillhouse-route", "x-stillhouse-call-id"}:
            assert name not in answer.headers
        (attempt,) = place.journal.attempts
        assert answer.headers.get_list("x-stillhouse-call-id") == [attempt.call_id]
        assert answer.headers.get_list("x-stillhouse-route") == ["teacher"]
        assert set(attempt.headers) == LOGGED
        assert "planted" not in repr(place.journal.records)


async def test_the_sdks_see_the_ids_and_waits_of_the_provider():
    async def busy(seen: Seen, out: Teller) -> None:
        said = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}'
        await out.whole(429, said, raw(COME_BACK))

    async with house() as place:
        place.teacher.script = busy
        claude = anthropic.AsyncAnthropic(api_key="k", base_url=place.url, max_retries=0)
        async with claude:
            with pytest.raises(anthropic.RateLimitError) as theirs:
                await claude.messages.create(
                    model="claude-x", max_tokens=9, messages=[{"role": "user", "content": "hi"}]
                )
        assert theirs.value.request_id == "req_2"
        assert theirs.value.response.headers["retry-after-ms"] == "2500"
        async with openai.AsyncOpenAI(api_key="k", base_url=place.v1, max_retries=0) as gpt:
            with pytest.raises(openai.RateLimitError) as ours:
                await gpt.chat.completions.create(model="gpt-x", messages=[{"role": "user", "content": "hi"}])
        assert ours.value.request_id == "req_1"
        assert len(place.teacher.seen) == 2


def app(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, trust_env=False, verify=TLS, timeout=10)
