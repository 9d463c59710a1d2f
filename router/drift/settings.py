"""What an operator decides about watching for change. Knows no file and no test."""

from __future__ import annotations

from dataclasses import dataclass

from router.errors import PolicyError


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftPolicy:
    """How a live rollout's surroundings are watched. Rates and tolerances are shares in [0, 1]."""

    enabled: bool = True
    tolerance: float = 0.05  # by how much of all calls something may become more frequent without a finding
    run_length: float = 1e6  # A: a test alarms falsely within N looks with a chance of at most N / A ...
    reference_alpha: float = 0.01  # ... and of this, that the reference was an untypical one
    reference: int = 1000  # requests from before the rollout that later ones are compared with
    least: int = 200  # of them, below which nothing is tested
    window: int = 500  # latest requests that a classifier learns from
    every: int = 50  # requests after which it learns anew, at first
    answers: int = 300  # first answers of a rollout that later ones are compared with
    probes: int = 40  # requests that the teacher is asked again each day
    probe_rounds: int = 3  # of them that say how far it agrees with itself
    probe_usd_per_day: float = 0.25  # for each rollout; 0: none are asked

    def __post_init__(self) -> None:
        """Refuse what nothing could be watched under."""
        for name in ("tolerance", "reference_alpha"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise PolicyError(f"drift.{name} must be between 0 and 1, not {getattr(self, name):g}.")
        for name in ("probes", "probe_usd_per_day"):
            if getattr(self, name) < 0:
                raise PolicyError(f"drift.{name} must be at least 0, not {getattr(self, name):g}.")
