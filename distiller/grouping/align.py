"""What two texts of words have in common, in order. Pure; knows no template.

Patience alignment: the runs of words that stand once in both are anchors where they are in the same order, and the
windows between two anchors are aligned in the same way with shorter runs. Linear but for sorting, whatever repeats.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Words = Sequence[str]
_LONGEST, _SHORTEST = 4, 2  # words of an anchor


class Pair(NamedTuple):
    """A word of each text, by its place, that are the same."""

    a: int
    b: int


class _Window(NamedTuple):
    a: int
    a_end: int
    b: int
    b_end: int
    size: int  # of the anchors that are looked for


def align(a: Words, b: Words) -> list[Pair]:
    """Give the places of the words that both have, ascending in both."""
    found: list[Pair] = []
    open_: list[_Window] = [_Window(0, len(a), 0, len(b), _LONGEST)]
    while open_:
        window = _ends(a, b, open_.pop(), found)
        if window.a == window.a_end or window.b == window.b_end:
            continue
        size = window.size
        while size >= _SHORTEST and not (anchors := _anchors(a, b, window, size)):
            size -= 1
        if size >= _SHORTEST:
            open_ += _between(window, anchors, size, found)
    return sorted(set(found))


def _ends(a: Words, b: Words, window: _Window, found: list[Pair]) -> _Window:
    """Note the words with which both windows begin and end; give what is left."""
    i, i_end, j, j_end, size = window
    while i < i_end and j < j_end and a[i] == b[j]:
        found.append(Pair(i, j))
        i, j = i + 1, j + 1
    while i < i_end and j < j_end and a[i_end - 1] == b[j_end - 1]:
        i_end, j_end = i_end - 1, j_end - 1
        found.append(Pair(i_end, j_end))
    return _Window(i, i_end, j, j_end, size)


def _anchors(a: Words, b: Words, window: _Window, size: int) -> list[Pair]:
    """Give the longest ascending chain of the runs of `size` words that stand once in both windows."""
    left = _once(a, window.a, window.a_end, size)
    right = _once(b, window.b, window.b_end, size)
    return _ascending([Pair(i, right[run]) for run, i in left.items() if run in right])


def _once(words: Words, start: int, end: int, size: int) -> dict[tuple[str, ...], int]:
    """Give where each run that stands once begins, in order."""
    runs = [tuple(words[i : i + size]) for i in range(start, end - size + 1)]
    count = Counter(runs)
    return {run: start + i for i, run in enumerate(runs) if count[run] == 1}


def _ascending(pairs: list[Pair]) -> list[Pair]:
    """Give a longest part of pairs ascending in `a` that ascends in `b` too."""
    tails: list[int] = []  # the least last `b` of a chain of each length
    last: list[int] = []  # the pair that it is of
    before: list[int] = []
    for number, pair in enumerate(pairs):
        at = bisect_left(tails, pair.b)
        before.append(last[at - 1] if at else -1)
        tails[at:] = [pair.b] if at == len(tails) else [pair.b, *tails[at + 1 :]]
        last[at:] = [number] if at == len(last) else [number, *last[at + 1 :]]
    chain: list[Pair] = []
    number = last[-1] if last else -1
    while number >= 0:
        chain.append(pairs[number])
        number = before[number]
    return chain[::-1]


def _between(window: _Window, anchors: list[Pair], size: int, found: list[Pair]) -> list[_Window]:
    """Note the anchors' words; give the windows before, between and after them."""
    windows: list[_Window] = []
    i, j = window.a, window.b
    for anchor in anchors:
        if anchor.a < i or anchor.b < j:  # overlaps the last one: it goes on with it, or is left out
            shift = max(i - anchor.a, j - anchor.b)
            if shift >= size or anchor.a - i != anchor.b - j:
                continue
            anchor = Pair(anchor.a + shift, anchor.b + shift)  # noqa: PLW2901 - what is left of it
            length = size - shift
        else:
            windows.append(_Window(i, anchor.a, j, anchor.b, size))
            length = size
        found += [Pair(anchor.a + n, anchor.b + n) for n in range(length)]
        i, j = anchor.a + length, anchor.b + length
    return [*windows, _Window(i, window.a_end, j, window.b_end, size)]
