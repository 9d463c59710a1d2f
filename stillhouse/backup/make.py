"""Copies a house while it runs. Knows no other backup and no schedule.

First the control state, then the log, so that the log knows at least every call that the control state
counted; then the artifacts, which are published before the control state names them. The journal is left
out: what it has is not in the log yet.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from stillhouse.backup import manifest
from stillhouse.backup.manifest import Manifest
from stillhouse.errors import Refused, StillhouseError
from store.control import Control, Copy
from store.disk import sync
from store.ids import new_id
from store.log import Log
from store.paths import DataFolder

KIND = "backup"


def make(folder: DataFolder, log: Log, control: Control, target: Path, now: Callable[[], float]) -> Manifest:
    """Fill `target`, which appears whole or not at all. Raises Refused where it may not be filled."""
    draft = allowed(folder, target)
    made = now()
    copy = Copy(copy_id=new_id(), kind=KIND, path=str(target), made=made)
    control.add_copy(copy)  # before: if this process is killed, an erasure still says where to look
    try:
        draft.mkdir(mode=0o700, parents=True)
        control.copy_to(draft / folder.control.name)
        log.backup(draft)
        _copy_artifacts(folder.artifacts, draft / folder.artifacts.name)
        shutil.copyfile(folder.salt_file, draft / folder.salt_file.name)
        for path in draft.rglob("*"):
            path.chmod(0o700 if path.is_dir() else 0o600)
            sync(path)
        described = manifest.describe(draft, made)
        manifest.write(draft, described)
        sync(draft)
        draft.rename(target)
        sync(target.parent)
    except BaseException as error:
        shutil.rmtree(draft, ignore_errors=True)
        control.drop_copy(copy.copy_id)
        if isinstance(error, OSError):
            raise StillhouseError(f"The backup {target} cannot be written: {error.strerror}.") from error
        raise
    return described


def allowed(folder: DataFolder, target: Path) -> Path:
    """Return where a backup is made before it gets its name. Raises Refused where it may not be made."""
    if not target.is_absolute():
        raise Refused(f"A backup needs the whole path of its folder, not {target}.")
    if target.resolve().is_relative_to(folder.root.resolve()):
        raise Refused(f"{target} lies in the data folder: a backup there would be lost with it.")
    return vacant(target, "part")


def vacant(target: Path, suffix: str) -> Path:
    """Return the name of a folder's draft. Raises Refused where something is in the way of either."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Refused(f"{target} exists and is not empty.")
    draft = target.with_name(f".{target.name}.{suffix}")
    if draft.exists():
        raise Refused(f"{draft} is in the way, left by a run that was killed: remove it.")
    return draft


def _copy_artifacts(source: Path, target: Path) -> None:
    """Copy what is published; drafts have names that begin with a dot."""
    target.mkdir(mode=0o700)
    for path in source.glob("[!.]*/[!.]*"):
        place = target / path.relative_to(source)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, copy_function=shutil.copyfile)
            place.chmod(0o700)
        else:
            shutil.copyfile(path, place)
