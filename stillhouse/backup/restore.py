"""Makes a data folder of a backup. Knows no process: nothing may run on it meanwhile."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from stillhouse.backup import manifest, repeat
from stillhouse.backup.make import vacant
from stillhouse.backup.manifest import Manifest
from stillhouse.erasure import Scene
from stillhouse.errors import StillhouseError
from store.control import Control
from store.log import Log
from store.paths import DataFolder

_READ_ONLY = ("trainsets", "students")  # as `store.artifacts` publishes them


@dataclass(frozen=True, kw_only=True, slots=True)
class Restored:
    """What came of it."""

    manifest: Manifest
    repeated: int  # erasures of the other data folder that had something here


def restore(source: Path, root: Path, erased_in: Path | None, now: Callable[[], float]) -> Restored:
    """Fill an empty data folder, which appears whole or not at all, after every file was checked.

    `erased_in`: a data folder of the same house, whose erasures since the backup are repeated. Raises
    Refused where the backup is not what was written, or the folder is not empty.
    """
    draft = DataFolder(vacant(root, "restoring"))
    known = repeat.known(erased_in, source) if erased_in else []
    described = manifest.read(source)
    manifest.check(source, described)
    try:
        draft.create()
        for name in described.files:
            place = draft.root / name
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(source / name, place)
            place.chmod(0o600)
        _settle(draft)
        with closing(Control.open(draft.control)) as control, closing(Log.open(draft.log)) as log:
            epoch = control.take_epoch("restore")
            _move_in(control, epoch, DataFolder(root))
            since = [erasure for erasure in known if erasure.asked >= described.made]
            scene = Scene(folder=draft, log=log, control=control, epoch=epoch, now=now)
            repeated = repeat.repeat(since, scene)
        draft.root.rename(root)
    except BaseException as error:
        _remove(draft.root)
        if isinstance(error, OSError):
            raise StillhouseError(f"{root} cannot be filled: {error.strerror}.") from error
        raise
    return Restored(manifest=described, repeated=repeated)


def _settle(draft: DataFolder) -> None:
    """Make what is published read-only again."""
    for kind in _READ_ONLY:
        for path in (draft.artifacts / kind).glob("*/**/*"):
            path.chmod(0o500 if path.is_dir() else 0o400)
        for path in (draft.artifacts / kind).glob("*"):
            path.chmod(0o500)


def _move_in(control: Control, epoch: int, place: DataFolder) -> None:
    """Let the control state name this folder's files, and no process of the house that was copied."""
    for server in control.servers():
        there = Path(server.weights)
        weights = place.artifacts / "students" / there.parent.name / there.name
        control.save_server(replace(server, weights=str(weights)), epoch)
        control.seen_pid(server.student_id, None)


def _remove(draft: Path) -> None:
    for path in draft.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o700)
    shutil.rmtree(draft, ignore_errors=True)
