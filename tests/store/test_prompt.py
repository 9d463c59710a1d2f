import json
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from store.plain import split as plainly
from store.program import rewrite
from store.prompt import head_hash, input_hash, join, leading
from store.split import exactly, split
from store.vocabulary import Program

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["system", "developer", "user", "assistant"]), "content": values}
    ),
    max_size=5,
)
requests = st.dictionaries(st.text(string.ascii_lowercase, max_size=5), values, max_size=3).flatmap(
    lambda extra: st.fixed_dictionaries(
        {},
        optional={"messages": messages, "tools": values, "functions": values, "response_format": values},
    ).map(lambda known: {**extra, **known})
)
layouts = st.sampled_from([(None, True), (None, False), (2, True), (1, False)])


@given(requests, layouts)
def test_a_split_body_joins_to_the_same_bytes_and_hashes_as_its_parsed_form(request_, layout):
    indent, ascii_ = layout
    body = json.dumps(request_, indent=indent, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    parts = split(body)
    if parts is None:  # only text that is no UTF-8 may refuse
        with pytest.raises(UnicodeDecodeError):
            body.decode()
        return
    assert join(parts.tail, parts.cuts, parts.pieces) == body
    parsed = json.loads(body)
    assert parts.head_hash == head_hash(parsed)
    assert parts.input_hash == input_hash(parsed)
    head = [*parsed.get("messages", [])[: leading(parsed.get("messages"))]]
    head += [parsed[k] for k in ("tools", "functions", "response_format") if parsed.get(k) is not None]
    canonical = {json.dumps(value, sort_keys=True) for value in head}
    assert {json.dumps(json.loads(piece), sort_keys=True) for piece in parts.pieces} == canonical


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda t: t.encode("utf-8", "replace")))
def test_what_is_no_json_object_is_not_split(body):
    parts = split(body)
    try:
        expected = isinstance(json.loads(body.decode()), dict)
    except (ValueError, RecursionError):
        expected = False
    assert (parts is not None) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"a":1',
        b'{"a":1}x',
        b'{"a" 1}',
        b'{"a":1,}',
        b"{1:2}",
        b'{"messages":[}',
        b"[" * 99999,
    ],
)
def test_damaged_json_is_refused(body):
    assert split(body) is None


def test_the_last_of_equal_keys_counts_as_in_any_parser():
    body = b'{"messages":[{"role":"system","content":"a"}],"tools":[1],"messages":[{"role":"system","content":"b"}]}'
    parts = split(body)
    assert parts.pieces == ("[1]", '{"role":"system","content":"b"}')
    assert join(parts.tail, parts.cuts, parts.pieces) == body
    assert parts.head_hash == head_hash(json.loads(body))


def test_head_hash_sees_the_head_only_and_not_its_spelling():
    one = (
        b'{"messages": [{"role":"system","content":"S\\u00e9"},{"role":"user","content":"1"}], "tools": null}'
    )
    two = '{"messages":[{"content":"Sé","role":"system"},{"role":"user","content":"2"}],"model":"m"}'.encode()
    assert split(one).head_hash == split(two).head_hash
    assert split(one).input_hash != split(two).input_hash
    other = two.replace(b"system", b"developer")
    assert split(other).head_hash != split(two).head_hash


def test_input_hash_leaves_out_what_cannot_change_the_answer():
    plain = {"model": "m", "messages": [{"role": "user", "content": "1"}], "temperature": 0}
    noisy = {**plain, "user": "u", "metadata": {"a": "b"}, "stream": True, "store": False}
    assert input_hash(plain) == input_hash(noisy)
    assert input_hash(plain) != input_hash({**plain, "temperature": 1})


@given(requests)
def test_rewrite_drops_the_leading_messages_and_nothing_else(request_):
    kept = json.loads(json.dumps(request_))
    program = Program(head=(), head_hash=head_hash(request_))
    seen = rewrite(request_, program)
    assert request_ == kept
    conversation = request_.get("messages", [])
    if not conversation[leading(conversation) :]:
        assert seen is None
    else:
        assert seen == {**request_, "messages": conversation[leading(conversation) :]}
    assert rewrite(request_, Program(head=(), head_hash="another")) is None
    assert rewrite(request_, Program()) == request_


@given(requests)
def test_rewrite_agrees_with_the_hash_that_the_log_keeps(request_):
    parts = split(json.dumps(request_).encode())
    program = Program(head=(), head_hash=parts.head_hash)
    conversation = request_.get("messages", [])
    assert (rewrite(request_, program) is not None) == bool(conversation[leading(conversation) :])


@pytest.mark.parametrize("role", [[], {}, 7, None, True])
def test_a_role_of_any_type_is_no_head_and_no_crash(role):
    body = json.dumps({"model": "m", "messages": [{"role": role, "content": "x"}]}).encode()
    parts = split(body)
    assert parts is None or join(parts.tail, parts.cuts, parts.pieces) == body


spellings = st.sampled_from(["", " ", "\n  ", "\t"])
numbers = st.sampled_from(
    ["0", "-0", "-0.0", "1e5", "1E-7", "1e999", "NaN", "-Infinity", "1" * 30, "9" * 5000, "0.1", "01", "18446744073709551616"]
)  # fmt: skip
letters = st.sampled_from(
    ["a", "é", "\\u00e9", "\\ud83d\\ude00", "\\ud800", "😀", "\\n", "\\/", '\\"', "\\\\", "\x01", "\\x"]
)
literals = st.lists(letters, max_size=4).map(lambda some: f'"{"".join(some)}"')
keys = st.sampled_from(
    ['"messages"', '"tools"', '"functions"', '"response_format"', '"user"', '"model"', '"\\u006dessages"', '"é"', '""']
)  # fmt: skip
inner_keys = st.sampled_from(['"role"', '"content"', '"r\\u006fle"', '"name"', '"é"'])


def spelled(pairs):
    """Write members as they come: keys twice, blanks anywhere."""
    return "{" + ",".join(f"{a}{key}{b}:{value}" for a, key, b, value in pairs) + "}"


def array(pairs):
    return "[" + ",".join(f"{blank}{value}" for blank, value in pairs) + "]"


def objects(names, inner):
    return st.lists(st.tuples(blanks, names, blanks, inner), max_size=4).map(spelled)


blanks = st.just("") | spellings
atoms = (
    literals
    | numbers
    | st.sampled_from(["null", "true", '"system"', '"developer"', '"user"', '"syst\\u0065m"'])
)
odd_values = atoms | objects(inner_keys, atoms)
roles = st.sampled_from(['"system"', '"user"', '"developer"', '"syst\\u0065m"', "null", "[]"])
odd_messages = st.tuples(roles, odd_values).map(lambda t: f'{{"role":{t[0]},"content":{t[1]}}}')
conversations = st.lists(st.tuples(blanks, odd_messages | odd_values), max_size=4).map(array)
bodies = objects(keys, odd_values | conversations)


@settings(max_examples=600)
@given(bodies, st.sampled_from(["", "\n", "x", "\ufeff"]), st.booleans())
def test_what_is_parted_plainly_is_parted_exactly_so(body, after, wrong):
    raw = (body + after).encode() + (b"\xff" if wrong else b"")
    parts = plainly(raw)
    if parts is not None:
        assert parts == exactly(raw)
        assert join(parts.tail, parts.cuts, parts.pieces) == raw
    assert split(raw) == exactly(raw)


@given(requests, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_what_a_writer_writes_is_parted_plainly(request_, separators, ascii_):
    body = json.dumps(request_, separators=separators, ensure_ascii=ascii_).encode()
    parts = plainly(body)
    if b"Infinity" in body:  # no JSON, though Python writes and reads it
        assert parts is None
    else:
        assert parts == exactly(body)
