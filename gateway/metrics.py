"""Counters and histograms in Prometheus' text format. Knows no call.

Label values that come from apps are bounded: beyond `MOST_SERIES` of a metric they count as "other".
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

MOST_SERIES = 500
SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = (1.0, 4.0, 16.0, 64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0)


@dataclass(kw_only=True, slots=True)
class Counter:
    """A number per label set; a gauge where it is set rather than added to."""

    name: str
    text: str
    labels: tuple[str, ...] = ()
    kind: str = "counter"
    values: dict[tuple[str, ...], float] = field(default_factory=dict)

    def add(self, *labels: str, by: float = 1.0) -> None:
        """Count `by` more."""
        values = self.values
        if labels in values:
            values[labels] += by
        else:
            key = _bounded(values, labels)
            values[key] = values.get(key, 0.0) + by

    def put(self, value: float, *labels: str) -> None:
        """Set the value."""
        self.values[_bounded(self.values, labels)] = value

    def lines(self) -> list[str]:
        """Give the metric's lines."""
        rows = [f"{self.name}{_labels(self.labels, key)} {value:.15g}" for key, value in self.values.items()]
        return [f"# HELP {self.name} {self.text}", f"# TYPE {self.name} {self.kind}", *rows]


@dataclass(kw_only=True, slots=True)
class Histogram:
    """Counts per bucket, of what is beyond them, and the sum, per label set."""

    name: str
    text: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...]
    values: dict[tuple[str, ...], list[float]] = field(default_factory=dict)

    def observe(self, value: float, *labels: str) -> None:
        """Count one value."""
        row = self.values.get(labels)
        if row is None:
            row = self.values.setdefault(_bounded(self.values, labels), [0.0] * (len(self.bounds) + 2))
        row[bisect_left(self.bounds, value)] += 1.0
        row[-1] += value

    def lines(self) -> list[str]:
        """Give the metric's lines."""
        out = [f"# HELP {self.name} {self.text}", f"# TYPE {self.name} histogram"]
        for key, row in self.values.items():
            counts = list(accumulate(row[:-1]))
            for bound, count in zip((*map(str, self.bounds), "+Inf"), counts, strict=True):
                out.append(f"{self.name}_bucket{_labels((*self.labels, 'le'), (*key, bound))} {count:g}")
            out.append(f"{self.name}_sum{_labels(self.labels, key)} {row[-1]:g}")
            out.append(f"{self.name}_count{_labels(self.labels, key)} {counts[-1]:g}")
        return out


_MODEL = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every metric of one worker. The gen_ai names are OpenTelemetry's, with underscores."""

    duration: Histogram = field(
        default_factory=lambda: Histogram(
            name="gen_ai_server_request_duration_seconds",
            text="From request to last byte, as the app sees it.",
            labels=(*_MODEL, "error_type"),
            bounds=SECONDS,
        )
    )
    operation: Histogram = field(
        default_factory=lambda: Histogram(
            name="gen_ai_client_operation_duration_seconds",
            text="One exchange with one upstream.",
            labels=(*_MODEL, "error_type"),
            bounds=SECONDS,
        )
    )
    first_token: Histogram = field(
        default_factory=lambda: Histogram(
            name="gen_ai_server_time_to_first_token_seconds",
            text="From the start of an exchange to its first byte.",
            labels=_MODEL,
            bounds=SECONDS,
        )
    )
    tokens: Histogram = field(
        default_factory=lambda: Histogram(
            name="gen_ai_client_token_usage",
            text="Tokens of one exchange, as the upstream reported them.",
            labels=(*_MODEL, "gen_ai_token_type"),
            bounds=TOKENS,
        )
    )
    attempts: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_attempts_total",
            text="Exchanges by role, side and outcome.",
            labels=("role", "who", "outcome"),
        )
    )
    calls: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_calls_total",
            text="Calls by surface and choice.",
            labels=("surface", "who", "reason"),
        )
    )
    refusals: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_refusals_total", text="Requests refused by the gateway itself.", labels=("code",)
        )
    )
    lost: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_journal_lost_total", text="Records that the journal could not take."
        )
    )
    unsynced: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_journal_unsynced_total",
            text="Answers that ended before their record was on the disk, though it should have been.",
        )
    )
    feedback: Counter = field(
        default_factory=lambda: Counter(name="stillhouse_feedback_total", text="Feedback accepted.")
    )
    in_flight: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_in_flight", text="Requests being answered.", kind="gauge"
        )
    )
    shadows: Counter = field(
        default_factory=lambda: Counter(
            name="stillhouse_shadow_pending", text="Background attempts waiting or running.", kind="gauge"
        )
    )

    def render(self) -> bytes:
        """Give the text that /metrics answers."""
        every: Sequence[Counter | Histogram] = (
            self.duration, self.operation, self.first_token, self.tokens, self.attempts, self.calls,
            self.refusals, self.lost, self.unsynced, self.feedback, self.in_flight, self.shadows,
        )  # fmt: skip
        return ("\n".join(line for metric in every for line in metric.lines()) + "\n").encode()


def _bounded(values: Mapping[tuple[str, ...], object], labels: tuple[str, ...]) -> tuple[str, ...]:
    if labels in values or len(values) < MOST_SERIES:
        return labels
    return ("other",) * len(labels)


def _labels(names: Sequence[str], values: Sequence[str]) -> str:
    if not names:
        return ""
    pairs = zip(names, values, strict=True)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
