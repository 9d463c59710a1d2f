"""Requests of the other surfaces in parts: the bytes come back, and the head is that of the chat request they mean."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_prompt import array, blanks, layouts, literals, objects, odd_values, roles

from gateway import surfaces, trace
from store.prompt import head_hash, input_hash, join
from store.split import split

said = st.text(min_size=1, max_size=12)
turns = st.lists(st.sampled_from(["user", "assistant"]), max_size=2)
messages = st.builds(
    lambda roles_, text: [{"role": role, "content": text} for role in [*roles_, "user"]], turns, said
)
led = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "developer"]), "content": said}), max_size=2
)
schema = st.dictionaries(said, said, max_size=2)
tools = {
    "responses": st.builds(lambda n, s: [{"type": "function", "name": n, "parameters": s}], said, schema),
    "messages": st.builds(lambda n, s: [{"name": n, "input_schema": s}], said, schema),
}
formats = {
    "responses": st.builds(lambda s: {"format": {"type": "json_schema", "name": "a", "schema": s}}, schema),
    "messages": st.builds(lambda s: {"format": {"type": "json_schema", "schema": s}}, schema),
}
options = {"temperature": st.floats(0, 1), "model": said, "stream": st.booleans()}
REQUESTS = {
    "responses": st.fixed_dictionaries(
        {"input": st.builds(lambda a, b: a + b, led, messages) | said},
        optional={
            **options, "instructions": st.none() | said, "tools": st.none() | tools["responses"],
            "text": st.none() | formats["responses"], "previous_response_id": st.none() | said,
        },
    ),
    "messages": st.fixed_dictionaries(
        {"messages": messages},
        optional={
            **options, "tools": tools["messages"], "output_config": formats["messages"],
            "system": said | st.builds(lambda t: [{"type": "text", "text": t}], said),
        },
    ),
    "completions": st.fixed_dictionaries({"prompt": said}, optional=options),
}  # fmt: skip
HEADS = {"responses": ("instructions", "tools", "text"), "messages": ("system", "tools", "output_config")}


@pytest.mark.parametrize("surface", REQUESTS)
@given(data=st.data(), layout=layouts)
def test_a_split_body_joins_to_the_same_bytes_and_has_the_head_of_its_trace(surface, data, layout):
    request = data.draw(REQUESTS[surface])
    order = data.draw(st.permutations(list(request)))
    indent, ascii_ = layout
    body = json.dumps({name: request[name] for name in order}, indent=indent, ensure_ascii=ascii_).encode()
    parts = split(body, surface, trace)
    assert join(parts.tail, parts.cuts, parts.pieces) == body
    meant = trace.request(surface, trace.alone(surface, request))
    assert parts.head_hash == head_hash(meant)
    assert parts.head_hash == head_hash(
        surfaces.BY_NAME[surface].parse(body, max_depth=64).head
    )  # at the gateway
    previous = request.get("previous_response_id")
    assert (parts.input_hash == input_hash(meant)) == (previous is None)
    head = [request[name] for name in HEADS.get(surface, ()) if request.get(name) is not None]
    items = request.get("input")
    for item in items if isinstance(items, list) else ():
        if item["role"] not in ("system", "developer"):
            break
        head.append(item)
    assert sorted(map(json.dumps, head)) == sorted(json.dumps(json.loads(piece)) for piece in parts.pieces)


odd_keys = st.sampled_from(
    [
        '"input"',
        '"messages"',
        '"prompt"',
        '"instructions"',
        '"system"',
        '"tools"',
        '"text"',
        '"model"',
        '"\\u0069nput"',
    ]
)
odd_items = st.tuples(roles, literals).map(lambda t: f'{{"role":{t[0]},"content":{t[1]}}}')
odd_lists = st.lists(st.tuples(blanks, odd_items | odd_values), max_size=4).map(array)
odd_bodies = objects(odd_keys, odd_values | odd_lists)


class Lenient:
    """Understands everything, as the same question."""

    def alone(self, _surface, body):
        return body

    def request(self, _surface, _body):
        return {"messages": []}


@pytest.mark.parametrize("surface", REQUESTS)
@settings(max_examples=400)
@given(odd_bodies, st.booleans())
def test_bodies_of_any_spelling_join(surface, body, wrong):
    raw = body.encode("utf-8", "surrogatepass") + (b"\xff" if wrong else b"")
    parts = split(raw, surface, Lenient())
    try:
        json.loads(raw.decode())
    except ValueError:
        assert parts is None
    else:
        assert join(parts.tail, parts.cuts, parts.pieces) == raw


TOOL = {"name": "find", "description": "Finds.", "parameters": {"type": "object"}}
SCHEMA = {"type": "object", "properties": {}}
SAME = {
    "chat": {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        "tools": [{"type": "function", "function": TOOL}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}},
    },
    "responses": {
        "instructions": "Be brief.",
        "input": "Hi",
        "tools": [{"type": "function", **TOOL, "strict": False}],
        "text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}},
    },
    "messages": {
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "Hi"}],
        "tools": [{"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}],
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    },
}  # fmt: skip


def test_the_same_head_has_the_same_hash_on_every_surface_and_a_prompt_of_its_own():
    parts = {
        name: split(json.dumps({"model": "m", **body}).encode(), name, trace) for name, body in SAME.items()
    }
    assert len({one.head_hash for one in parts.values()}) == 1
    assert len({one.input_hash for one in parts.values()}) == 1
    assert len({one.prompt_hash for one in parts.values()}) == len(SAME)


def test_what_a_request_goes_on_from_is_a_part_of_its_input_and_not_of_its_head():
    bodies = [{"instructions": "Be brief.", "input": "Hi", "previous_response_id": name} for name in "ab"]
    a, b = (split(json.dumps(body).encode(), "responses", trace) for body in bodies)
    assert a.head_hash == b.head_hash == head_hash({"messages": [{"role": "system", "content": "Be brief."}]})
    assert a.input_hash != b.input_hash


def test_equal_pieces_under_another_head_are_another_prompt():
    """A reasoning item is left out of the chat request, so what follows it opens that; as bytes it does not lead."""
    item = {"role": "system", "content": "Be brief."}
    bodies = (
        {"input": [{"type": "reasoning", "summary": []}, item]},
        {"input": [{"type": "reasoning", "summary": []}]},
    )
    a, b = (split(json.dumps({**body, "instructions": "x"}).encode(), "responses", trace) for body in bodies)
    assert a.pieces == b.pieces == ('"x"',)
    assert a.head_hash != b.head_hash
    assert a.prompt_hash != b.prompt_hash


@pytest.mark.parametrize(
    ("surface", "body"),
    [
        ("responses", {"input": "Hi", "tools": [{"type": "web_search"}]}),
        ("responses", {"input": "Hi", "background": True}),
        ("completions", {"prompt": ["a", "b"]}),
        ("messages", {"messages": [], "container": "c"}),
        ("opaque", {"input": "Hi"}),
    ],
)
def test_what_means_no_chat_request_is_not_split_and_has_no_fingerprint(surface, body):
    written = json.dumps(body).encode()
    assert split(written, surface, trace) is None
    if surface in surfaces.BY_NAME:
        assert not surfaces.BY_NAME[surface].parse(written, max_depth=64).understood


def test_a_log_that_is_told_nothing_parts_chat_alone():
    body = b'{"input":"Hi","prompt":"Hi","messages":[]}'
    assert split(body) is not None
    assert split(body, "responses") is None


def test_a_translation_with_a_bug_costs_no_record(caplog):
    class Broken:
        alone = staticmethod(trace.alone)

        def request(self, _surface, _body):
            raise KeyError("bug")

    assert split(b'{"input":"Hi"}', "responses", Broken()) is None
    assert "could not be told" in caplog.text
