"""Keeps folders of files that are written once: trainsets, students, bases. Knows no file format."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from store.disk import sync
from store.errors import NotFound, StoreError
from store.ids import new_id


class Artifacts:
    """The artifacts folder: `<root>/<kind>/<id>/`, each published whole and read-only after."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).absolute()

    def folder(self, kind: str, id: str) -> Path:  # noqa: A002
        """Return where an artifact lies, whether or not it is there yet."""
        for part in (kind, id):
            if not part or part.startswith(".") or "/" in part or os.sep in part or "\0" in part:
                raise StoreError(f"{part!r} cannot name an artifact.")
        return self._root / kind / id

    def at(self, path: str) -> Path:
        """Return where an artifact lies that a row of the control state names by its path, `<kind>/<id>`."""
        return self.folder(*path.split("/", 1))

    def publish(self, kind: str, id: str, filled: Path) -> Path:  # noqa: A002
        """Move a filled folder to its place at once and make it read-only; return the place.

        What is there already stays: an artifact is content-addressed, so the two are the same and
        the filled folder is removed.
        """
        place = self.folder(kind, id)
        if not filled.is_dir():
            raise NotFound(f"There is no folder {filled} to publish.")
        if place.is_dir():
            shutil.rmtree(filled)
            return place
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = place.parent / f".{id}.{new_id()}"
        shutil.move(filled, draft)  # a copy where `filled` lies on another file system
        _settle(draft)
        try:
            draft.rename(place)
        except OSError:
            if not place.is_dir():
                raise
            _remove(draft)  # another process published the same in the meantime
        sync(place.parent)
        place.chmod(0o500)
        return place

    def rewrite(self, kind: str, id: str, files: Mapping[str, bytes]) -> None:  # noqa: A002
        """Give files of a published artifact another content, one after the other, each at once.

        Only an erasure may: what is published never changes otherwise.
        """
        place = self.folder(kind, id)
        place.chmod(0o700)
        try:
            for name, content in files.items():
                draft = place / f".{name}.tmp"
                draft.unlink(missing_ok=True)  # left by one that was killed
                draft.write_bytes(content)
                sync(draft)
                draft.chmod(0o400)
                draft.replace(place / name)
            sync(place)
        finally:
            place.chmod(0o500)

    def sweep(self, kind: str) -> None:
        """Remove what was never published because its writer was killed. Nobody may be publishing meanwhile."""
        for draft in (self._root / kind).glob(".*"):
            draft.chmod(0o700)
            _remove(draft)

    def sha256(self, path: str | os.PathLike[str]) -> str:
        """Return the SHA-256 of a file, or of a folder's names and contents, in hex."""
        path = Path(path)
        if not path.exists():
            raise NotFound(f"There is no {path}.")
        if path.is_file():
            return _file_hash(path).hexdigest()
        state = hashlib.sha256()
        for file in sorted(p for p in path.rglob("*") if p.is_file()):
            state.update(f"{_file_hash(file).hexdigest()}  {file.relative_to(path).as_posix()}\n".encode())
        return state.hexdigest()


def _file_hash(path: Path) -> hashlib._Hash:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def _settle(folder: Path) -> None:
    """Bring everything to disk and take away the right to write, files and subfolders."""
    for path in folder.rglob("*"):
        sync(path)
        path.chmod(0o500 if path.is_dir() else 0o400)
    sync(folder)  # the folder itself stays writable until it has its name


def _remove(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)
