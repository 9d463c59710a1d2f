"""Finds the templates that texts are made from. Pure: knows no log, no task and no fingerprint.

What differs among many texts is a gap. What all of them say is the template, and must be instructions enough.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter

from distiller.grouping import families
from distiller.grouping.outline import Change, Outline, join, joined

LEAST = 8  # different texts that make a template
_ENOUGH = 8  # words that a template says
_SAMPLE = 24  # texts that are laid side by side
_MORE = 8  # of those that do not fit then
_NEAR = 0.7  # share of a template's words that a text has that is almost made from it
_FEW = 3  # texts that make a template wider
_SLOT = 3  # words that can have been constant by chance
_TOGETHER = 2  # places that change together: no slots, but two prompts
_PLACES = 2  # at which they were

Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """A template, and the texts that it was found in, by their place among those given."""

    outline: Outline
    members: tuple[int, ...]


def induce(texts: Sequence[Words], least: int = LEAST, constant: Collection[int] = ()) -> list[Found]:
    """Give the templates of at least `least` different texts each; a text is of one at most.

    A template begins or ends as its texts do: a phrase in the middle of many prompts is none. `constant` are the
    places of texts that were said again and again.
    """
    distinct = {words: n for n, words in reversed(list(enumerate(texts)))}
    grams = {n: families.grams(words) for words, n in distinct.items() if words}
    found: list[Found] = []
    for family in _halved(texts, families.families(grams, least, constant), least):
        outline = _outline([texts[n] for n in sorted(family)])
        members = tuple(n for n in sorted(grams) if outline.fits(texts[n]))
        if outline.gaps and not outline.adrift and outline.spoken >= _ENOUGH and len(members) >= least:
            found.append(Found(outline, members))
    return found


def _halved(texts: Sequence[Words], found: list[list[int]], least: int) -> Iterator[list[int]]:
    """Give the families, those of two prompts with other words at the same places as two; too few texts wait."""
    for family in found:
        outline = _outline([texts[n] for n in sorted(family)])
        filled = [outline.fillings(texts[n]) for n in family]
        halves = Counter(half for values in zip(*filled, strict=True) if (half := _half(values)))
        half, places = max(halves.items(), key=itemgetter(1), default=((), 0))
        if places < _TOGETHER:
            yield family
            continue
        for side in (True, False):
            part = [n for n, on in zip(family, half, strict=True) if on is side]
            if len(part) >= least:
                yield part


def _half(values: Sequence[Words]) -> tuple[bool, ...]:
    """Tell which texts have the first of two values at a place, () where there are not two that both recur."""
    count = Counter(values)
    if len(count) != 2 or () in count or min(count.values()) < 2:  # noqa: PLR2004 - two values, twice
        return ()
    return tuple(value == values[0] for value in values)


def widen(
    outline: Outline, texts: Sequence[Words], *, one_value: bool, constant: Collection[int] = ()
) -> Found | None:
    """Make a template wider for the texts that it almost fits; None where they are too few, or say something else.

    A few words that all of the first texts had by chance, or a paragraph that comes and goes, become a gap. Where all
    texts say the same instead, they may have been edited: with `one_value` they were not. `constant` are the places of
    texts that were said again and again: one of them that says nothing instead, only more or less, is enough.
    """
    values: set[tuple[Change, ...]] = set()
    wider, members, enough = outline, [], False
    for n, words in enumerate(texts):
        one = join(wider, words)
        if one.outline.spoken < _NEAR * outline.spoken or not _by_chance(one.changes):
            continue
        wider = one.outline
        members.append(n)
        replaced = tuple(_replaced(join(outline, words).changes))
        values.add(replaced)
        enough = enough or (n in constant and not replaced)
    if (
        (len(members) < _FEW and not enough)
        or wider.spoken < _ENOUGH
        or (len(values) == 1 and any(values) and not one_value)
    ):
        return None
    return Found(wider, tuple(n for n, words in enumerate(texts) if wider.fits(words)))


def _by_chance(changes: Sequence[Change]) -> bool:
    """Tell whether what a text has instead of a template's words may stand in a gap."""
    replaced = _replaced(changes)
    return len(replaced) <= _PLACES and all(len(change.lost) <= _SLOT for change in replaced)


def _replaced(changes: Sequence[Change]) -> list[Change]:
    return [change for change in changes if change.lost and change.instead]


def _outline(texts: Sequence[Words]) -> Outline:
    """Give the outline of a family's texts, of some of them first."""
    step = max(1, len(texts) // _SAMPLE)
    outline = joined(texts[::step][:_SAMPLE])
    for words in [words for words in texts if not outline.fits(words)][:_MORE]:
        wider = join(outline, words).outline
        if wider.spoken >= _NEAR * outline.spoken:
            outline = wider
    return outline
