"""What the router refuses, and how it says so. Knows no HTTP status.

RouterError
 ├── PolicyError      a setting that no rollout could run under
 └── RolloutRefused   a rollout or an operator's order that the rules forbid
"""

from __future__ import annotations


class RouterError(Exception):
    """Root of what the router raises on purpose. The message is one sentence for a person."""


class PolicyError(RouterError, ValueError):
    """A setting that no rollout could run under."""


class RolloutRefused(RouterError):  # noqa: N818 - a refusal is an answer, not a fault
    """A rollout, or an operator's order, that the rules forbid."""
