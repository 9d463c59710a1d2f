"""What a transition keeps of how it was decided, and how that is read back. Knows no store.

With it, and with the observations, a decision can be made again: `router.replay` does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from router.decision import Decision, Facts, Finding, Probe
from router.evidence import Evidence
from router.settings import RolloutPolicy
from store.vocabulary import (
    Evaluation,
    Release,
    Rollout,
    State,
    Student,
    TaskMode,
    Unit,
    Verdict,
    Watch,
    WatchKind,
)


def inputs(
    rollout: Rollout,
    evidence: Evidence,
    facts: Facts,
    policy: RolloutPolicy,
    *,
    decision: Decision,
    now: float,
) -> dict[str, Any]:
    """Give the inputs of a decision as JSON. `rollout` is as it was before."""
    return {
        "now": now,
        "trial": rollout.trial,
        "delta": rollout.delta,
        "alpha": rollout.alpha,
        "entered": rollout.entered,
        "consumed_seq": rollout.consumed_seq,
        "facts": facts_json(facts),
        "figures": decision.figures,
        "evidence": evidence.to_json(),
        "policy": policy_json(policy),
    }


def versions(
    policy: RolloutPolicy, student: Student | None, score: str, watches: Iterable[Watch]
) -> dict[str, Any]:
    """Give what a decision was made with: the code, the policy, the student, the score and the teacher.

    `score_version` made what was counted, None before anything was; `teacher` are the models that each upstream has
    answered as, the latest last, none where drift is not watched.
    """
    seen = {watch.kind: watch.state for watch in watches}
    made = {} if student is None else {**asdict(student), "base_url": "", "parity": None, "erased": None}
    return {
        "code": _code(),
        "policy_sha256": digest(policy_json(policy)),
        "student_id": made.get("student_id"),
        "student_sha256": digest(made),
        "weights_sha256": made.get("weights_sha256"),
        "trainset_id": made.get("trainset_id"),
        "score": seen.get(WatchKind.SCORER, {}).get("name", score),
        "score_version": seen.get(WatchKind.SCORER, {}).get("version"),
        "teacher": seen.get(WatchKind.TEACHER, {}).get("known", {}),
    }


def digest(value: Any) -> str:
    """Give the SHA-256 of JSON, the same however its keys are ordered."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def sealed(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Give inputs with their own digest, so that a changed row is seen whatever was changed in it."""
    return {**inputs, "sha256": digest({name: value for name, value in inputs.items() if name != "sha256"})}


def _code() -> str:
    try:
        return version("stillhouse")
    except PackageNotFoundError:
        return "unknown"  # run from a folder that was never installed


def facts_json(facts: Facts) -> dict[str, Any]:
    """Give facts as JSON, an evaluation without its details but for what a partial cutover is screened by."""
    kept: dict[str, Any] = {
        "outcomes": list(facts.outcomes),
        "probes": [list(probe) for probe in facts.probes],
        "findings": [asdict(finding) for finding in facts.findings],
        "trials": facts.trials,
        "exposed": facts.exposed,
        "users": facts.users,
        "gap_s": facts.gap_s,
        "speaks": facts.speaks,
    }
    if facts.evaluation is not None:
        screened = facts.evaluation.detail.get("partial") or []
        kept["evaluation"] = {**asdict(facts.evaluation), "detail": {"partial": screened}}
    return kept


def facts_of(data: Mapping[str, Any]) -> Facts:
    """Read facts back."""
    evaluation = data.get("evaluation")
    return Facts(
        outcomes=tuple(data["outcomes"]),
        probes=tuple(Probe(*probe) for probe in data["probes"]),
        findings=tuple(Finding(**finding) for finding in data["findings"]),
        trials=data["trials"],
        exposed=data["exposed"],
        users=data["users"],
        gap_s=data["gap_s"],
        speaks=data["speaks"],
        evaluation=Evaluation(**{**evaluation, "verdict": Verdict(evaluation["verdict"])})
        if evaluation
        else None,
    )


def policy_json(policy: RolloutPolicy) -> dict[str, Any]:
    """Give a policy as JSON."""
    return {
        name: {str(step): value for step, value in field.items()} if isinstance(field, dict) else field
        for name, field in asdict(policy).items()
    }


def policy_of(data: Mapping[str, Any]) -> RolloutPolicy:
    """Read a policy back. Raises TypeError for one of another version, PolicyError for a bad one."""
    by_step = {
        name: {State(step): value for step, value in field.items()}
        for name, field in data.items()
        if isinstance(field, dict)
    }
    named = {"mode": TaskMode(data["mode"]), "release": Release(data["release"]), "unit": Unit(data["unit"])}
    return RolloutPolicy(**{**data, **by_step, **named, "slices": tuple(data["slices"])})
