"""The words that several texts have in common, with gaps for what differs. Pure; knows no log and no task."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise

from distiller.grouping.align import align
from store.template import Run, Template, Templates

_SPEAKS = re.compile(r"\w")
_LEAST_RUN = 2  # words between two gaps: fewer stand there by chance


@dataclass(frozen=True)
class Outline:
    """A template before it has a name: its words, and before which of them a gap is."""

    words: tuple[str, ...]
    gaps: frozenset[int] = frozenset()  # places in `words`; their number for a gap at the end

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """The runs of a template."""
        cuts = [0, *sorted(gap for gap in self.gaps if 0 < gap < len(self.words)), len(self.words)]
        return tuple(
            Run(words=self.words[start:end], gap=start in self.gaps)
            for start, end in pairwise(cuts)
            if start < end
        )

    @property
    def open_end(self) -> bool:
        """Whether any words may follow."""
        return len(self.words) in self.gaps

    @property
    def adrift(self) -> bool:
        """Whether any words may stand at both ends."""
        return 0 in self.gaps and self.open_end

    @cached_property
    def spoken(self) -> int:
        """How many of its words are words: no sign, no mask."""
        return spoken(self.words)

    def template(self, template_id: str, scope: str, created: float) -> Template:
        """Give it a name."""
        return Template(
            template_id=template_id, scope=scope, runs=self.runs, open_end=self.open_end, created=created
        )

    @cached_property
    def _lookup(self) -> Templates:
        return Templates([self.template("x", "", 0.0)])

    def fillings(self, text: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        """Give what stands in the gaps in a text that it fits, in their order."""
        at = {pair.a: pair.b for pair in align(self.words, text)}
        found = []
        for gap in sorted(self.gaps):
            start = at.get(gap - 1, -1) + 1
            found.append(text[start : at.get(gap, len(text))])
        return tuple(found)

    def fits(self, words: tuple[str, ...]) -> bool:
        """Tell whether a text is made from it."""
        return self._lookup.find("", words) is not None


def of(template: Template) -> Outline:
    """Give a template's outline."""
    words: list[str] = []
    gaps = set()
    for run in template.runs:
        if run.gap:
            gaps.add(len(words))
        words += run.words
    if template.open_end:
        gaps.add(len(words))
    return Outline(tuple(words), frozenset(gaps))


def spoken(words: Iterable[str]) -> int:
    """Count the words that are words: no sign, no mask."""
    return sum(1 for word in words if _SPEAKS.search(word) and word[0] != "<")


@dataclass(frozen=True, slots=True)
class Change:
    """What stands in a text at one place instead of an outline's words."""

    lost: tuple[str, ...]
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Joined:
    """An outline and a text in one outline, and what had to go for it."""

    outline: Outline
    changes: list[Change] = field(default_factory=list)


def join(outline: Outline, text: tuple[str, ...]) -> Joined:
    """Make an outline as wide as a text demands: where the two differ there is a gap."""
    pairs = align(outline.words, text)
    kept: list[str] = []
    gaps: set[int] = set()
    changes: list[Change] = []
    i = j = 0
    for a, b in [*pairs, (len(outline.words), len(text))]:
        old_gap = any(place in outline.gaps for place in range(i, a + 1))
        if a > i or (b > j and not old_gap):
            changes.append(Change(outline.words[i:a], text[j:b]))
        if old_gap or a > i or b > j:
            gaps.add(len(kept))
        kept += outline.words[a : a + 1]
        i, j = a + 1, b + 1
    return Joined(_tidy(Outline(tuple(kept), frozenset(gaps))), changes)


def joined(texts: Sequence[tuple[str, ...]]) -> Outline:
    """Give the outline of texts, from the shortest on."""
    outline, *others = sorted(texts, key=len)
    found = Outline(outline)
    for text in others:
        if not found.fits(text):
            found = join(found, text).outline
    return found


def _tidy(outline: Outline) -> Outline:
    """Leave out what stands next to gaps by chance: signs, and runs that are hardly any words."""
    words: list[str] = []
    gaps: set[int] = set()
    runs = outline.runs
    for number, run in enumerate(runs):
        after = number + 1 < len(runs) or outline.open_end
        start, end = 0, len(run.words)
        while run.gap and start < end and not _SPEAKS.search(run.words[start]):
            start += 1
        while after and start < end and not _SPEAKS.search(run.words[end - 1]):
            end -= 1
        if run.gap:
            gaps.add(len(words))
        if end - start >= (_LEAST_RUN if run.gap and after else 1):
            words += run.words[start:end]
        if after:
            gaps.add(len(words))
    return Outline(tuple(words), frozenset(gaps))
