"""What can go wrong in the store. Knows no engine: foreign errors are translated where they arise.

StoreError
├── JournalFull    the journal may not grow (its bound, or the disk)
├── LogLocked      another process owns the log or ingests the journal
├── LogRefused     a value fits no column of the log
├── StaleEpoch     a later leader exists; this one must stop writing
├── NotFound       the thing named does not exist
├── Conflict       the write would count or name something twice
└── SchemaTooNew   the file was written by a later version of Stillhouse
"""


class StoreError(Exception):
    """Anything that the store refuses or fails to do; the message is one clear sentence."""


class JournalFull(StoreError):  # noqa: N818
    """The journal reached its bound, or the disk is full; the record was not kept."""


class LogLocked(StoreError):  # noqa: N818
    """Another process owns the log file or the journal folder."""


class LogRefused(StoreError):  # noqa: N818
    """A value that the log cannot hold: out of range, of another type, no text. Trying again would not help."""


class StaleEpoch(StoreError):  # noqa: N818
    """The write carries the epoch of a leader that was replaced."""


class NotFound(StoreError):  # noqa: N818
    """No such row, file or folder."""


class Conflict(StoreError):  # noqa: N818
    """Something with that identity was already written; nothing of this write was kept."""


class SchemaTooNew(StoreError):  # noqa: N818
    """The file's schema is later than this program knows; upgrade the program."""
