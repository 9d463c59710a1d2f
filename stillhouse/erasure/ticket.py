"""Who is to be forgotten, in clear, for as long as an erasure is under way. Knows no phase.

It is a file of its own, mode 0600, because a database keeps what it once held: the control state never
sees a subject, only its salted hash, and an erasure ends by deleting the file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from store.control.erasures import Kind
from store.ids import digest
from store.log import Subject
from store.paths import DataFolder


@dataclass(frozen=True, kw_only=True, slots=True)
class Ticket:
    """One subject and what belongs to it."""

    erasure_id: str
    kind: Kind
    value: str
    tenant: str | None = None
    also: tuple[str, ...] = ()  # further texts that must not be found in the end
    segments: tuple[str, ...] = ()  # the journal's when it was asked
    calls: tuple[str, ...] = ()  # ids of the subject's calls, as far as they were found
    internal: tuple[
        str, ...
    ] = ()  # ids of calls that the house made about these: to a judge, to a teacher again
    quoting: tuple[str, ...] = ()  # ids of others whose rows had the words of these in them

    @property
    def subject(self) -> Subject:
        """What the log is asked for."""
        return Subject(kind=self.kind, value=self.value, tenant=self.tenant)

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be found in the end."""
        return (self.value, *self.also)


def hashed(folder: DataFolder, kind: Kind, value: str) -> str:
    """Return what stands for a subject where it may not: the same in every copy of this data folder."""
    return digest(folder.salt(), kind.encode(), value.encode())


def save(folder: DataFolder, ticket: Ticket) -> None:
    """Write the file, or write it anew, on the disk before this returns."""
    folder.erasing.mkdir(mode=0o700, exist_ok=True)
    path = _path(folder, ticket.erasure_id)
    draft = path.with_suffix(".part")
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(msgspec.json.encode(ticket))
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def load(folder: DataFolder, erasure_id: str) -> Ticket | None:
    """Read the file back; None where it is gone."""
    try:
        return msgspec.json.decode(_path(folder, erasure_id).read_bytes(), type=Ticket)
    except FileNotFoundError:
        return None


def drop(folder: DataFolder, erasure_id: str) -> None:
    """Delete the file: nobody knows the subject from here on."""
    _path(folder, erasure_id).unlink(missing_ok=True)


def sweep(folder: DataFolder, pending: frozenset[str]) -> None:
    """Delete what belongs to no pending erasure: its writer was killed before it was asked, or after it ended."""
    for path in folder.erasing.glob("*"):
        if path.suffix != ".json" or path.stem not in pending:
            path.unlink(missing_ok=True)


def _path(folder: DataFolder, erasure_id: str) -> Path:
    return folder.erasing / f"{erasure_id}.json"
