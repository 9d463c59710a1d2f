"""What a whole run found, as JSON and as the page `docs/compatibility.md`. Pure but for the two files."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .drive import Driven
from .faults import Fault, Judged
from .house import Kept
from .replay import Replayed
from .suites import Suite

HEAD = """\
# Compatibility

Made by `make conformance` (`tests/conformance`); nothing here is written by hand. Each client runs twice in an environment of its
own, without changes: against a mock provider that speaks OpenAI's API and Anthropic's, and through a real `stillhouse up` before the
same mock. A scenario is *the same* where the app saw the same, chunk by chunk and error by error. A request is the same where
the provider received the same path, every byte of the body, and the same headers but those of the hop (`docs/gateway.md`).
"""
SUITES = """
What fails directly fails in the same tests through the gateway: the mock is no model, and some of LangChain's tests ask for a mind.
"""
FAULTS = """\
*Another error*: an error directly, told as another through the gateway, whose answer to a provider that it cannot understand is a 502.
*Caught*: a stream that ended early in good order is taken for an answer directly, and is an error through the gateway, as it should be.
"""


@dataclass(kw_only=True)
class Results:
    """One run."""

    date: str
    gateway: str
    clients: list[Driven] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    replayed: Replayed | None = None
    kept: Kept | None = None
    faults_of: str = ""
    faults: list[Fault] = field(default_factory=list)
    suites: list[Suite] = field(default_factory=list)

    @property
    def well(self) -> bool:
        """Whether nothing differs that should not."""
        clients = all(not one.different and not one.failed_directly for one in self.clients)
        faults = all(one.judged not in {Judged.HIDDEN, Judged.WORSE} for one in self.faults)
        replayed = self.replayed is None or not self.replayed.different
        kept = self.kept is None or not (self.kept.unanswered or self.kept.unaccounted)
        return clients and faults and replayed and kept and all(not one.different for one in self.suites)


def to_json(results: Results) -> str:
    """Give all of it, without the requests."""
    value = dataclasses.asdict(results)
    for client in value["clients"]:
        del client["asked"]
    return json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def page(results: Results) -> str:
    """Give `docs/compatibility.md`."""
    return "\n".join(_lines(results)) + "\n"


def write(results: Results, root: Path) -> None:
    """Write both."""
    (root / "tests" / "conformance" / "results.json").write_text(to_json(results))
    (root / "docs" / "compatibility.md").write_text(page(results))


def _lines(results: Results) -> Iterator[str]:
    yield HEAD
    yield f"Run of {results.date}, Stillhouse {results.gateway}.\n"
    yield "## Clients\n"
    yield from _table(
        ("client", "version", "scenarios", "the same", "requests", "what differs"),
        [_client(one) for one in results.clients],
    )
    if results.replayed and results.replayed.requests:
        yield _replayed(results.replayed)
    if results.kept:
        yield _kept(results.kept)
    yield "\n## Suites of others\n"
    yield from _table(
        ("suite", "version", "tests, directly", "other outcome through the gateway"),
        [_suite(one) for one in results.suites],
    )
    yield SUITES
    if results.skipped:
        yield "\nNot run: " + "; ".join(f"{name} ({why})" for name, why in results.skipped.items()) + "."
    if results.faults:
        yield from _faults(results)


def _client(one: Driven) -> tuple[Any, ...]:
    parted = {found.where for found in one.different if not found.where.startswith(("request ", "apps "))}
    notes = [
        *(found.where for found in one.different),
        *(f"{name}: fails directly" for name in one.failed_directly),
    ]
    same = one.scenarios - len(parted)
    return (one.name, one.version, one.scenarios, same, one.requests, "; ".join(notes) or "nothing")


def _replayed(one: Replayed) -> str:
    kept = f"status, headers and all {one.bytes:,} bytes of the bodies are the same."
    parted = f"{len(one.different)} differences: " + "; ".join(d.where for d in one.different)
    first = f"\nEach of the {one.requests} different requests was then sent again as it was, directly and through, and read raw: "
    return first + (parted if one.different else kept)


def _kept(one: Kept) -> str:
    wrong = "; ".join([f"{one.unanswered:,} without an answer"] * bool(one.unanswered) + one.unaccounted)
    counted = f"{one.calls:,} calls with {one.attempts:,} attempts, clients, replay, faults and LangChain's tests together: "
    return (
        "\nThe house's log has "
        + counted
        + (wrong or "each answered, and none that its ledger cannot explain.")
    )


def _suite(one: Suite) -> tuple[Any, ...]:
    ran = ", ".join(f"{count:,} {how}" for how, count in one.outcomes.items())
    return (one.name, one.version, ran, "; ".join(found.where for found in one.different) or "none")


def _faults(results: Results) -> Iterator[str]:
    counts = Counter(one.judged for one in results.faults)
    yield f"\n## Faults\n\nWhat {results.faults_of} sees of a provider that fails, each fault asked for whole and streamed:"
    yield ", ".join(f"{counts[how]} {how}" for how in Judged) + "."
    yield FAULTS
    asked = [one.name for one in results.faults if one.asked_direct != one.asked_through]
    yield (
        "Requests that reached the provider, retries included: "
        + (", ".join(asked) or "as many both ways")
        + ".\n"
    )
    told = [one for one in results.faults if one.judged is not Judged.SAME]
    yield from _table(
        ("fault", "directly", "through", "judged"),
        [(one.name, one.direct, one.through, one.judged) for one in told],
    )


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(names) + " |"
    yield "|" + "---|" * len(names)
    for row in rows:
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
