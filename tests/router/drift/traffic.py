"""Generated requests with kinds that can be mixed, and a log of them in memory. No real text is in it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from store.vocabulary import Input, Outcome, Reply, Role, Who

KINDS = {
    "weather": ("will it {rain} in {place} {when}", "what is the forecast for {place} {when}"),
    "music": ("play {song} by {artist}", "put {artist} on and then {song}"),
    "table": ("book a table for {n} in {place} {when}", "find a restaurant in {place} for {n} people"),
    "rating": ("give {book} {n} stars", "rate the novel {book} {n} out of six"),
    "refund": ("I was charged twice for order {n}, refund {book}", "cancel order {n} and pay me back {when}"),
    "wetter": ("wird es in {place} {when} regnen", "wie wird das Wetter {when} in {place}"),
}
FILLINGS = {
    "rain": ["rain", "snow", "hail", "storm", "freeze", "thaw"],
    "place": [
        "Paris",
        "Lima",
        "Oslo",
        "Quito",
        "Turin",
        "Perth",
        "Cairo",
        "Dakar",
        "Izmir",
        "Osaka",
        "Bern",
        "Cork",
    ],
    "when": ["today", "tomorrow", "tonight", "on", "monday", "on", "friday", "next", "week", "at", "noon"],
    "song": ["yesterday", "imagine", "hello", "thriller", "waterloo", "jolene", "creep", "halo"],
    "artist": ["abba", "adele", "prince", "sade", "moby", "cher", "bjork", "enya"],
    "book": ["emma", "ulysses", "dune", "beloved", "ivanhoe", "dracula", "persuasion", "middlemarch"],
    "n": ["1", "2", "3", "4", "5", "6", "17", "230", "4711"],
}
USUAL = {"weather": 4, "music": 3, "table": 2, "rating": 1}


def text(dice: random.Random, mix: dict[str, float]) -> str:
    (kind,) = dice.choices(list(mix), list(mix.values()))
    said = dice.choice(KINDS[kind])
    for name, values in FILLINGS.items():
        said = said.replace(f"{{{name}}}", dice.choice(values))
    return said


def asked(seq: int, said: str, ts: float, unit: str | None = None) -> Input:
    request = {
        "model": "m",
        "messages": [{"role": "system", "content": "S"}, {"role": "user", "content": said}],
    }
    return Input(seq=seq, call_id=f"c{seq}", ts=ts, unit=f"u{seq}" if unit is None else unit, request=request)


def completion(content: str, model: str = "m-1", system: str | None = "fp_1") -> dict:
    message = {"role": "assistant", "content": content}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"model": model, "system_fingerprint": system, "choices": choices}


@dataclass
class Traffic:
    """The part of the log that drift looks at."""

    dice: random.Random = field(default_factory=lambda: random.Random(1))
    asked: list[Input] = field(default_factory=list)
    answered: list[Reply] = field(default_factory=list)

    def add(self, n: int, ts: float, mix=USUAL, *, says=None, model="m-1", system="fp_1", student=None):
        """Log n calls, answered."""
        for _ in range(n):
            seq = len(self.asked) + 1
            said = text(self.dice, mix)
            self.asked.append(asked(seq, said, ts))
            content = says(self.dice) if says else "yes"
            reply = Reply(
                seq=seq, call_id=f"c{seq}", attempt_id=f"a{seq}", ts=ts, unit=f"u{seq}", reason="shadow",
                who=Who.STUDENT if student else Who.TEACHER, role=Role.SERVE, upstream="openai", student_id=student, outcome=Outcome.COMPLETE,
                completion=completion(content, model, system),
            )  # fmt: skip
            self.answered.append(reply)

    def inputs(self, fingerprints, *, after_seq, limit, before_ts=None):
        return _newest(self.asked, after_seq, limit, before_ts)

    def replies(self, fingerprints, *, after_seq, limit, before_ts=None):
        return _newest(self.answered, after_seq, limit, before_ts)


def _newest(rows, after_seq, limit, before_ts):
    found = [row for row in rows if row.seq > after_seq and (before_ts is None or row.ts < before_ts)]
    return found[-limit:]
