"""The gateway over raw sockets: cuts, hang-ups, encodings, limits, headers, paths."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import json
import random
import zlib
from typing import Any

import httpx
import pytest
from upstream import TLS, House, Seen, Teller, house, sse

from gateway.capture import read_answer
from gateway.settings import ClientKey, Timeouts, UpstreamSpec
from store.journal.writer import SegmentWriter

ASK = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}
STREAM = json.dumps({**ASK, "stream": True}).encode()
PART = sse({"id": "c", "choices": [{"index": 0, "delta": {"content": "half"}}]})
EVENTS = [(b"content-type", b"text/event-stream")]


@contextlib.asynccontextmanager
async def client(place: House, **options: Any):
    async with httpx.AsyncClient(
        base_url=place.url, trust_env=False, verify=TLS, timeout=10, **options
    ) as made:
        yield made


async def raw(
    place: House, body: bytes, *, path: str = "/v1/chat/completions", extra: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = place.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = f"POST {path} HTTP/1.1\r\nHost: evil.example\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    writer.write(head.encode() + body)
    await writer.drain()
    return reader, writer


async def closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


async def cut(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(PART)
    raise ConnectionResetError


async def clean_but_short(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(PART)
    await out.end()


@pytest.mark.parametrize("script", [cut, clean_but_short])
async def test_a_cut_stream_sends_no_final_chunk(script):
    async with house() as place:
        place.teacher.script = script
        reader, writer = await raw(place, STREAM)
        got = await asyncio.wait_for(reader.read(), 5)
        await closed(writer)
        assert b"half" in got
        assert b"transfer-encoding: chunked" in got.lower()
        assert not got.endswith(b"0\r\n\r\n")
        (attempt,) = place.journal.attempts
        assert (attempt.outcome, attempt.served) == ("upstream_cut", True)


async def test_a_whole_stream_ends_with_its_final_chunk():
    async with house() as place:
        reader, writer = await raw(place, STREAM)
        assert (await reader.readuntil(b"0\r\n\r\n")).endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        await closed(writer)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_intent_precedes_forwarding_and_the_outcome_the_last_byte(stream):
    body = json.dumps({**ASK, "stream": stream}).encode()
    events: list[str] = []

    async def receive() -> dict[str, Any]:
        if events.count("read"):
            await asyncio.sleep(30)
        events.append("read")
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        data = message.get("body", b"")
        if data:
            ends = b"[DONE]" in data or not stream
            events.append("last" if ends else "piece")

    async with house() as place:
        kept = place.journal.append

        def append(record: Any) -> bool:
            events.append(type(record).__name__ + str(len(place.teacher.seen)))
            return kept(record)

        place.journal.append = append  # type: ignore[method-assign]
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": [],
            "query_string": b"",
        }
        await place.gateway(scope, receive, send)
        assert [e for e in events if e != "piece"] == ["read", "Call0", "Attempt1", "last"]


async def waits(seen: Seen, out: Teller) -> None:
    await asyncio.sleep(30)


async def starts_and_waits(seen: Seen, out: Teller) -> None:
    await out.head(200, EVENTS)
    await out.piece(PART)
    await asyncio.sleep(30)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("script", [waits, starts_and_waits])
async def test_a_hang_up_cancels_the_upstream_within_a_second(script, path):
    async with house() as place:
        place.teacher.script = script
        reader, writer = await raw(place, STREAM, path=path)
        if script is starts_and_waits:
            await reader.readuntil(b"half")
        while not place.teacher.seen:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await closed(writer)
        await asyncio.wait_for(place.teacher.cancelled.wait(), 1.0)
        (attempt,) = await place.settled(1)
        assert (attempt.outcome, attempt.served) == ("client_abort", True)


async def test_a_hang_up_during_the_upload_leaves_no_record():
    async with house() as place:
        host, port = place.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        await writer.drain()
        await closed(writer)
        async with client(place) as app:
            await app.get("/healthz")
        assert place.journal.records == []
        assert place.teacher.seen == []


async def test_a_hang_up_during_a_streamed_upload_cancels_the_upstream_and_is_recorded():
    async with house(max_opaque_log=1000) as place:
        host, port = place.url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        head = b"POST /v1/files HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n"
        writer.write(head + b"x" * 5000)
        await writer.drain()
        while not place.journal.calls:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        await closed(writer)
        await asyncio.wait_for(place.teacher.cancelled.wait(), 1.0)
        (attempt,) = await place.settled(1)
        assert (attempt.outcome, len(place.journal.calls[0].body)) == ("client_abort", 1000)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1/chat/completions", 200),
        ("/chat/completions", 200),
        ("/v1/chat/completions/", 200),
        ("//v1//chat/completions", 200),
        ("/v1/organization/users", 403),
        ("/v1/%6frganization/users", 403),
        ("/organization/x", 404),
        ("/v1/projects", 403),
        ("/v1//organization", 403),
        ("/v1/files/../organization", 400),
        ("/v1/files/%2e%2e/organization", 400),
        ("/nothing", 404),
        ("/", 404),
    ],
)
async def test_paths(path, code):
    async with house() as place:
        reader, writer = await raw(place, json.dumps(ASK).encode(), path=path, extra="Connection: close\r\n")
        got = await reader.read()
        await closed(writer)
        assert int(got.split()[1]) == code
        if code >= 400:
            error = json.loads(got.partition(b"\r\n\r\n")[2])["error"]
            assert set(error) == {"message", "type", "param", "code"}
            assert place.teacher.seen == []


async def test_other_paths_pass_opaquely_query_and_bytes_untouched():
    async with house() as place, client(place) as app:
        blob = bytes(range(256)) * 4096  # 1 MiB, more than is kept
        answer = await app.post(
            "/v1/files?purpose=a%2Fb&x", content=blob, headers={"content-type": "application/octet-stream"}
        )
        assert answer.json() == {"object": "echo", "path": "/v1/files"}

        async def chunks():
            for i in range(0, len(blob), 65536):
                yield blob[i : i + 65536]

        await app.post("/v1/audio/a%20b", content=chunks())
        await app.delete("/v1/files/f1")
        sent = place.teacher.seen
        assert [s.body for s in sent] == [blob, blob, b""]
        assert [(s.method, s.path, s.query) for s in sent] == [
            ("POST", "/v1/files", "purpose=a%2Fb&x"), ("POST", "/v1/audio/a%20b", ""), ("DELETE", "/v1/files/f1", ""),
        ]  # fmt: skip
        call = place.journal.calls[0]
        assert (call.surface, call.path, call.fingerprint) == ("opaque", "/v1/files", "")
        assert call.body == blob[: 256 * 1024]
        assert [a.outcome for a in place.journal.attempts] == ["complete"] * 3


@pytest.mark.parametrize(("coding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_request_goes_on_as_it_came_and_is_logged_decoded(coding, pack):
    async with house() as place, client(place) as app:
        body = json.dumps(ASK).encode()
        packed = pack(body)  # once: gzip writes the time into it

        async def decoding(seen: Seen, out: Teller) -> None:
            await out.whole(200, json.dumps(place.teacher.completion(ASK)).encode())

        place.teacher.script = decoding
        answer = await app.post("/v1/chat/completions", content=packed, headers={"content-encoding": coding})
        assert answer.status_code == 200
        (sent,) = place.teacher.seen
        assert sent.body == packed
        assert sent.header("content-encoding") == coding
        assert place.journal.calls[0].body == body


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["application/json", "text/plain"])
async def test_of_a_long_answer_in_json_the_short_members_are_logged(kind, packed):
    vectors = [
        {"object": "embedding", "index": i, "embedding": random.Random(i).random()} for i in range(20_000)
    ]
    said = {"id": "e-1", "data": vectors, "model": "e", "usage": {"prompt_tokens": 5, "total_tokens": 5}}
    plain = json.dumps(said).encode()
    body = gzip.compress(plain) if packed else plain

    async def embed(seen: Seen, out: Teller) -> None:
        coding = [(b"content-encoding", b"gzip")] if packed else []
        await out.head(200, [(b"content-type", kind.encode()), *coding])
        for at in range(0, len(body), 65536):
            await out.piece(body[at : at + 65536])
        await out.end()

    async with house() as place, client(place) as app:
        place.teacher.script = embed
        answer = await app.post("/v1/embeddings", json={"model": "e", "input": "x"})
        assert answer.content == plain
        (attempt,) = place.journal.attempts
        usage = read_answer("opaque", attempt.content_type, attempt.status, attempt.body).usage
        if kind == "application/json":
            assert json.loads(attempt.body) == {name: said[name] for name in ("id", "model", "usage")}
            assert (usage.prompt_tokens, usage.completion_tokens) == (5, None)
        else:
            assert 0 < len(attempt.body) <= 256 * 1024


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"plain", {"content-encoding": "gzip"}, 400),
        (gzip.compress(b" " * 200_000), {"content-encoding": "gzip"}, 413),
        (b"x", {"content-encoding": "snappy"}, 415),
        (b" " * 100_001, {}, 413),
        (b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", {}, 400),
        (b"{}", {f"x-{i}": "1" for i in range(200)}, 400),
        (b"{}", {"x-long": "1" * 70_000}, 400),
    ],
)
async def test_bad_requests_get_one_sentence_and_go_nowhere(body, headers, status):
    async with house(max_body=100_000) as place, client(place) as app:
        answer = await app.post("/v1/chat/completions", content=body, headers=headers)
        if not headers.get("x-long"):  # the HTTP server itself may refuse that one first
            assert answer.status_code == status
            assert answer.json()["error"]["message"]
        assert answer.status_code >= 400
        assert place.teacher.seen == []
        assert place.journal.records == []


async def test_a_body_without_a_length_is_capped_too():
    async def endless():
        for _ in range(100):
            yield b" " * 10_000

    async with house(max_body=100_000) as place, client(place) as app:
        answer = await app.post("/v1/chat/completions", content=endless())
        assert answer.status_code == 413


async def test_a_full_journal_refuses_and_forwards_nothing():
    async with house() as place, client(place) as app:
        place.journal.full = True
        for path, body in (
            ("/v1/chat/completions", ASK),
            ("/v1/files", {}),
            ("/v1/feedback", {"id": "x", "score": 1}),
        ):
            answer = await app.post(path, json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "journal_full")
        assert place.teacher.seen == []


async def test_a_journal_that_fills_up_later_does_not_take_the_answer_away():
    async with house() as place, client(place) as app:

        async def fill(seen: Seen, out: Teller) -> None:
            place.journal.full = True
            await place.teacher.usual(seen, out)

        place.teacher.script = fill
        assert (await app.post("/v1/chat/completions", json=ASK)).status_code == 200
        assert "stillhouse_journal_lost_total 1" in (await app.get("/metrics")).text


async def test_an_upstream_that_cannot_be_reached_is_a_502_and_recorded():
    dead = UpstreamSpec(name="dead", base_url="http://127.0.0.1:9/v1", timeouts=Timeouts(connect=1.0))
    async with house(upstreams=(dead,), models=("m",)) as place, client(place) as app:
        for path in ("/v1/chat/completions", "/v1/files"):
            answer = await app.post(path, json=ASK)
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_unreachable")
            assert answer.headers["x-stillhouse-call-id"]
        assert (await app.get("/v1/models")).status_code == 502
        assert [(a.outcome, a.status, a.served) for a in place.journal.attempts] == [("error", 0, True)] * 2


async def test_a_silent_upstream_is_a_504_and_a_stalled_one_a_cut():
    async with house(timeouts=Timeouts(connect=1.0, first_byte=0.1, idle=0.1)) as place, client(place) as app:
        place.teacher.script = waits
        answer = await app.post("/v1/chat/completions", json=ASK)
        assert (answer.status_code, answer.json()["error"]["code"]) == (504, "upstream_timeout")
        place.teacher.script = starts_and_waits
        with pytest.raises(httpx.RemoteProtocolError):
            await app.post("/v1/chat/completions", content=STREAM)
        assert [a.outcome for a in place.journal.attempts] == ["timeout", "timeout"]


async def test_an_upstream_that_dies_before_its_first_byte_is_a_502():
    async def dies(seen: Seen, out: Teller) -> None:
        raise ConnectionResetError

    async with house() as place, client(place) as app:

        async def empty_head(seen: Seen, out: Teller) -> None:
            await out.head(200, [*EVENTS, (b"content-length", b"50")])
            raise ConnectionResetError

        place.teacher.script = empty_head
        answer = await app.post("/v1/chat/completions", content=STREAM)
        assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_cut")
        assert place.journal.attempts[0].outcome == "upstream_cut"


async def test_garbage_from_the_upstream_passes_and_is_not_trainable():
    async def garbage(seen: Seen, out: Teller) -> None:
        await out.whole(200, b"<html>", [])

    async with house() as place, client(place) as app:
        place.teacher.script = garbage
        assert (await app.post("/v1/chat/completions", json=ASK)).content == b"<html>"
        assert place.journal.attempts[0].outcome == "error"


async def test_a_redirect_is_passed_not_followed():
    async def moved(seen: Seen, out: Teller) -> None:
        await out.whole(302, b"{}", [(b"location", b"http://127.0.0.1:9/")])

    async with house() as place, client(place) as app:
        place.teacher.script = moved
        answer = await app.post("/v1/chat/completions", json=ASK)
        assert (answer.status_code, answer.headers["location"]) == (302, "http://127.0.0.1:9/")


SECRET = "vk-" + "s" * 43


async def test_client_keys_are_needed_and_replaced_by_the_upstreams_own():
    key = ClientKey(name="shop", sha256=hashlib.sha256(SECRET.encode()).hexdigest())
    async with house(client_keys=(key,), api_key="sk-upstream") as place, client(place) as app:
        for headers in (
            {},
            {"authorization": f"Bearer {SECRET}x"},
            {"authorization": f"Bearer {SECRET[:20]}"},
        ):
            for path in ("/v1/chat/completions", "/v1/files", "/v1/feedback"):
                answer = await app.post(path, json=ASK, headers=headers)
                assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")
        assert place.teacher.seen == []
        given = {
            "authorization": f"Bearer {SECRET}",
            "openai-organization": "org",
            "idempotency-key": "i",
            "x-forwarded-for": "1.2.3.4",
        }
        assert (await app.post("/v1/chat/completions", json=ASK, headers=given)).status_code == 200
        (sent,) = place.teacher.seen
        assert [v for k, v in sent.headers if k == "authorization"] == ["Bearer sk-upstream"]
        assert SECRET not in repr(sent)
        assert (sent.header("openai-organization"), sent.header("idempotency-key")) == (None, "i")
        assert sent.header("x-forwarded-for") is None
        assert place.journal.calls[0].tenant == "shop"
        assert SECRET not in repr(place.journal.records)


async def test_the_host_header_decides_nothing():
    async with house() as place, client(place) as app:
        answer = await app.post("/v1/chat/completions", json=ASK, headers={"host": "evil/v1/organization"})
        assert answer.status_code == 200


async def test_two_upstreams_are_told_apart_by_model():
    async with house() as one, house() as two:
        specs = (
            UpstreamSpec(name="a", base_url=one.teacher.url, models=("gpt-*",)),
            UpstreamSpec(name="b", base_url=two.teacher.url, models=("llama", "e-*")),
        )
        async with house(upstreams=specs) as place, client(place) as app:
            await app.post("/v1/chat/completions", json={**ASK, "model": "llama"})
            await app.post("/v1/chat/completions", json=ASK)
            await app.post("/v1/embeddings", json={"model": "e-1", "input": "x"})
            answer = await app.post("/v1/chat/completions", json={**ASK, "model": "nobody"})
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "model_not_found")
            assert (len(one.teacher.seen), len(two.teacher.seen)) == (1, 2)
            names = [m["id"] for m in (await app.get("/v1/models")).json()["data"]]
            assert names == ["gpt-x", "llama"]


async def test_models_are_merged_with_aliases():
    async with house(models=("house-model", "gpt-x")) as place, client(place) as app:
        listing = (await app.get("/models")).json()
        assert [m["id"] for m in listing["data"]] == ["gpt-x", "house-model"]


async def test_feedback_is_journalled_and_answered_202():
    async with house() as place, client(place) as app:
        answer = await app.post("/v1/feedback", json={"id": "chatcmpl-1", "score": 0.5, "label": "ok"})
        assert answer.status_code == 202
        (record,) = place.journal.feedback
        assert (record.feedback_id, record.target, record.score) == (answer.json()["id"], "chatcmpl-1", 0.5)
        bad = await app.post("/v1/feedback", json={"id": "c", "score": 3})
        assert (bad.status_code, bad.json()["error"]["param"]) == (422, "score")
        assert (await app.get("/v1/feedback")).status_code == 405


async def test_probes_and_metrics():
    async with house() as place, client(place) as app:
        await app.post(
            "/v1/chat/completions",
            json={**ASK, "model": 'm"\n{}'},
            headers={"authorization": "Bearer sk-planted"},
        )
        assert (await app.get("/healthz")).json() == {"status": "ok"}
        ready = (await app.get("/readyz")).json()
        assert ready == {"ready": True, "upstreams": ["teacher"], "journal": "writable", "routes": "fresh"}
        text = (await app.get("/metrics")).text
        assert 'stillhouse_attempts_total{role="serve",who="teacher",outcome="complete"} 1' in text
        assert "gen_ai_server_request_duration_seconds_bucket{" in text
        assert 'gen_ai_token_type="input"' in text
        assert "planted" not in text
        for line in text.splitlines():
            assert (
                line.startswith("#") or line.rpartition(" ")[2].replace(".", "").replace("e-", "").isdigit()
            )


async def test_what_the_real_journal_keeps_is_what_happened(tmp_path):
    writer = SegmentWriter(tmp_path, "w0")
    async with house() as place, client(place) as app:
        place.journal.append = writer.append  # type: ignore[method-assign]
        await app.post(
            "/v1/chat/completions",
            json=ASK,
            headers={"authorization": "Bearer sk-planted", "cookie": "c=planted"},
        )
        place.teacher.script = cut
        with pytest.raises(httpx.RemoteProtocolError):
            await app.post("/v1/chat/completions", content=STREAM, headers={"api-key": "planted"})
        await app.post("/v1/feedback", json={"id": "chatcmpl-1", "score": 1})
        writer.close()
        refused = await app.post("/v1/chat/completions", json=ASK)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "journal_closed")
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"planted" not in data
    assert writer.stats.kept.total == 5


async def test_the_providers_administration_is_passed_on_only_where_that_is_wanted():
    for wanted in (False, True):
        async with house(administration=wanted) as place, client(place) as app:
            answers = [await app.get(path) for path in ("/v1/organization/users", "/v1/projects/p/keys")]
            assert [a.status_code for a in answers] == ([200, 200] if wanted else [403, 403])
            assert len(place.teacher.seen) == (2 if wanted else 0)
