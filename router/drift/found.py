"""Findings as JSON. Knows no test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from router.decision import Finding


def finding_json(finding: Finding | None) -> dict[str, Any] | None:
    """Give a finding as JSON."""
    return None if finding is None else {**asdict(finding), "cause": str(finding.cause)}


def finding_of(data: Mapping[str, Any] | None) -> Finding | None:
    """Read a finding back."""
    return None if data is None else Finding(**data)
