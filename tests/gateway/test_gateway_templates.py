"""Calls that a published template fits: one fingerprint, whatever stands in its gaps and on whatever surface."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upstream import house

from gateway import surfaces, wire
from gateway.fingerprint import Fingerprints, fingerprint
from store import opening
from store.template import Run, Template, Templates
from store.wording import words

BEFORE, AFTER = "You answer the mails of", "and you write to her as briefly as you can."
ASKED = {"model": "gpt-x", "messages": [{"role": "user", "content": "hi"}]}


def said(name: str, *, role: str = "system") -> dict[str, Any]:
    first = {"role": role, "content": f"{BEFORE} {name} {AFTER}"}
    return {**ASKED, "messages": [first, *ASKED["messages"]] if role == "system" else [first]}


def template(request: dict[str, Any], tenant: str = "", task_name: str | None = None) -> Template:
    """The template of BEFORE, any name, AFTER, in the scope of a request."""
    scope = opening.read(request, tenant, task_name).scope
    runs = (Run(words=words(BEFORE)), Run(words=words(AFTER), gap=True))
    return Template(template_id=opening.name_in(scope, "t"), scope=scope, runs=runs)


_SEEN = Fingerprints()


def of(request: dict[str, Any], templates: Templates, tenant: str = "", task_name: str | None = None) -> str:
    asked = wire.parse(json.dumps(request).encode(), max_depth=64)
    found = fingerprint(asked.beginning, tenant, task_name, templates)
    assert {_SEEN.of(asked, tenant, task_name, templates) for _ in range(2)} == {found}
    return found


@pytest.mark.parametrize("role", ["system", "user"])
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=2, max_size=4))
def test_what_fills_a_gap_changes_nothing(role, names):
    mine = template(said("Anna", role=role))
    assert {of(said(name, role=role), Templates([mine])) for name in names} == {mine.template_id}


@pytest.mark.parametrize("role", ["system", "user"])
def test_one_other_word_or_scope_is_the_hash_as_without_templates(role):
    known, request = Templates([template(said("Anna", role=role))]), said("Anna", role=role)
    messages = [{**request["messages"][0], "content": f"{BEFORE} Anna {AFTER} Thanks."}]
    for other, tenant, name in (
        ({**request, "messages": messages}, "", None),
        ({**request, "model": "gpt-y"}, "", None),
        ({**request, "tools": [{"type": "function", "function": {"name": "f"}}]}, "", None),
        (request, "acme", None),
        (request, "", "triage"),
    ):
        assert of(other, known, tenant, name) == of(other, Templates(), tenant, name)
        assert of(other, known, tenant, name) != of(request, known)


def test_the_same_request_has_the_same_name_on_every_surface():
    instructions = f"{BEFORE} Anna {AFTER}"
    bodies = {
        "chat": said("Anna"),
        "responses": {"model": "gpt-x", "instructions": instructions, "input": "hi", "store": False},
        "messages": {
            "model": "gpt-x",
            "max_tokens": 9,
            "system": instructions,
            "messages": [{"role": "user", "content": "ho"}],
        },
    }
    known = Templates([template(said("Bob"))])
    for name, body in bodies.items():
        asked = surfaces.BY_NAME[name].parse(json.dumps(body).encode(), max_depth=64)
        assert fingerprint(asked.beginning, "", None, known) in known, name


class Unread(str):
    """A text that nobody may take apart."""

    __slots__ = ()

    def split(self, *_: object) -> Any:
        raise AssertionError("the words of a user message were read, and no template is in its scope")


def test_a_user_message_is_not_read_where_its_scope_has_no_template():
    request = {"model": "m", "messages": [{"role": "user", "content": Unread("a document")}]}
    known = Templates([template(said("Anna")), template(said("Anna", role="user"))])
    assert fingerprint(request, "", None, known) == fingerprint(request, "")
    with pytest.raises(AssertionError):
        fingerprint({**request, "model": "gpt-x"}, "", None, known)


async def test_a_call_is_logged_under_its_template():
    async with house() as place, httpx.AsyncClient(trust_env=False) as app:
        mine = template(said("Anna"))
        place.chooser.templates = Templates([mine])
        for name in ("Bob", "Zoë van der Meer"):
            answer = await app.post(f"{place.v1}/chat/completions", json=said(name))
            assert answer.status_code == 200
        assert [call.fingerprint for call in place.journal.calls] == [mine.template_id] * 2
        assert {call.fp_version for call in place.journal.calls} == {opening.FP_VERSION}
