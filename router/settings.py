"""What an operator decides about cutovers. Knows no file, no statistics and no state.

A profile changes how long and how thickly a rollout looks, never how sure it must be: no profile touches
alpha, delta, the gates, the harm budget or deduplication.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from router.breaker import FAILURES, WINDOW
from router.errors import PolicyError
from router.slices.naming import unfit
from store.vocabulary import Release, State, TaskMode, Unit

_SAID_AT_ONCE_S = 5.0  # users of played traffic say what they say with the answer
STEPS: tuple[State, ...] = (
    State.SHADOW,
    State.CANARY_1,
    State.CANARY_5,
    State.CANARY_25,
    State.CANARY_50,
)
"""The five steps that a gate ends, in order. FULL comes after them."""


def since(step: State) -> tuple[State, ...]:
    """Give a step that a gate ends and those after it."""
    return STEPS[STEPS.index(step) :]


PROFILES = ("standard", "replay")


def _by_step(*values: float) -> dict[State, float]:
    return dict(zip((*STEPS, State.FULL), values, strict=True))


def _by_gate(*values: int) -> dict[State, int]:
    return dict(zip(STEPS, values, strict=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutPolicy:
    """Everything that a rollout of one task runs under. Shares are in [0, 1], times seconds."""

    mode: TaskMode = TaskMode.APPROVE
    profile: str = "standard"  # the name of what `profiled` did; it changes nothing by itself

    delta: float = 0.03  # a student worse than the teacher by this much must not be promoted
    delta_slice: float = 0.10  # by how much it may be worse on a slice before the teacher keeps that
    slices: tuple[str, ...] = ("tools", "length")  # dimensions that calls are told apart by; declared slices
    alpha: float = 0.05  # chance of such a promotion, over the whole life of a task
    harm_alpha: float = 0.01  # chance of rolling back a tolerable student, over the five steps
    served_alpha: float = 0.2  # chance that a student bad only when it serves passes the last gate
    late_ramp: float = 1e5  # A of the late-regression detector before FULL: false alarm by N <= N/A
    late_full: float = 1e6  # and at FULL
    holdback: float = 0.02  # permanent share of the teacher

    error_delta: float = 0.02  # how many more of the student's attempts may fail than of the teacher's
    format_delta: float = 0.02  # ... come with a broken format
    latency_delta: float = 0.05  # ... come later than the latency objective
    feedback_delta: float = 0.03  # ... be complained about
    latency_slo_s: float | None = None  # the objective; None: the teacher's own 95th percentile, at least 2 s
    feedback_window_s: float = 86_400.0  # what users say of an answer counts for so long
    gold_audit: float = (
        0.0  # share of judged calls whose labels by people correct the judge; 0: it is believed
    )
    label_timeout_s: float = 7 * 86_400.0  # for such a label
    ratio_alpha: float = 0.001  # chance of holding a rollout whose units fall as published

    minima: dict[State, int] = field(default_factory=lambda: _by_gate(300, 100, 200, 300, 300))  # pairs
    caps: dict[State, int] = field(default_factory=lambda: _by_gate(6000, 2000, 2000, 2000, 4000))  # pairs
    min_served: int = 30  # of a canary step's pairs, served by the student
    max_missing: float = 0.02  # of a step's drawn pairs
    dwell_s: float = 3600.0  # least time in a step
    settle_s: float = 60.0  # ROLLING_BACK lasts until no gateway can hold an older table

    shadow: float = 1.0  # in SHADOW: of the teacher's calls, the share that the student shadows
    ramp_shadow: float = 1.0  # the same on the ramp and at FULL, at most ...
    shadow_per_served: dict[State, float] = field(
        default_factory=lambda: _by_step(0.0, 2.5, 6.0, 0.5, 0.5, 1.0)
    )  # ... and so many shadow pairs for each that the student serves
    reverse_shadow: dict[State, float] = field(
        default_factory=lambda: _by_step(0.0, 1.0, 0.5, 0.2, 0.1, 0.05),
    )  # of the calls that the student serves, the share that the teacher shadows
    shadow_usd_per_day: float = 5.0  # all shadow attempts of the house in one UTC day; then no more pairs
    unknown_usd_per_call: float = 0.01  # what one counts for there while its model has no known price

    partial: bool = (
        True  # where the whole task is refused, the calls that the student is sure of may be its own
    )
    screen_n: int = 200  # held-out calls that the offline screen needs
    score_timeout_s: float = 900.0  # for an attempt's arrival and its score
    conversation_s: float = 900.0  # how long the calls of one conversation are gathered into one mean
    breaker_window: int = WINDOW  # latest calls served by the student ...
    breaker_failures: int = FAILURES  # ... of which so many failed: the teacher answers
    breaker_probes: int = (
        10  # shadow calls in a row that must succeed and hold the margin before it serves again
    )
    hold_limit_s: float = 86_400.0  # a hold that lasts longer is rolled back
    gone_s: float = 7 * 86_400.0  # a wording that apps left so long ago for another is gone
    unit: Unit = Unit.CONVERSATION  # what is assigned as a whole ...
    min_users: int = 1000  # ... users, only where so many were named: many apps send one constant

    timeout_s: float = 10.0  # of a call to the student, before the teacher takes over
    release: Release = Release.WHOLE
    stored: bool = False  # the student may answer `store: true`: nobody fetches or continues such answers

    def __post_init__(self) -> None:
        """Refuse what no rollout could run under."""
        _between("delta", self.delta, 0.0, 1.0)
        _between("delta_slice", self.delta_slice, 0.0, 1.0)
        _between("alpha", self.alpha, 0.0, 1.0)
        _between("harm_alpha", self.harm_alpha, 0.0, 1.0)
        _between("served_alpha", self.served_alpha, 0.0, 1.0)
        _check_observed(self)
        if not 0.0 < self.holdback <= 0.5:  # noqa: PLR2004 - half is the last step before FULL
            raise PolicyError(f"holdback must be more than 0 and at most 0.5, not {self.holdback:g}.")
        shadows = {"shadow": self.shadow, "ramp_shadow": self.ramp_shadow}
        for name, share in {**shadows, **_named(self.reverse_shadow)}.items():
            if not 0.0 <= share <= 1.0:
                raise PolicyError(f"{name} must be a share between 0 and 1, not {share:g}.")
        if self.profile not in PROFILES:
            raise PolicyError(f"profile must be one of {', '.join(PROFILES)}, not {self.profile!r}.")
        for name in ("shadow_usd_per_day", "unknown_usd_per_call"):
            if not getattr(self, name) >= 0.0:
                raise PolicyError(f"{name} must be 0 or more US dollars, not {getattr(self, name):g}.")
        for step in STEPS:
            if self.caps[step] < self.minima[step]:
                raise PolicyError(f"the cap of {step} is below its minimum of {self.minima[step]} pairs.")
        if min(self.shadow_per_served.values()) < 0.0:
            raise PolicyError("shadow_per_served must be 0 or more at every step.")


def _check_observed(policy: RolloutPolicy) -> None:
    if (wrong := unfit(policy.slices)) is not None:
        raise PolicyError(f"slices: {wrong}.")
    for name in ("error_delta", "format_delta", "latency_delta", "feedback_delta", "ratio_alpha"):
        _between(name, getattr(policy, name), 0.0, 1.0)
    if policy.gold_audit:
        _between("gold_audit", policy.gold_audit, 0.01, 1.0)


def _between(name: str, value: float, low: float, high: float) -> None:
    if not low < value < high:
        raise PolicyError(f"{name} must be between {low:g} and {high:g}, not {value:g}.")


def _named(shares: dict[State, float]) -> dict[str, float]:
    return {f"reverse_shadow of {step}": share for step, share in shares.items()}


def profiled(policy: RolloutPolicy, profile: str) -> RolloutPolicy:
    """Give the policy under a profile. Raises PolicyError for an unknown one.

    `replay` is for traffic played from a file, which has no hours to wait for: every student-served call
    is paired, steps after shadow need 10/20/100/100 pairs and 3 served by the student, nothing dwells, and what users
    say is there at once.
    """
    if profile == "standard":
        return replace(policy, profile=profile)
    return replace(
        policy,
        profile=profile,
        reverse_shadow=_by_step(0.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        minima={**_by_gate(300, 10, 20, 100, 100), State.SHADOW: policy.minima[State.SHADOW]},
        min_served=3,
        dwell_s=0.0,
        settle_s=0.0,
        feedback_window_s=_SAID_AT_ONCE_S,
    )
