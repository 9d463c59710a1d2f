"""Repeats in a restored house what was erased since its backup. Knows a subject only by its salted hash.

Whoever the restored log and trainsets name is hashed, and compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from distiller.trainset import read_rows
from stillhouse.erasure import Scene, phases
from stillhouse.erasure import ticket as tickets
from stillhouse.erasure.ticket import Ticket
from stillhouse.errors import Refused
from store.control import Control, Erasure
from store.control.erasures import INCOMPLETE, Kind
from store.paths import DataFolder

_ROW_KEYS: dict[Kind, str] = {"user": "user", "conversation": "unit", "call": "call_id"}


def known(data: Path, source: Path) -> list[Erasure]:
    """Return the erasures that a data folder knows of. Raises Refused for a folder of another house."""
    folder = DataFolder(data)
    if not folder.control.is_file():
        raise Refused(f"There is no control state in {folder.root}.")
    if folder.salt_file.read_text().strip() != (source / folder.salt_file.name).read_text().strip():
        raise Refused(f"{folder.root} is of another house: its erasures cannot be compared with this backup.")
    with closing(Control.open(folder.control)) as control:
        return control.erasures()


def repeat(erasures: Sequence[Erasure], scene: Scene) -> int:
    """Erase again; return how many of them had something here."""
    folder, control = scene.folder, scene.control
    for cut_off in control.erasures(
        pending=True
    ):  # asked while the backup was made; its subject is not in it
        phases.end(scene, cut_off, INCOMPLETE, phases.LOST)
    there = {erasure.erasure_id for erasure in control.erasures()}
    kinds = {erasure.kind for erasure in erasures}
    named = {tickets.hashed(folder, kind, value): value for kind in kinds for value in _values(scene, kind)}
    done = 0
    for erasure in erasures:
        value = named.get(erasure.subject)
        if value is None:
            continue
        again = replace(erasure, phase=phases.LOG, report={}, finished=None)
        ticket = Ticket(erasure_id=erasure.erasure_id, kind=erasure.kind, value=value, tenant=erasure.tenant)
        tickets.save(folder, ticket)
        if erasure.erasure_id in there:
            control.save_erasure(again, scene.epoch)
        else:
            control.add_erasure(again, scene.epoch)
        phases.carry_out(scene, again, ticket)
        done += 1
    return done


def _values(scene: Scene, kind: Kind) -> Iterator[str]:
    """Yield every user, conversation or call that is named here."""
    yield from scene.log.named(kind)
    for path in (scene.folder.artifacts / "trainsets").glob("*/*.jsonl"):
        yield from (str(row[_ROW_KEYS[kind]]) for row in read_rows(path) if row[_ROW_KEYS[kind]])
