"""Writes a student and what it learnt into a folder, for programs that are not ours. Knows no store and no DSPy."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from distiller.serving.engines import WEIGHTS
from distiller.trainset import read_rows
from distiller.trainset.apart import shared
from store.program import rewrite
from store.vocabulary import Engine, Program, Student

_PORTABLE = (WEIGHTS[Engine.LLAMA], WEIGHTS[Engine.VLLM])  # whoever serves it here
_DSPY = Path(__file__).with_name("dspy_program.py")
Row = dict[str, Any]


def export_student(student: Student, weights: Path, trainsets: Sequence[Path], target: Path) -> list[str]:
    """Fill the empty or absent folder `target`; returns the names of what was written, below it.

    `weights` is the student's folder, `trainsets` are those of what it learnt from. Raises FileExistsError where `target` holds
    anything, OSError where it cannot be written.
    """
    target.mkdir(parents=True, exist_ok=True)
    if any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    for name in dict.fromkeys((WEIGHTS[student.engine], *_PORTABLE)):
        if (weights / name).exists():
            _copy(weights / name, target / name)
    _rows(list(_learnt(trainsets, student.program)), target)
    (target / "dspy").mkdir()
    shutil.copyfile(_DSPY, target / "dspy" / "program.py")
    told = {"model": student.model, "student_id": student.student_id, "program": asdict(student.program)}
    (target / "dspy" / "student.json").write_text(
        json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )
    if (target / (gguf := WEIGHTS[Engine.LLAMA])).exists():
        (target / "Modelfile").write_text(modelfile(gguf, student.program), "utf-8")
    return sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())


def modelfile(weights: str, program: Program) -> str:
    """Return an Ollama Modelfile: greedy, the ChatML it was trained on, its own instructions and examples."""
    lines = [
        f"FROM ./{weights}",
        "PARAMETER temperature 0",
        'PARAMETER stop "<|im_end|>"',
        f'TEMPLATE """{_TEMPLATE}"""',
    ]
    lines += [
        f"SYSTEM {_quoted(text)}" for text in (_text(message) for message in program.head or ()) if text
    ]
    lines += [f"MESSAGE {m['role']} {_quoted(_text(m))}" for m in program.demos if _text(m)]
    return "\n".join(lines) + "\n"


def openai_row(row: Row, request: Row) -> Row:
    """Return a row as OpenAI's fine-tuning API reads it."""
    told = {"messages": [*request["messages"], row["completion"]]}
    return told | {"tools": request["tools"]} if request.get("tools") else told


def trl_row(row: Row, request: Row) -> Row:
    """Return a row as TRL's SFTTrainer reads it: conversational prompt and completion."""
    told = {"prompt": request["messages"], "completion": [row["completion"]]}
    return told | {"tools": request["tools"]} if request.get("tools") else told


_FORMS: dict[str, Callable[[Row, Row], Row]] = {"train.openai.jsonl": openai_row, "train.trl.jsonl": trl_row}
_TEMPLATE = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"


def _rows(learnt: Sequence[tuple[Row, Row]], target: Path) -> None:
    for name, form in _FORMS.items():
        with (target / name).open("w", encoding="utf-8") as lines:
            for row, request in learnt:
                lines.write(json.dumps(form(row, request), ensure_ascii=False) + "\n")


def _learnt(trainsets: Sequence[Path], program: Program) -> Iterator[tuple[Row, Row]]:
    """Yield the rows that were trained on, each with its request as the student sees it."""
    apart = shared(trainsets)
    for row in (row for trainset in trainsets for row in read_rows(trainset / "train.jsonl")):
        request = rewrite(row["request"], program) if row["passed"] else None
        if request is not None and row["call_id"] not in apart:
            yield row, request


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    else:
        shutil.copyfile(source, target)


def _text(message: Row) -> str:
    content = message.get("content")
    return content if isinstance(content, str) else ""


def _quoted(text: str) -> str:
    return '"""' + text.replace('"""', "'''") + '"""'
