"""Which texts share instructions, by the runs of words that recur. Pure; knows no order of words beyond a run's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

Gram = tuple[str, ...]
Grams = frozenset[Gram]

SIZE = 4  # words of a gram
_EDGE = ("\x02",)
_CORE = 0.9  # share of a family that has what all of it has
_MEMBER = 0.8  # share of a core that a member has
_PART = 0.25  # of what a member says that others say too, the core is at least
_LEAST_CORE = 5  # grams: eight words on end
_TRIES = 48
_PARTS = 7  # more kinds of filling are a gap
_LEAST_OWN = SIZE + 2  # grams that a part has alone: three words on end, which are no value of a slot
_ALIKE = 0.1
_CANDIDATES = 12  # kinds that are looked at
_ODD = 2  # members that are of no kind yet, and wait for their like


def grams(words: Sequence[str]) -> Grams:
    """Give the runs of SIZE words, the text's begin and end included."""
    edged = (*_EDGE, *words, *_EDGE)
    return frozenset(zip(*(edged[i:] for i in range(SIZE)), strict=False))


def families(texts: Mapping[int, Grams], least: int, constant: Collection[int] = ()) -> list[list[int]]:
    """Give the sets of at least `least` texts with a core in common, and never one text in two.

    What only one text has is a filling, but for `constant` texts, which were said again and again. The core is a good
    part of the rest: prompts that have but a phrase in common are not one.
    """
    found: list[list[int]] = []
    twice = frozenset(_count(texts.values(), 2))
    left = {n: have if n in constant else have & twice for n, have in texts.items()}
    count = _count(left.values(), least)
    for _ in range(_TRIES):
        if not count:
            break
        best = max(count, key=lambda gram: (count[gram], gram))
        core = _core([have for have in left.values() if best in have])
        members = [
            n
            for n, have in left.items()
            if len(core & have) >= _MEMBER * len(core) and len(core) >= _PART * len(have)
        ]
        if len(core) < _LEAST_CORE or len(members) < least:
            for gram in core:  # of no family
                count.pop(gram, None)
            continue
        found += parts({n: left[n] for n in members}, core)
        for n in members:
            del left[n]
        count = _count(left.values(), least)
    return [family for family in found if len(family) >= least]


def parts(family: Mapping[int, Grams], core: Collection[Gram]) -> list[list[int]]:
    """Part a family where each member is of one of a few kinds, and each kind says much that no other says.

    So are two prompts with a preamble in common, and a prompt before and after it was rewritten. Examples out of a
    pool mix, and a paragraph that comes and goes leaves nothing in its place: such a family is one.
    """
    shared = frozenset(core)
    left = dict(family)
    kinds: list[list[int]] = []
    while left and len(kinds) <= _PARTS:
        kind = _kind(family, left, shared)
        if not kind:
            break
        kinds.append(kind)
        for n in kind:
            del left[n]
    if not kinds or len(kinds) > _PARTS or len(left) > max(_ODD, _ALIKE * len(family)):
        return [sorted(family)]
    if len(kinds) == 1:
        return kinds
    return [part for kind in kinds for part in _again(family, kind)]


def _again(family: Mapping[int, Grams], kind: list[int]) -> list[list[int]]:
    mine = {n: family[n] for n in kind}
    return parts(mine, _core(list(mine.values())))


def _kind(family: Mapping[int, Grams], left: Mapping[int, Grams], shared: Grams) -> list[int]:
    """Give the members that are left and say what no other member of the family says; the most of them."""
    own = {gram: n for gram, n in _count(left.values(), 2).items() if gram not in shared}
    tried: set[tuple[int, ...]] = set()
    for gram in sorted(own, key=lambda gram: (-own[gram], gram)):
        kind = tuple(n for n, have in left.items() if gram in have)
        if kind not in tried and _speaks_alone(family, left, kind, shared):
            return list(kind)
        tried.add(kind)
        if len(tried) == _CANDIDATES:
            break
    return []


def _speaks_alone(
    family: Mapping[int, Grams], left: Mapping[int, Grams], kind: Sequence[int], shared: Grams
) -> bool:
    alone = _core([left[n] for n in kind]) - shared
    others = [have for n, have in family.items() if n not in kind]
    elsewhere = Counter(gram for have in others for gram in have & alone)
    return sum(elsewhere[gram] <= _ALIKE * len(kind) for gram in alone) >= _LEAST_OWN


def _count(texts: Collection[Grams], least: int) -> dict[Gram, int]:
    count: Counter[Gram] = Counter()
    for have in texts:
        count.update(have)
    return {gram: n for gram, n in count.items() if n >= least}


def _core(texts: Sequence[Grams]) -> Grams:
    return frozenset(_count(texts, max(1, -int(-_CORE * len(texts) // 1))))
