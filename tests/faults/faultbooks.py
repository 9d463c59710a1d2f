"""Holds the log against what the apps received and what the upstream heard. Knows no process."""

import json
from collections import Counter
from dataclasses import dataclass

from store.log import Log
from store.paths import DataFolder
from store.vocabulary import Outcome

WHOLE = {Outcome.COMPLETE, Outcome.LENGTH, Outcome.REFUSED}


@dataclass(frozen=True)
class Entry:
    """A call as the log has it, with the attempt that was served."""

    call_id: str
    case: str
    outcome: str | None
    completion_id: str | None
    content: str | None
    usage: dict | None


class Books:
    """The log of a house that was stopped."""

    def __init__(self, house):
        log = Log.open(DataFolder(house.data).log, read_only=True)
        try:
            self.totals = log.totals()
            lines = house.folder / "books.jsonl"
            log.export(lines)
        finally:
            log.close()
        self.entries = [_entry(json.loads(line)) for line in lines.read_text("utf-8").splitlines()]
        self.by_case = Counter(entry.case for entry in self.entries)

    def each_call_once_with_one_outcome(self):
        """No call twice, none without an outcome, one attempt for each."""
        assert self.entries
        twice = [call for call, times in Counter(e.call_id for e in self.entries).items() if times > 1]
        assert not twice, f"{len(twice)} doubled: {twice[:3]}"
        said = Counter(entry.completion_id for entry in self.entries if entry.completion_id)
        assert max(said.values()) == 1, f"one answer of the upstream in two calls: {said.most_common(3)}"
        without = [entry for entry in self.entries if entry.outcome is None]
        assert not without, f"{len(without)} without an outcome: {without[:3]}"
        totals = self.totals
        assert totals.calls == totals.attempts == len(self.entries), totals
        assert totals.open_calls == 0

    def hold_every_answer_of(self, apps):
        """What an app received whole stands in the log, exactly once and exactly so."""
        kept = Counter((e.case, e.completion_id, e.content) for e in self.entries if e.outcome in WHOLE)
        received = [a for a in apps.answers if a.completion_id]
        assert received
        lost = [a for a in received if kept[a.case, a.completion_id, a.content] != 1]
        assert not lost, f"{len(lost)} of {len(received)} acknowledged answers: {lost[:3]}"

    def hold_all_that_was_forwarded(self, upstream, apps):
        """Each request that the upstream heard is an attempt, and each attempt was some app's try."""
        forwarded = Counter(heard.case for heard in upstream.heard)
        unknown = {case: count for case, count in forwarded.items() if count > self.by_case[case]}
        assert not unknown, f"forwarded and not captured: {dict(list(unknown.items())[:3])}"
        invented = {case: count for case, count in self.by_case.items() if count > apps.tried[case]}
        assert not invented, f"captured and never asked: {dict(list(invented.items())[:3])}"

    def say_what_the_upstream_said(self, upstream):
        """Every whole answer is, with its usage, the very one that the upstream gave to that case."""
        given = {heard.completion_id: heard for heard in upstream.heard}
        for entry in self.entries:
            if entry.outcome in WHOLE:
                heard = given[entry.completion_id]
                assert (entry.case, entry.content) == (heard.case, heard.content)
                assert entry.usage["completion_tokens"] == heard.number

    def check(self, upstream, apps):
        """All of it."""
        self.each_call_once_with_one_outcome()
        self.hold_every_answer_of(apps)
        self.hold_all_that_was_forwarded(upstream, apps)
        self.say_what_the_upstream_said(upstream)
        return self

    def count(self, outcome):
        return sum(entry.outcome == outcome for entry in self.entries)


def _entry(line):
    answer = line["answer"] or {}
    choices = answer.get("choices") or [{}]
    return Entry(
        call_id=line["call_id"],
        case=line["request"]["messages"][-1]["content"].split()[0],
        outcome=line["outcome"],
        completion_id=answer.get("id"),
        content=(choices[0].get("message") or {}).get("content"),
        usage=answer.get("usage"),
    )
