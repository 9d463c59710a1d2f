"""The phase `copies`: what else has the subject's bytes. Deletes what lies below the data folder, lists what does not."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from stillhouse.erasure.scene import Scene
from stillhouse.erasure.ticket import Ticket
from stillhouse.sweep.forms import Search
from store.control import Copy, Erasure
from store.journal import rejected

NAME = "copies"
EXPORT, BACKUP = "export", "backup"
SERVED = "export-*"  # in run/: an export on its way to whoever asked for it
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def take(scene: Scene, erasure: Erasure, ticket: Ticket) -> Erasure:
    """Delete and list; return the erasure as it was persisted. The scorer's cache is closed by now."""
    earlier: dict[str, Any] = erasure.report.get(NAME, {})
    shutil.rmtree(scene.folder.cache, ignore_errors=True)
    frames = _frames(scene, ticket)
    inside, outside = _parted(scene)
    deleted = {*earlier.get("exports_deleted", ()), *(str(path) for path in inside)}
    erasure = scene.report(
        erasure,
        NAME,
        {
            "rejected_frames": max(earlier.get("rejected_frames", 0), len(frames)),
            "exports_deleted": sorted(deleted),
            "exports": [_shown(copy) for copy in outside if copy.kind == EXPORT],
            "backups": [_shown(copy) for copy in outside if copy.kind == BACKUP],
        },
    )
    for path in (*frames, *inside, *scene.folder.run.glob(SERVED)):
        path.unlink(missing_ok=True)
    for copy in scene.control.copies():
        if Path(copy.path) in inside:
            scene.control.drop_copy(copy.copy_id)
    scene.control.forget_calls(ticket.calls, scene.epoch)
    scene.control.purge()
    return erasure


def _parted(scene: Scene) -> tuple[list[Path], list[Copy]]:
    """Return the exports below the data folder, and every other copy."""
    inside, outside = [], []
    for copy in scene.control.copies():
        if copy.kind == EXPORT and _may_go(scene, Path(copy.path)):
            inside.append(Path(copy.path))
        else:
            outside.append(copy)
    return inside, outside


def _may_go(scene: Scene, path: Path) -> bool:
    """Tell whether a file lies below the data folder and is none of ours.

    A caller on another machine names a path of its own: whatever it is, no file of ours goes for it.
    """
    return scene.folder.root.resolve() in path.resolve().parents and not scene.folder.owns(path)


def _shown(copy: Copy) -> dict[str, Any]:
    return {**asdict(copy), "there": Path(copy.path).exists()}


def _frames(scene: Scene, ticket: Ticket) -> list[Path]:
    """Return the frames set aside that name the subject, or one of its calls."""
    search, calls = Search(ticket.texts), {call.encode() for call in ticket.calls}
    return [
        path
        for path in rejected.kept(scene.folder.journal)
        if search.file(path).whole or calls.intersection(_ID.findall(path.read_bytes()))
    ]
