"""The gateway's decisions, as properties: surgery, fingerprints, headers, keys, fit, checks."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upstream import FixedChooser, sse

from gateway import check, disguise, fit, headers, surgery
from gateway.errors import Refusal
from gateway.feedback import read
from gateway.fingerprint import fingerprint
from gateway.keys import AcceptedKeys, Caller, KeyRing, onward_credential
from gateway.pairs import second
from gateway.settings import ClientKey, GatewaySettings, SettingsError, Timeouts, UpstreamSpec
from gateway.student.asking import rewritten
from gateway.wire import parse
from store.program import rewrite
from store.prompt import head_hash
from store.vocabulary import Capabilities, Choice, Pairing, Program, Who

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalar = (
    st.none()
    | st.booleans()
    | st.integers(-(10**6), 10**6)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
value = st.recursive(
    scalar, lambda s: st.lists(s, max_size=3) | st.dictionaries(text, s, max_size=3), max_leaves=8
)
role = st.sampled_from(["system", "developer", "user", "assistant"])
message = st.fixed_dictionaries({"role": role, "content": text}, optional={"name": text})
request = st.fixed_dictionaries(
    {"messages": st.lists(message, max_size=5)},
    optional={
        "model": text,
        "stream": st.booleans(),
        "temperature": scalar,
        "x": value,
        "tools": st.lists(value, max_size=2),
    },
)
written = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


turns = st.lists(message, max_size=2).map(tuple)


@given(request, text, written, st.none() | turns, turns)
def test_surgery_means_what_the_program_means(req, model, how, head, demos):
    body = json.dumps(req, **how).encode()
    program = Program(head=head, demos=demos, head_hash=head_hash(req))
    wanted = rewrite(req, program)
    asked = parse(body, max_depth=100)
    cut = rewritten(body, program, asked.head_messages)
    if wanted is None:
        kept = asked.request["messages"] if head is None else list(head)
        assert json.loads(cut)["messages"] == [*kept, *demos]
        return
    edited = surgery.edit(cut, replace={"model": json.dumps(model).encode()}, drop=("stream",))
    wanted["model"] = model
    wanted.pop("stream", None)
    assert json.loads(edited) == wanted
    assert list(json.loads(edited))[-1] == list(wanted)[-1] or "model" not in req


@given(st.dictionaries(text, value, max_size=6), st.sets(text, max_size=3), written)
def test_dropping_members_leaves_the_others(obj, gone, how):
    drop = gone | set(list(obj)[::2])
    left = json.loads(surgery.edit(json.dumps(obj, **how).encode(), drop=drop))
    assert left == {k: v for k, v in obj.items() if k not in drop}


@given(st.dictionaries(text, value, max_size=4), written)
def test_an_edit_of_nothing_changes_no_byte(obj, how):
    body = json.dumps(obj, **how).encode()
    assert surgery.edit(body) == body
    assert surgery.splice(body, "messages", 0, 0, []) == body


def test_surgery_keeps_number_spelling_nulls_and_whitespace():
    body = b'{ "a":1.50e+1 ,"model" : "x", "b":null,"c":"\\u00e9\\"}" }'
    assert (
        surgery.edit(body, replace={"model": b'"y"'})
        == b'{ "a":1.50e+1 ,"model" : "y", "b":null,"c":"\\u00e9\\"}" }'
    )


@given(value)
def test_depth_counts_nesting(obj):
    def deep(v):
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else None
        return 0 if inner is None else 1 + max(map(deep, inner), default=0)

    sent, levels = json.dumps(obj).encode(), deep(obj)
    assert not surgery.deeper(sent, levels)
    assert not levels or surgery.deeper(sent, levels - 1)


@pytest.mark.parametrize(
    ("sent", "levels"), [(b'{"a":"[[[\\\\"}', 1), (b'["\\"[[", {"]": "}"}]', 2), (b'{"a":["\\\\\\"]"]}', 2)]
)
def test_brackets_in_a_text_are_no_depth(sent, levels):
    json.loads(sent)
    assert not surgery.deeper(sent, levels)
    assert surgery.deeper(sent, levels - 1)


@pytest.mark.parametrize(
    ("sent", "levels"), [(b"[" * 9, 9), (b"[" * 5 + b"[]" * 3 + b"{" * 2, 7), (b"]" * 3 + b"[" * 4 + b"]", 4)]
)
def test_what_is_no_json_is_never_said_to_be_shallower_than_it_is(sent, levels):
    assert surgery.deeper(sent, levels - 1)


def shuffled(v, rnd):
    if isinstance(v, dict):
        items = list(v.items())
        rnd.shuffle(items)
        return {k: shuffled(x, rnd) for k, x in items}
    return [shuffled(x, rnd) for x in v] if isinstance(v, list) else v


@given(
    request,
    st.randoms(use_true_random=False),
    written,
    st.lists(message.filter(lambda m: m["role"] == "user"), max_size=2),
)
@settings(max_examples=60)
def test_key_order_whitespace_and_user_content_do_not_change_the_fingerprint(req, rnd, how, more):
    first = parse(json.dumps(req).encode(), max_depth=100)
    changed = shuffled(req, rnd)
    if any(m["role"] == "user" for m in req["messages"]):
        changed["messages"] += more
        for m in changed["messages"]:
            m["content"] = "other" if m["role"] == "user" else m["content"]
    other = parse(json.dumps(changed, **how).encode(), max_depth=100)
    assert fingerprint(first.beginning, "t") == fingerprint(other.beginning, "t") == fingerprint(req, "t")
    assert len(fingerprint(req, "t")) == 32


def test_dates_numbers_and_ids_do_not_change_the_fingerprint_but_words_do():
    def of(content, **more):
        return fingerprint({"model": "m", "messages": [{"role": "system", "content": content}], **more}, "")

    base = of("Today is 2026-11-22. Order 4711 of anna@example.com, see https://x.y/z?q=1.")
    assert base == of("Today is 2025-01-02.  Order 12 of bob@mail.example.org, see http://a.b/.")
    assert of("It is Sunday, November 22, 2026") == of("It is Monday, December 1, 2025")
    assert of("id 123e4567-e89b-12d3-a456-426614174000") == of("id 00000000-e89b-12d3-a456-426614174999")
    assert of([{"type": "text", "text": "A"}]) == of("A")
    assert (
        len(
            {
                base,
                of("Tomorrow"),
                of("Tomorrow", tools=[{"type": "function"}]),
                of("Tomorrow", response_format={"type": "json_object"}),
            }
        )
        == 4
    )


def test_an_explicit_name_the_model_and_the_tenant_tell_tasks_apart():
    req = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    prints = {
        fingerprint(req, ""),
        fingerprint(req, "a"),
        fingerprint(req, "", "triage"),
        fingerprint({**req, "model": "n"}, ""),
    }
    assert len(prints) == 4


def test_the_unit_is_the_same_through_a_conversation():
    opening = [{"role": "system", "content": "s"}, {"role": "user", "content": "hi"}]
    later = [*opening, {"role": "assistant", "content": "ho"}, {"role": "user", "content": "again"}]
    first, second_turn = (parse(json.dumps({"messages": m}).encode(), max_depth=9) for m in (opening, later))
    assert first.opening == second_turn.opening
    other = parse(json.dumps({"messages": [{"role": "user", "content": "hi"}]}).encode(), max_depth=9)
    assert other.opening != first.opening


def test_a_request_is_read_leniently_where_the_upstream_will_judge():
    asked = parse(b'{"model":7,"stream":"yes","messages":"no","metadata":[],"user":3}', max_depth=9)
    assert (asked.model, asked.stream, asked.user, asked.head_messages) == ("", False, None, 0)
    surrogate = parse(b'{"model":"m","messages":[{"role":"user","content":"\\ud800"}]}', max_depth=9)
    assert surrogate.opening
    long = parse(b'{"model":"m","messages":[],"n":2,"seed":%s}' % (b"9" * 5_000), max_depth=9)
    assert long.request["n"] == 2
    named = parse(
        b'{"metadata":{"task":"triage","conversation_id":"c"},"user":"u","safety_identifier":"s"}',
        max_depth=9,
    )
    assert (named.task_name, named.conversation, named.user) == ("triage", "c", "s")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"a":"\xff"}', b'{"a":NaN}', b"null"])
def test_what_is_no_json_object_is_refused(body):
    with pytest.raises(Refusal) as info:
        parse(body, max_depth=9)
    assert (info.value.status, info.value.code) == (400, "invalid_json")


def test_deep_json_is_refused():
    with pytest.raises(Refusal, match="deeper than 128"):
        parse(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", max_depth=128)


NAMES = st.sampled_from(
    [b"authorization", b"cookie", b"set-cookie", b"api-key", b"x-api-key", b"proxy-authorization", b"host",
     b"x-forwarded-for", b"openai-organization", b"connection", b"te", b"x-custom", b"user-agent", b"content-type"]
)  # fmt: skip


@given(st.lists(st.tuples(NAMES, st.just(b"planted"))))
def test_no_header_but_the_allowed_is_logged_or_sent(pairs):
    given_headers = tuple(pairs)
    logged = headers.logged_request(given_headers) | headers.logged_response(given_headers)
    assert set(logged) <= {"user-agent", "content-type"}
    sent = {name for name, _ in headers.onward(given_headers, account=False, credential=())}
    assert sent <= {b"x-custom", b"user-agent", b"content-type"}
    assert not {b"set-cookie", b"connection", b"te"} & {name for name, _ in headers.back(given_headers)}


def test_headers_named_by_connection_end_here():
    given_headers = ((b"connection", b"x-custom, close"), (b"x-custom", b"1"), (b"accept", b"*/*"))
    assert headers.onward(given_headers, account=True, credential=()) == ((b"accept", b"*/*"),)


SECRET = b"vk-" + b"a" * 40
RING = KeyRing((ClientKey(name="app", sha256=hashlib.sha256(SECRET).hexdigest()),), b"salt")


@pytest.mark.parametrize(
    "pair", [(b"authorization", b"Bearer " + SECRET), (b"api-key", SECRET), (b"x-api-key", SECRET)]
)
def test_a_client_key_is_admitted_whole_and_never_goes_on(pair):
    caller = RING.admit((pair,))
    assert caller.tenant == "app"
    assert len(caller.key_id) == 16
    assert onward_credential(caller, UpstreamSpec(name="u", base_url="http://h/v1")) == ()
    own = UpstreamSpec(name="u", base_url="http://h/v1", api_key="sk-up")
    assert onward_credential(caller, own) == ((b"authorization", b"Bearer sk-up"),)


@given(st.integers(0, len(SECRET) - 1), st.integers(33, 126))
def test_a_key_that_differs_anywhere_is_not_admitted(at, code):
    byte = bytes([code])
    wrong = SECRET[:at] + byte + SECRET[at + 1 :]
    if wrong == SECRET:
        return
    for secret in (wrong, SECRET[:at], SECRET + byte):
        with pytest.raises(Refusal) as info:
            RING.admit(((b"authorization", b"Bearer " + secret),))
        assert info.value.status == 401


def test_no_representation_shows_a_secret():
    spec = UpstreamSpec(name="u", base_url="http://h/v1", api_key="sk-planted")
    caller = KeyRing((), b"salt").admit(((b"authorization", b"Bearer sk-planted"),))
    assert "planted" not in repr((spec, GatewaySettings(upstreams=(spec,)), caller))


def test_accepted_keys_expire_are_bounded_and_can_be_forgotten():
    keys = AcceptedKeys(seconds=10, most=2)
    for i in range(3):
        keys.note(b"%d" % i, "u", "m", now=0.0)
    assert [keys.knows(b"%d" % i, "u", "m", 1.0) for i in range(3)] == [False, True, True]
    assert not keys.knows(b"1", "u", "m", 10.0)
    assert not keys.knows(b"1", "other", "m", 1.0)
    keys.forget(b"2", "u", "m")
    assert not keys.knows(b"2", "u", "m", 1.0)


USER = [{"role": "user", "content": "hi"}]


@pytest.mark.parametrize(
    ("extra", "word"),
    [
        ({}, None),
        ({"n": 2}, "n"),
        ({"store": True}, "store"),
        ({"store": False, "logprobs": False, "tools": [], "n": 1}, None),
        ({"logprobs": True}, "logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"logit_bias": {"5": 1}}, "logit_bias"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"previous_response_id": "r"}, "stateful"),
        ({"response_format": {"type": "json_schema"}}, "json_schema"),
        ({"response_format": {"type": "json_object"}}, None),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]}, "images"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "content"),
        ({"messages": [*USER, {"role": "assistant", "content": "a"}, *USER]}, "multi_turn"),
        ({"messages": [{"role": "tool", "content": "a"}, *USER]}, "tools"),
        ({"messages": [{"role": "user", "content": "x" * 20_000}]}, "context"),
        ({"messages": []}, "no_messages"),
        ({"messages": ["x"]}, "malformed"),
    ],
)
def test_what_a_student_cannot_do_is_named(extra, word):
    can = Capabilities(json_schema=False, multi_turn=False)
    assert fit.misfit({"model": "m", "messages": USER, **extra}, can) == word


def test_a_kept_answer_may_be_a_students_where_the_operator_says_so():
    asked = {"model": "m", "messages": USER, "store": True}
    assert fit.misfit(asked, Capabilities(stored=True)) is None
    assert fit.misfit({**asked, "previous_response_id": "r"}, Capabilities(stored=True)) == "stateful"


def completion(content, reason="stop", **message):
    return {
        "choices": [
            {"message": {"role": "assistant", "content": content, **message}, "finish_reason": reason}
        ]
    }


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


@pytest.mark.parametrize(
    ("answer", "wanted", "wrong"),
    [
        (completion("x"), None, None),
        (None, None, "not a chat completion"),
        (completion(" "), None, "empty"),
        (completion("x", "length"), None, "did not finish"),
        (completion("nope"), {"type": "json_object"}, "not the JSON"),
        (completion("[1]"), {"type": "json_object"}, "not a JSON object"),
        (completion('{"a":1}'), {"type": "json_schema", "json_schema": {"schema": SCHEMA}}, None),
        (completion('{"a":"1"}'), {"type": "json_schema", "json_schema": {"schema": SCHEMA}}, "breaks"),
        (
            completion("{}"),
            {"type": "json_schema", "json_schema": {"schema": {"$ref": "http://127.0.0.1:9/x"}}},
            "cannot be checked",
        ),
        (
            completion("{}"),
            {"type": "json_schema", "json_schema": {"schema": {"type": 5}}},
            "cannot be checked",
        ),
    ],
)
def test_a_students_answer_is_checked(answer, wanted, wrong):
    said = check.problem(answer, {"response_format": wanted})
    assert (said is None) if wrong is None else (said is not None and wrong in said)


def test_a_students_answer_wears_the_model_asked_for():
    shown = disguise.completion(
        {"id": "c", "model": "student", "choices": [], "timings": {"a": [1]}}, "gpt-x"
    )
    assert (shown["id"], shown["model"], "timings" in shown) == ("c", "gpt-x", False)
    stream = b': ping\n\ndata: {"model":"s","choices":[]}\n\ndata: [DONE]\n\n'
    before, chunk, after = disguise.stream(stream, 'g"').split(b"\n\n", 2)
    assert (before, after) == (b": ping", b"data: [DONE]\n\n")
    assert json.loads(chunk.removeprefix(b"data: "))["model"] == 'g"'
    for odd in (b"data: {broken}\n\n", b'data: {"error":{}}\n\n', b'data: {"choices":5}\n\n'):
        assert disguise.stream(odd, "m") == odd


@given(
    odd=st.recursive(
        st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
    )
)
def test_a_student_that_says_anything_is_no_crash(odd):
    answer = {"choices": [odd, {"message": odd, "delta": odd}], "usage": odd, "model": odd}
    assert disguise.completion(answer, "m")["model"] == "m"
    assert disguise.stream(sse(answer), "m").startswith(b"data: {")


def test_a_students_answer_has_every_member_that_the_provider_gives():
    said = {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "s",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }  # fmt: skip
    shown = disguise.completion(said, "gpt-x")
    assert set(shown) == {
        "id", "object", "created", "model", "choices", "usage", "service_tier", "system_fingerprint",
    }  # fmt: skip
    (choice,) = shown["choices"]
    assert (choice["logprobs"], choice["message"]["refusal"], choice["message"]["annotations"]) == (
        None,
        None,
        [],
    )
    assert (shown["usage"]["total_tokens"], shown["usage"]["prompt_tokens_details"]["cached_tokens"]) == (
        4,
        0,
    )
    assert shown["usage"]["completion_tokens_details"]["reasoning_tokens"] == 0
    begun = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}]}
    chunk = json.loads(disguise.stream(sse(begun), "gpt-x").removeprefix(b"data: "))
    assert chunk["choices"][0]["delta"] == {"refusal": None, "role": "assistant", "content": ""}
    assert chunk["choices"][0]["logprobs"] is None


@given(st.lists(st.integers(1, 9), max_size=20))
def test_a_disguised_stream_is_the_same_however_it_is_cut(cuts):
    stream = (
        b'data: {"model":"s","choices":[{"delta":{"content":"a\\n\\nb"}}]}\r\n\r\n: x\n\ndata: [DONE]\n\n'
    )
    out, at = disguise.Streaming("m"), 0
    got = b""
    for cut in cuts:
        got += out.add(stream[at : at + cut])
        at += cut
    got += out.add(stream[at:]) + out.rest()
    assert got == disguise.stream(stream, "m")


@pytest.mark.parametrize(
    ("pairing", "answered", "due"),
    [
        (Pairing.SHADOW, Who.TEACHER, Pairing.SHADOW),
        (Pairing.REVERSE_SHADOW, Who.STUDENT, Pairing.REVERSE_SHADOW),
        (Pairing.REVERSE_SHADOW, Who.TEACHER, Pairing.NONE),
        (Pairing.NONE, Who.STUDENT, Pairing.NONE),
    ],
)
def test_a_fallback_needs_no_second_teacher(pairing, answered, due):
    assert second(Choice(pairing=pairing), answered) is due


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 422),
        (b'{"id":"x"}', 422),
        (b'{"id":"x","score":2}', 422),
        (b'{"id":"x","score":true}', 422),
        (b'{"id":"x","score":"1"}', 422),
        (b'{"id":7,"score":1}', 422),
        (b'{"id":"x","rating":1}', 422),
        (b'{"id":"x","comment":""}', 422),
        (b'{"id":"x","signal":""}', 422),
        (b'{"id":"x","signal":1}', 422),
        (b'{"id":"x","signal":"Thumbs up"}', 422),
        (b'{"id":"x","signal":"copied\\n"}', 422),
        (b'{"id":"x","signal":"_"}', 422),
        (b'{"id":"x","signal":"%b"}' % (b"a" * 51), 422),
    ],
)
def test_bad_feedback_gets_one_sentence(body, status):
    with pytest.raises(Refusal) as info:
        read(body, Caller(tenant="", key_id="k", identity=b""))
    assert info.value.status == status


@pytest.mark.parametrize("word", ["accepted", "opened_in_editor2", "a" * 50])
def test_a_signal_is_one_word_known_or_not(word):
    got = read(b'{"id":"c","signal":"%b"}' % word.encode(), Caller(tenant="", key_id="k", identity=b""))
    assert (got.signal, got.score) == (word, None)


def test_good_feedback_is_read():
    got = read(
        b'{"id":"c","score":1,"correction":{"b":1,"a":2}}', Caller(tenant="t", key_id="k", identity=b"")
    )
    assert (got.target, got.score, got.correction, got.tenant, got.key_id) == (
        "c",
        1.0,
        '{"a":2,"b":1}',
        "t",
        "k",
    )


@pytest.mark.parametrize(
    "make",
    [
        lambda: UpstreamSpec(name="u", base_url="ftp://x"),
        lambda: UpstreamSpec(name="u", base_url="http://key@x/v1"),
        lambda: ClientKey(name="k", sha256="sk-a-key"),
        lambda: Timeouts(idle=0),
        lambda: GatewaySettings(upstreams=()),
        lambda: GatewaySettings(shadow_concurrency=0),
    ],
)
def test_settings_that_cannot_work_are_refused(make):
    with pytest.raises(SettingsError):
        make()


def test_nothing_configured_means_openai_with_the_callers_own_key():
    settings_ = GatewaySettings()
    assert settings_.upstreams[0].base_url == "https://api.openai.com/v1"
    caller = KeyRing((), settings_.salt).admit(((b"authorization", b"Bearer sk-mine"),))
    assert onward_credential(caller, settings_.upstreams[0]) == ((b"authorization", b"Bearer sk-mine"),)
    assert FixedChooser().route("x") is None
