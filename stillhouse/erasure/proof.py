"""The phase `proof`: looks for the subject in everything below the data folder. Takes nothing away.

Two searches, because neither suffices: the log compresses what it holds, so its columns are asked; whatever
is not a column (a block that was given up, a file somebody left) only shows in the bytes.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from stillhouse.erasure.scene import Scene
from stillhouse.erasure.ticket import Ticket
from stillhouse.sweep import files
from stillhouse.sweep.forms import SHORTEST, forms, searchable
from store.journal import segment
from store.log.database import HOT

NAME = "proof"
MADE_AGAIN = (
    "artifacts",
    "jobs",
    "cache",
    "journal/rejected",
    "control.sqlite",
)  # by a process at work meanwhile


@dataclass(kw_only=True, slots=True)
class Proof:
    """What was searched and what was found; paths are below the data folder."""

    files: int = 0
    bytes: int = 0
    hits: list[str] = field(default_factory=list)  # files with the subject
    log: list[dict[str, Any]] = field(default_factory=list)  # columns of the log with it
    theirs: list[dict[str, Any]] = field(default_factory=list)  # the same, in rows of other tenants
    shared: list[str] = field(default_factory=list)  # files with it that hold other tenants' rows with it
    near: list[str] = field(default_factory=list)  # files with a longer word that the subject is a part of
    later_calls: int = 0  # that the subject made after it asked
    later: list[str] = field(default_factory=list)  # files that hold them
    unsearched: list[str] = field(default_factory=list)  # why bytes were not searched, in words
    left: list[str] = field(default_factory=list)  # segments from before that could not be loaded

    @property
    def clean(self) -> bool:
        """Whether nothing is left of what was asked for."""
        return not (self.hits or self.log or self.left)

    @property
    def again(self) -> bool:
        """Whether all that was found may have been written by work that was under way."""
        return bool(self.hits) and not self.log and all(hit.startswith(MADE_AGAIN) for hit in self.hits)

    def to_json(self) -> dict[str, Any]:
        """Return it as it stands in the report."""
        return asdict(self)

    def sentence(self) -> str:
        """Say what it came to."""
        said = [self._said(), *self.unsearched]
        if self.theirs or self.shared:
            places = ", ".join([*_places(self.theirs, "others"), *self.shared])
            said.append(
                f"Other tenants name it, too, and theirs was not touched: {places}. Bytes do not tell tenants apart: "
                "of the log's files the rows were asked, other files are taken to be theirs."
            )
        if self.later_calls:
            said.append(
                f"The subject made {self.later_calls} calls after it was asked; those are there: ask again."
            )
        return " ".join(said)

    def _said(self) -> str:
        if self.clean:
            return f"Nothing was found in {self.files} files with {self.bytes} bytes."
        places = [
            *self.hits,
            *_places(self.log, "rows"),
            *(f"{name} (cannot be loaded)" for name in self.left),
        ]
        return f"It was found in {', '.join(places)}."


def _places(found: list[dict[str, Any]], rows: str) -> list[str]:
    return [f"{hit['part']}: {hit['table']}.{hit['column']} ({hit[rows]} rows)" for hit in found]


def prove(scene: Scene, ticket: Ticket) -> Proof:
    """Search everything."""
    proof = Proof(left=sorted(set(segment.names(scene.folder.journal)).intersection(ticket.segments)))
    proof.later_calls = len(scene.log.subject(ticket.subject))
    texts = searchable(ticket.texts)
    short = len(ticket.texts) - len(texts)
    if short:
        proof.unsearched.append(
            f"A subject of less than {SHORTEST} bytes is found everywhere by chance: it was looked for in "
            "the columns that name users, conversations and calls, and in the rows of trainsets, not in bytes."
        )
    _search_log(scene, proof, ticket, texts)
    _search_files(scene, proof, ticket, texts)
    return proof


def _search_log(scene: Scene, proof: Proof, ticket: Ticket, texts: tuple[str, ...]) -> None:
    written = sorted({form.decode("utf-8", "surrogatepass") for text in texts for form in forms(text)})
    hits = [asdict(hit) for hit in scene.log.search(written, whole=True, tenant=ticket.tenant)]
    proof.theirs = [hit for hit in hits if hit["others"]]
    found = [hit for hit in hits if hit["rows"]]
    if proof.later_calls:  # which rows are theirs cannot be told by the bytes
        proof.later += sorted({str(hit["part"]) for hit in found})
    else:
        proof.log = found


def _search_files(scene: Scene, proof: Proof, ticket: Ticket, texts: tuple[str, ...]) -> None:
    shared = _shared(scene, proof, ticket)
    for found in files.search(scene.folder.root, texts, skipped=scene.folder.erasing):
        proof.files, proof.bytes = proof.files + 1, proof.bytes + found.bytes
        if found.whole:
            if found.name.startswith(shared):
                kind = proof.shared
            else:
                kind = proof.later if _may_be_later(proof, found.name) else proof.hits
            kind.append(found.name)
        elif found.inside:
            proof.near.append(found.name)


def _shared(scene: Scene, proof: Proof, ticket: Ticket) -> tuple[str, ...]:
    """Return how the files begin that hold what other tenants have of the subject.

    A trainset has the rows of one task, which is one tenant's; the control state has its card, too, and what
    its students said.
    """
    if ticket.tenant is None:
        return ()
    parts = {hit["part"] for hit in proof.theirs}
    names = [
        scene.folder.log.name if part == HOT else f"{scene.folder.months.name}/{part}." for part in parts
    ]
    control = scene.control
    others = [task.task_id for task in control.tasks() if task.tenant != ticket.tenant]
    trainsets = [trainset for task_id in others for trainset in control.trainsets(task_id)]
    names += [f"artifacts/trainsets/{trainset.trainset_id}/" for trainset in trainsets]
    students = [student.student_id for task_id in others for student in control.students(task_id)]
    told = [trainset.card for trainset in trainsets]
    told += [evaluation.detail for student_id in students for evaluation in control.evaluations(student_id)]
    written = json.dumps(told).encode()
    if any(form in written for text in ticket.texts for form in forms(text)):
        names.append(scene.folder.control.name)
    return tuple(names)


def _may_be_later(proof: Proof, name: str) -> bool:
    """Tell whether a file holds calls of after the asking: the journal's segments hold nothing else by now."""
    if name.startswith("journal/") and name.endswith(segment.SUFFIX):
        return name.removeprefix("journal/") not in proof.left
    return bool(proof.later_calls) and name.startswith(("log.duckdb", "log/"))
