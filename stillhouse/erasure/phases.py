"""The phases that take away and prove, in their order. Knows no clock and no process.

Each may be repeated: what it has to tell later phases is written down before it takes anything away.
"""

from __future__ import annotations

from dataclasses import asdict, replace

from stillhouse.erasure import artifacts, copies, proof
from stillhouse.erasure import ticket as tickets
from stillhouse.erasure.scene import Scene
from stillhouse.erasure.ticket import Ticket
from store.control import Erasure
from store.control.erasures import DONE, INCOMPLETE

DRAIN, LOG, ARTIFACTS, COPIES, PROOF = "drain", "log", artifacts.NAME, copies.NAME, proof.NAME
LOST = "Its subject is not known any more: ask again."
UNKNOWN = "No call of this subject was known."
_ROUNDS = 3  # of taking and proving, while work under way writes what was just taken


def carry_out(scene: Scene, erasure: Erasure, ticket: Ticket) -> Erasure:
    """Take an erasure from where it is, past `drain`, to its end. Nobody copies rows meanwhile."""
    for round_ in range(1, _ROUNDS + 1):
        if erasure.phase == LOG:
            erasure, ticket = _log(scene, erasure, ticket)
        if erasure.phase == ARTIFACTS:
            erasure, ticket = artifacts.take(scene, erasure, ticket)
            erasure = scene.enter(erasure, COPIES)
        if erasure.phase == COPIES:
            erasure = copies.take(scene, erasure, ticket)
            erasure = scene.enter(erasure, PROOF)
        found = proof.prove(scene, ticket)
        if not found.again or round_ == _ROUNDS:
            break
        erasure = scene.enter(erasure, ARTIFACTS)
    erasure = scene.report(erasure, PROOF, found.to_json())
    sentence = found.sentence() if ticket.calls else f"{UNKNOWN} {found.sentence()}"
    return end(scene, erasure, DONE if found.clean else INCOMPLETE, sentence)


def end(scene: Scene, erasure: Erasure, phase: str, sentence: str) -> Erasure:
    """End an erasure: from here on nobody knows its subject."""
    erasure = scene.end(erasure, phase, sentence)
    tickets.drop(scene.folder, erasure.erasure_id)
    return erasure


def _log(scene: Scene, erasure: Erasure, ticket: Ticket) -> tuple[Erasure, Ticket]:
    calls = sorted({*ticket.calls, *scene.log.subject(ticket.subject)})
    internal = sorted({*ticket.internal, *scene.log.about(calls)}.difference(calls))
    ticket = replace(ticket, calls=tuple(calls), internal=tuple(internal))
    tickets.save(scene.folder, ticket)  # the log will not know them any more
    taken = asdict(scene.log.erase([*calls, *internal]))
    erasure = scene.report(erasure, LOG, {**taken, "calls": len(calls), "internal": len(internal)})
    return scene.enter(erasure, ARTIFACTS), ticket
