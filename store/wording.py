"""The words of a prompt, with what changes from call to call masked. Pure; knows no template and no task.

The gateway compares a call's words with the templates, and the distiller makes templates of the words that the log
has: both read them here. It runs for every call, so chunks between blanks that were seen before are not read again.
"""

from __future__ import annotations

import re

MOST = 6_000  # words of a longer text: its first and its last ones
_LAST = 1_500
_MOST_CHARS = 60_000  # of a text, where only its ends are read
_LAST_CHARS = 15_000
_LONGEST = 256  # characters of a chunk: masking takes their square, and what is remembered is short
_KEPT = 20_000  # chunks that are remembered

# Scripts without blanks between words: every character is a word.
_UNSPACED = "\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"<(?:date|url|email|uuid|id)>|[{_UNSPACED}]|[^\W{_UNSPACED}]+#?|#|[^\w\s#<]+|<")
_VARIES = re.compile(r"\d|@|://|#")
_MASKS = (
    (re.compile(r"https?://[^\s\"'<>)\]]+"), "<url>"),
    (re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b"), "<uuid>"),
    (re.compile(r"\b(?=\w{8})(?=(?:\w*?\d){3})(?=\w*?[A-Za-z])\w+"), "<id>"),
    (re.compile(r"\d+(?:[.,:/T+-]+\d+)*(?:(?:st|nd|rd|th|Z)\b)?"), "#"),
)


def _cased(names: str) -> frozenset[str]:
    return frozenset(form for name in names.split() for form in (name, name.title(), name.upper()))


_MONTHS = _cased(
    "jan january feb february mar march apr april may jun june jul july aug august sep sept september oct october "
    "nov november dec december"
)
_DAYS = _cased(
    "mon monday tue tues tuesday wed wednesday thu thur thurs thursday fri friday sat saturday sun sunday"
)
_POINTS = (",", ".")


def words(text: str) -> tuple[str, ...]:
    """Give the words of `text`, dates, numbers, ids, addresses and links masked; blanks part words and count no more."""
    found: list[str] = []
    known = _SEEN
    for chunk in text.split():
        found += known[chunk]
    return tuple(_dated(found) if "#" in found and not _MONTHS.isdisjoint(found) else found)


def ends(text: str) -> str:
    """Give a text, of a very long one its begin and its end: who pastes a book keeps no call waiting."""
    return text if len(text) <= _MOST_CHARS else f"{text[: _MOST_CHARS - _LAST_CHARS]} {text[-_LAST_CHARS:]}"


def clipped(found: tuple[str, ...]) -> tuple[str, ...]:
    """Give at most MOST words: of more, the first and the last, between which a document was."""
    return found if len(found) <= MOST else found[: MOST - _LAST] + found[-_LAST:]


class _Chunks(dict[str, tuple[str, ...]]):
    """The words of each chunk that was read, of whatever text; emptied when it is full."""

    def __missing__(self, chunk: str) -> tuple[str, ...]:
        if len(chunk) > _LONGEST:  # encoded data, a script without blanks
            pieces = (chunk[at : at + _LONGEST] for at in range(0, len(chunk), _LONGEST))
            return tuple(word for piece in pieces for word in self[piece])
        if _VARIES.search(chunk):
            return _masked(chunk)
        if len(self) >= _KEPT:
            self.clear()
        self[chunk] = found = tuple(_WORD.findall(chunk))
        return found


_SEEN = _Chunks()


def _masked(chunk: str) -> tuple[str, ...]:
    for pattern, mask in _MASKS:
        chunk = pattern.sub(mask, chunk)
    return tuple(_WORD.findall(chunk))


def _dated(found: list[str]) -> list[str]:
    """Give the words with `March #, #`, `# March #` and a weekday before them as one `<date>`."""
    kept: list[str] = []
    at, end = 0, len(found)
    while at < end:
        word = found[at]
        if word == "#" and at + 1 < end and found[at + 1] in _MONTHS:
            at = _numbers(found, at + 2)
        elif word in _MONTHS and (after := _numbers(found, at + 1)) > at + 1:
            at = after
        else:
            kept.append(word)
            at += 1
            continue
        _drop_day(kept)
        kept.append("<date>")
    return kept


def _numbers(found: list[str], at: int) -> int:
    """Give where the numbers of a date that begin at `at` end: at most two, each after at most one point."""
    for _ in range(2):
        point = at < len(found) and found[at] in _POINTS
        if at + point >= len(found) or found[at + point] != "#":
            break
        at += point + 1
    return at


def _drop_day(kept: list[str]) -> None:
    """Take a weekday off the end, with its comma."""
    point = bool(kept) and kept[-1] in _POINTS
    if len(kept) > point and kept[-1 - point] in _DAYS:
        del kept[-1 - point :]
