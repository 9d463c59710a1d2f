"""What can go wrong in the faces, each as one sentence for a person. Knows no HTTP and no terminal."""

from __future__ import annotations

# StillhouseError            exit code 1
#   ConfigError        2     a setting that cannot work
#   PortTaken          2     another program listens there
#   AlreadyRunning     2     this data folder is in use
#   Unwritable         1     the data folder takes nothing: full, read-only, not ours
#   NotRunning         1     control does not answer
#   Refused            1     control said no
#   Missing            1     there is no such thing
#   Undelivered        1     a receiver of notices took none


class StillhouseError(Exception):
    """Base of the faces' own errors; its text is one plain sentence."""

    exit_code = 1


class ConfigError(StillhouseError):
    """A setting that cannot work; names file and line or variable."""

    exit_code = 2


class PortTaken(StillhouseError):  # noqa: N818
    """Another program listens on a configured port."""

    exit_code = 2


class AlreadyRunning(StillhouseError):  # noqa: N818
    """Another `stillhouse up` uses the same data folder."""

    exit_code = 2


class Unwritable(StillhouseError):  # noqa: N818
    """The data folder cannot be made or written."""


class NotRunning(StillhouseError):  # noqa: N818
    """The control process does not answer."""


class Refused(StillhouseError):  # noqa: N818
    """The control process answered, and said no."""


class Missing(StillhouseError):  # noqa: N818
    """What was asked for does not exist."""


class Undelivered(StillhouseError):  # noqa: N818
    """A receiver did not take a notice; the text says why."""


def nothing(root: object) -> Missing:
    """Say that no Stillhouse data lies in a folder."""
    return Missing(f"There is nothing in {root} yet; start with `stillhouse up`.")
