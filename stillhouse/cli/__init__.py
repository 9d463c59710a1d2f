"""The command `stillhouse`."""

from __future__ import annotations

import os
import sys

from stillhouse.errors import StillhouseError
from store.errors import StoreError


def main() -> None:
    """Run a command. Every expected error is one sentence on standard error, and exit code 1 or 2."""
    os.umask(0o077)  # whatever any of our processes writes is its owner's alone; children inherit it
    from stillhouse.cli.app import app  # noqa: PLC0415 - imports wait until they are needed

    try:
        app(prog_name="stillhouse")
    except StillhouseError as error:
        sys.stderr.write(f"stillhouse: {error}\n")
        sys.exit(error.exit_code)
    except StoreError as error:
        sys.stderr.write(f"stillhouse: {error}\n")
        sys.exit(1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)


__all__ = ["main"]
