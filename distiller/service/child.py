"""`python -m distiller.service.child FOLDER`: DSPy's BootstrapFinetune with a training service behind its provider.

Needs no torch. A run that was killed finds its job at the service again; one that an operator cancelled ends it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx

from distiller.service.dialect import Dialect, Seen, ServiceError, Wanted
from distiller.service.fireworks import Fireworks
from distiller.service.openai import OpenAI
from distiller.service.remote import Limits, Remote, as_rows
from distiller.service.spec import ServiceSpec
from distiller.service.together import Together
from distiller.training.child import TOKEN, be_modest, run_child
from distiller.training.errors import Stopped, TooFewRows
from distiller.training.files import CANCELLED, PROGRAM, write
from distiller.training.lifeline import Lifeline
from distiller.training.report import Report
from distiller.training.rows import read_rows

ENDPOINT = "endpoint.json"
DIALECTS: dict[str, type[Dialect]] = {"openai": OpenAI, "together": Together, "fireworks": Fireworks}
_HOUR_S = 3600.0
_VALIDATION = 20  # every so manieth row, the latest, is the service's validation file
_LEAST = 100  # rows from which there is one


def main() -> int:
    """Return the exit status, as `docs/child-protocol.md` says."""
    return run_child("distiller.service.child", _run)


def _run(folder: Path, report: Report, lifeline: Lifeline) -> None:
    spec = ServiceSpec.load(folder)
    be_modest(folder, 1)
    from distiller.programs.taught import taught  # noqa: PLC0415 - loads DSPy, after the limits

    began = time.time()
    rows = read_rows(spec.trainset / "train.jsonl", spec.program)
    token = os.environ.pop(TOKEN, "")
    headers = {"authorization": f"Bearer {token}"}
    seen: list[Seen] = []
    learnt: list[dict[str, Any]] = []
    with httpx.Client(base_url=spec.base_url, headers=headers, timeout=spec.patience_s) as http:
        limits = Limits(
            usd_per_million=spec.service.usd_per_million, max_usd=spec.service.max_usd,
            max_s=spec.service.max_hours * _HOUR_S, poll_s=spec.poll_s,
        )  # fmt: skip
        remote = Remote(
            DIALECTS[spec.service.kind](), http, folder, report=report, limits=limits, stopping=lifeline.wait
        )
        wanted = Wanted(
            model=spec.service.model, epochs=spec.epochs, seed=spec.seed, suffix=spec.service.suffix, mark="",
            account=spec.service.account,
        )  # fmt: skip

        def train(chats: list[dict[str, Any]], **_: Any) -> str:  # the spec has what a service takes
            if len(chats) < spec.min_rows:
                raise TooFewRows(f"{len(chats)} passing rows to train on, {spec.min_rows} are needed")
            learnt.extend(chats)
            held = max(1, len(chats) // _VALIDATION) if len(chats) >= _LEAST else 0
            first, rest = chats[: len(chats) - held], chats[len(chats) - held :]
            seen.append(remote.run(wanted, as_rows(first), as_rows(rest) if rest else None))
            return str(seen[-1].model)

        try:
            taught(
                rows.rows, train, spec.teaching, trainset=spec.trainset, cache=folder / "cache",
                stopping=lambda: lifeline.stopping, token=token,
            )  # fmt: skip
        except Stopped:
            if (folder.parent / CANCELLED).exists():
                remote.cancel(wanted)
            raise
    _leave(spec, folder, seen[-1], len(learnt), began)


def _leave(spec: ServiceSpec, folder: Path, seen: Seen, rows: int, began: float) -> None:
    if seen.model is None:
        raise ServiceError("the service names no model")
    spec.out.mkdir(parents=True, exist_ok=True)
    write(spec.out / PROGRAM, json.dumps(asdict(spec.program), ensure_ascii=False))
    write(spec.out / ENDPOINT, json.dumps({"model": seen.model, "upstream": spec.service.upstream}))
    seconds = round(time.time() - began, 1)
    usd = seen.usd if seen.usd is not None else (seen.tokens or 0) / 1e6 * spec.service.usd_per_million
    told = {
        "model": seen.model, "base": spec.service.model, "rows": rows, "trained_rows": rows, "tokens": seen.tokens, "usd": usd,
        "seconds": seconds, "wall_s": seconds,
    }  # fmt: skip
    write(folder / "result.json", json.dumps(told, indent=1))


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # DSPy leaves threads behind
