"""What a classifier is made of, without a process: texts, answers, the head, its fit and the encoder's arithmetic."""

import json
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_encoder import WORDS, make_encoder
from transformers import BertModel, PreTrainedTokenizerFast

from distiller.classifier.answers import MOST, collect, meaning, not_closed
from distiller.classifier.encoder import Encoder, gelu
from distiller.classifier.fit import fit, temper
from distiller.classifier.head import Head
from distiller.classifier.packaged import locate, missing
from distiller.classifier.text import Template, newest_first
from distiller.scoring.metrics import BUILT_IN
from distiller.scoring.shape import Shape
from distiller.training.errors import BaseUnavailable

TEXTS = st.text("ab \n", max_size=12)
SAID = st.sampled_from(
    ["Yes", "yes", " YES. ", "no", '{"a": 1}', '{ "a": 1.0 }', '{"a": "X"}', '{"a": "x "}', ""]
)
CALLS = st.sampled_from([None, '{"city": "Rome"}', '{"city":"rome"}', "{", '{"n": true}', '{"n": 1}'])


@st.composite
def messages(draw):
    arguments = draw(CALLS)
    call = {"id": draw(TEXTS), "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return {"role": "assistant", "content": draw(SAID), **({"tool_calls": [call]} if arguments else {})}


@given(
    first=messages(), second=messages(), shape=st.sampled_from([Shape.LABEL, Shape.FIELDS, Shape.TOOL_CALL])
)
def test_what_counts_as_one_answer_is_one_to_the_metric(first, second, shape):
    one, other = meaning(first, shape), meaning(second, shape)
    if one is not None and one == other:
        assert BUILT_IN[shape](first, second, {}) == 1.0


@given(st.lists(messages(), max_size=30))
def test_the_usual_spelling_answers_and_every_class_was_given_twice(given_messages):
    found = collect(given_messages, Shape.TOOL_CALL)
    assert len(found.classes) == len(given_messages)
    sizes = Counter(place for place in found.classes if place is not None)
    assert sorted(sizes) == list(range(len(found.messages)))
    assert all(size >= 2 for size in sizes.values())
    for place, usual in enumerate(found.messages):
        assert "id" not in json.dumps(usual.get("tool_calls", []))
        mine = {
            meaning(m, Shape.TOOL_CALL)
            for m, c in zip(given_messages, found.classes, strict=True)
            if c == place
        }
        assert mine == {meaning(usual, Shape.TOOL_CALL)}


def answers(*counts):
    return [{"role": "assistant", "content": f"label {i}"} for i, n in enumerate(counts) for _ in range(n)]


@pytest.mark.parametrize(
    ("counts", "shape", "why"),
    [
        ((10, 10), Shape.LABEL, None),
        ((10, 10), Shape.TEXT, "no closed set"),
        ((96, 2, 1, 1), Shape.LABEL, None),
        ((94, 2, 1, 1, 1), Shape.LABEL, "no closed set"),
        ((10,), Shape.LABEL, "the same"),
        ((3, 2), Shape.LABEL, "too few"),
        ((5,) * (MOST + 1), Shape.LABEL, "no closed set"),
        ((), Shape.LABEL, "no closed set"),
    ],
)
def test_what_a_classifier_could_learn(counts, shape, why):
    found = not_closed(collect(answers(*counts), shape), shape)
    assert found is None if why is None else why in found


@given(st.lists(TEXTS, min_size=1, max_size=6), TEXTS, TEXTS)
def test_a_template_is_what_all_share_and_loses_no_word_of_the_rest(texts, before, after):
    whole = [f"{before} {text} {after}" for text in texts]
    template = Template.of(whole)
    kept = [template.strip(text) for text in whole]
    assert [template.prefix + text + template.suffix for text in kept] == whole
    if len(set(texts)) > 1:
        assert template.prefix.startswith(f"{before} ")
        if (
            not {text.strip()[:1] for text in texts} & {"", after[:1]}
            and len({text.strip()[-1:] for text in texts}) > 1
        ):
            assert template.suffix.endswith(f" {after}")  # where no text can be taken for a part of it
    assert len({*zip(whole, kept, strict=True)}) == len(set(whole)) == len(set(kept))


def test_the_newest_messages_are_read_and_no_instructions():
    said = [{"role": "system", "content": "be brief"}]
    said += [{"role": role, "content": str(i)} for i, role in enumerate(["user", "assistant"] * 3 + ["user"])]
    said[-1]["content"] = [{"type": "text", "text": "card: lost"}]
    assert newest_first({"messages": said}) == ("card: lost", "5", "4")
    assert Template(prefix="card: ").text({"messages": said}) == "lost\n5\n4"
    assert Template().text({"messages": []}) == ""


def test_the_head_gives_probabilities_and_comes_back_from_its_file(tmp_path):
    draw = np.random.default_rng(0)
    head = Head(
        weight=draw.normal(size=(8, 3)).astype(np.float32), bias=np.ones(3, np.float32), temperature=2.0
    )
    vectors = draw.normal(size=(5, 8)).astype(np.float32)
    probabilities = np.exp(head.log_probs(vectors))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    head.save(tmp_path / "head.safetensors")
    np.testing.assert_array_equal(
        Head.load(tmp_path / "head.safetensors").log_probs(vectors), head.log_probs(vectors)
    )
    (tmp_path / "head.safetensors").write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="no head"):
        Head.load(tmp_path / "head.safetensors")


def test_the_temperature_of_right_probabilities_is_one_and_of_doubled_logits_two():
    draw = np.random.default_rng(0)
    logits = draw.normal(size=(20000, 4)).astype(np.float32) * 2
    classes = (logits + draw.gumbel(size=logits.shape)).argmax(axis=1)  # drawn from their softmax
    assert temper(logits, classes).temperature == pytest.approx(1.0, rel=0.06)
    assert temper(logits * 2, classes).temperature == pytest.approx(2.0, rel=0.06)


def test_a_fit_finds_what_is_there_and_says_how_sure_it_may_be():
    draw = np.random.default_rng(3)
    classes = draw.integers(0, 3, 600)
    vectors = (np.eye(3)[classes] * 2 + draw.normal(size=(600, 3))).astype(np.float32) * 1e-2 + 5
    told = []
    found = fit(vectors, classes, 3, seed=0, tell=lambda done, of: told.append((done, of)))
    fresh = draw.integers(0, 3, 3000)
    unseen = (np.eye(3)[fresh] * 2 + draw.normal(size=(3000, 3))).astype(np.float32) * 1e-2 + 5
    log_probs = found.head.log_probs(unseen)
    right = (log_probs.argmax(axis=1) == fresh).mean()
    bayes = ((unseen[:, :] - 5).argmax(axis=1) == fresh).mean()
    assert right == pytest.approx(bayes, abs=0.01)
    assert found.accuracy == pytest.approx(right, abs=0.05)
    assert np.exp(log_probs.max(axis=1)).mean() == pytest.approx(right, abs=0.03)
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1]
    again = fit(vectors, classes, 3, seed=0, tell=lambda *_: None)
    np.testing.assert_array_equal(again.head.weight, found.head.weight)


@given(st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=50))
def test_gelu_is_x_phi_x(values):
    exact = [v * 0.5 * math.erfc(-v / math.sqrt(2)) for v in values]
    np.testing.assert_allclose(gelu(np.array(values, np.float32)), exact, atol=5e-6)


def test_the_encoder_is_the_bert_that_transformers_runs(tiny):
    texts = ["red", "", "stone river cloud", "a word never seen", " ".join(WORDS * 8)]
    model = BertModel.from_pretrained(tiny).eval()
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(tiny / "tokenizer.json"))
    wanted = []
    for text in texts:
        ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=64)["input_ids"]
        with torch.inference_mode():
            states = model(input_ids=ids, output_hidden_states=True).hidden_states[-2:]
        means = [state[0].mean(0) for state in states]
        wanted.append(torch.cat([mean / mean.norm() for mean in means]).numpy())
    encoder = Encoder(tiny, layers=2)
    told = []
    np.testing.assert_allclose(encoder.encode(texts, told.append), np.array(wanted), atol=2e-5)
    assert told[-1] == len(texts)
    assert (encoder.width, encoder.count("red blue"), encoder.count(texts[-1])) == (64, 4, 64)


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join), min_size=1, max_size=20))
def test_a_text_has_one_vector_whatever_comes_with_it(tiny, texts):
    encoder = Encoder(tiny)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    np.testing.assert_allclose(encoder.encode(texts), alone, atol=1e-5)


def test_what_is_no_encoder_is_said(tmp_path, tiny):
    assert missing(str(tiny)) is None
    assert "config.json is missing" in missing(str(tmp_path))
    with pytest.raises(BaseUnavailable, match=r"config\.json"):
        locate(str(tmp_path))
    other = make_encoder(tmp_path, hidden_act="relu")
    with pytest.raises(BaseUnavailable, match="must be a BERT"):
        Encoder(other)
    (other / "model.safetensors").write_bytes(b"broken")
    with pytest.raises(BaseUnavailable, match="no sentence encoder"):
        Encoder(other)
