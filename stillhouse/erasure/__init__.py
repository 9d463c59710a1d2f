"""Erasure: everything that is kept of one user, conversation or call goes for good (`docs/ledger.md`)."""

from stillhouse.erasure.erasing import Erasing, Wish
from stillhouse.erasure.quiet import Quiet
from stillhouse.erasure.scene import Scene

__all__ = ["Erasing", "Quiet", "Scene", "Wish"]
