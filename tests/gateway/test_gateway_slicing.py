"""By what calls are told apart, and who answers those that the teacher keeps."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import slicing, surfaces
from gateway import tongue as tongues
from gateway.errors import Refusal
from gateway.keys import Caller
from gateway.tongue import OTHER, tongue
from store.vocabulary import DIMENSIONS, VALUES

ALL = (*DIMENSIONS, "metadata.plan")
ME = Caller(tenant="", key_id="00ff", identity=b"")
WEATHER = {"type": "function", "function": {"name": "weather", "parameters": {}}}
SEARCH = {"type": "function", "function": {"name": "search", "parameters": {}}}
SAID = {
    "en": "My parcel has not come and the shop does not answer; what is to be done with it?",
    "de": "Mein Paket ist nicht angekommen, und der Laden antwortet nicht; was ist zu tun?",
    "fr": "Mon colis ne vient pas et le magasin ne répond pas ; que dois-je faire avec la facture ?",
    "es": "Mi paquete no ha llegado y la tienda no contesta; ¿qué se puede hacer con el pago?",
    "it": "Il pacco non è arrivato e il negozio non risponde; che cosa si può fare con la fattura?",
    "pt": "O meu pacote não chegou e a loja não responde; o que se pode fazer com uma conta?",
    "nl": "Het pakket is niet gekomen en de winkel antwoordt niet; wat kan ik doen met mijn rekening?",
    "ja": "荷物がまだ届きません。どうすればいいですか。",
    "zh": "我的包裹还没有到 商店也不回复",
    "ko": "소포가 아직 도착하지 않았습니다.",
    "cyrillic": "Моя посылка ещё не пришла, магазин не отвечает.",
    OTHER: "zqx 4711 !!",
}


def of(dimensions, surface="chat", caller=ME, **request):
    asked = surfaces.BY_NAME[surface].parse(json.dumps({"model": "m", **request}).encode(), max_depth=64)
    return slicing.slices(dimensions, asked, caller)


def messages(*said):
    return [{"role": "system", "content": "x" * 5_000}, *({"role": "user", "content": text} for text in said)]


def test_each_call_is_of_one_slice_of_each_dimension():
    plain = of(ALL, messages=messages("hi"))
    assert plain == ("tools:none", "length:short", "language:other", "key:00ff", "metadata.plan:none")
    full = of(
        ALL,
        messages=messages("y" * 3_000, SAID["de"]),
        tools=[WEATHER, SEARCH, WEATHER],
        metadata={"plan": " pro\nmax "},
        caller=Caller(tenant="acme", key_id="00ff", identity=b""),
    )
    assert full == (
        "tools:search+weather",
        "length:medium",
        "language:de",
        "key:acme",
        "metadata.plan:pro max",
    )
    assert of(("tools",), messages=messages("hi"), tools=[SEARCH, WEATHER]) == full[:1]
    assert of(("unheard",), messages=messages("hi")) == ()


@pytest.mark.parametrize(
    ("surface", "request_"),
    [
        ("responses", {"input": SAID["fr"], "instructions": "x" * 5_000, "metadata": {"plan": "pro"}}),
        ("completions", {"prompt": SAID["fr"], "metadata": {"plan": "pro"}}),
        (
            "messages",
            {"messages": [{"role": "user", "content": SAID["fr"]}], "system": "x" * 5_000, "max_tokens": 5},
        ),
    ],
)
def test_a_slice_is_the_same_on_every_surface(surface, request_):
    plan = "pro" if "metadata" in request_ else "none"
    found = of(("length", "language", "metadata.plan"), surface, **request_)
    assert found == ("length:short", "language:fr", f"metadata.plan:{plan}")


@pytest.mark.parametrize("language", SAID)
def test_a_language_is_told_by_its_script_or_its_small_words(language):
    assert tongue(SAID[language]) == language


@pytest.mark.parametrize(
    ("message", "label"),
    [
        ({"content": " refund\nwanted "}, "refund wanted"),
        ({"content": '{"intent": "refund"}'}, '{"intent": "refund"}'),
        ({"content": "x" * 65}, None),
        ({"content": None}, None),
        ({"content": "refund", "tool_calls": [{"id": "1"}]}, None),
    ],
)
def test_a_label_is_a_short_answer_s_own_text(message, label):
    assert slicing.label({"choices": [{"message": message}]}) == label


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "messages": st.lists(
                st.fixed_dictionaries(
                    {"role": st.sampled_from(["system", "user", "tool"]), "content": values}
                )
                | values
            )
            | values,
            "tools": st.lists(values | st.fixed_dictionaries({"function": values})) | values,
            "functions": values,
            "metadata": st.dictionaries(st.just("plan"), values) | values,
        },
    )
)
def test_whatever_is_asked_has_short_storable_slices(request_):
    try:
        found = of(ALL, **request_)
    except Refusal:
        return
    assert [name.partition(":")[0] for name in found] == list(ALL)
    for name in found:
        value = name.partition(":")[2]
        assert 0 < len(value) <= 64
        assert value == value.strip()
        name.encode()


def test_dimensions_with_a_fixed_list_of_values_give_those_and_no_others():
    lengths = [name for _, name in slicing._LENGTHS]
    assert [*lengths, slicing._HUGE] == list(VALUES["length"])
    assert {*tongues._SMALL, *tongues._SCRIPTS.groupindex, OTHER, slicing.NONE} == set(VALUES["language"])
