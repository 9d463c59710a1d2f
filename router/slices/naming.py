"""How slices are named, and what a rollout's list of them means. Knows no request: gateways say what a call's slices are."""

from __future__ import annotations

from collections.abc import Iterable

from store.vocabulary import DIMENSIONS, LABEL, LONGEST, METADATA, VALUES

_BETWEEN = ":"


def dimension(name: str) -> str:
    """Give the dimension of a slice, or of a dimension's own name."""
    return name.partition(_BETWEEN)[0]


def dimensions(slicers: Iterable[str]) -> tuple[str, ...]:
    """Give what must be known of each request: the dimensions that are named, and those of the slices that are."""
    return tuple(dict.fromkeys(dimension(name) for name in slicers))


def declared(slicers: Iterable[str]) -> tuple[str, ...]:
    """Give the slices that are named themselves."""
    return tuple(dict.fromkeys(name for name in slicers if is_slice(name)))


def of_answers(slices: Iterable[str]) -> frozenset[str]:
    """Give the slices that are of what students answer: while the teacher keeps one, apps do not receive these answers."""
    return frozenset(name for name in slices if dimension(name) == LABEL)


def is_slice(name: str) -> bool:
    """Say whether a name has a dimension and a value."""
    before, between, value = name.partition(_BETWEEN)
    return bool(before and between and value)


def _impossible(of: str, value: str) -> str | None:
    """Say why the gateways never give a dimension this value, or None."""
    if of in VALUES and value not in VALUES[of]:
        return f"{of} is one of {', '.join(VALUES[of])}"
    if len(value) > LONGEST:
        return f"a value has at most {LONGEST} characters; `stillhouse explain` shows what a longer one is called"
    if value != " ".join(value.split()):
        return "a value has no blanks around it, and one at a time within"
    if of == "tools" and (ordered := "+".join(sorted(set(value.split("+"))))) != value:
        return f"tools are named once, in order of the alphabet: {ordered!r}"
    return None


def unfit(slicers: Iterable[str]) -> str | None:
    """Say in a sentence's middle which of the names cannot be meant, or None."""
    seen: set[str] = set()
    for name in slicers:
        of = dimension(name)
        if of not in {*DIMENSIONS, LABEL} and not (of.startswith(METADATA) and of != METADATA):
            return f"{of!r} is no dimension: there are {', '.join(DIMENSIONS)}, {LABEL} and {METADATA}NAME"
        if _BETWEEN in name and not is_slice(name):
            return f"{name!r} names no value; a slice is `dimension:value`"
        if is_slice(name) and (why := _impossible(of, name.partition(_BETWEEN)[2])) is not None:
            return f"no call can be of {name!r}: {why}"
        if name in seen:
            return f"{name!r} is named twice"
        seen.add(name)
    return None
