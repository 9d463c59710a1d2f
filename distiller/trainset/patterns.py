"""Finds secrets and personal data in a text by their form, and by their check digits where they have some.

Pure: knows no stand-in and no row. Names and addresses have no form: `people` finds those. Where a form alone
would be found in every other number, the check decides; what passes it by chance is replaced like the real
thing, the same everywhere in its row, so it costs nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from distiller.trainset import checks

SECRET = "secret"  # noqa: S105 - a kind
# A match may begin where a word does, or after an escape (\n) in JSON that is itself a string.
_BEGIN = r"(?:(?<=\\[nrtbf])|(?<![A-Za-z0-9_À-ɏ])(?!(?<=\\)[nrtbfu]))"
_END = r"(?![A-Za-z0-9_À-ɏ])"


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A stretch of a text."""

    start: int
    end: int
    kind: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Pattern:
    """A form. What stands in its group `it` is meant, else the whole match; `hint` must be in the text."""

    kind: str
    form: re.Pattern[str]
    check: Callable[[str], bool] = lambda _: True
    hint: re.Pattern[str] | None = None

    def find(self, text: str) -> Iterator[Found]:
        """Yield what has the form and passes the check."""
        if self.hint is not None and not self.hint.search(text):
            return
        for match in self.form.finditer(text):
            group = "it" if "it" in self.form.groupindex else 0
            if self.check(match[group]):
                yield Found(start=match.start(group), end=match.end(group), kind=self.kind, text=match[group])


def _pattern(
    kind: str,
    form: str,
    check: Callable[[str], bool] = lambda _: True,
    hint: str | None = None,
    flags: int = 0,
) -> Pattern:
    whole = re.compile(f"{_BEGIN}(?:{form}){_END}", flags)
    return Pattern(kind=kind, form=whole, check=check, hint=re.compile(hint, flags) if hint else None)


_TOKENS = (
    r"sk-[A-Za-z0-9_-]{20,}|"  # OpenAI, Anthropic and who copies them
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{16,}|"  # Stripe
    r"(?:AKIA|ASIA)[A-Z0-9]{16}|"  # AWS
    r"gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,}|"
    r"glpat-[A-Za-z0-9_-]{20,}|"
    r"xox[abeoprs]-[A-Za-z0-9-]{10,}|"  # Slack
    r"AIza[A-Za-z0-9_-]{35}|"  # Google
    r"hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}|"
    r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|"  # SendGrid
    r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{8,}"  # a JSON web token
)
_STARTS = r"sk-|[sr]k_|AKIA|ASIA|gh[pousr]_|github_|glpat-|xox|AIza|hf_|npm_|pypi-|SG\.|eyJ"
_NAMED = r"(?:pass(?:word|wd|phrase)|secret|api[_-]?key|access[_-]?key|auth[_-]?token|access[_-]?token)"

SECRETS = (
    Pattern(
        kind=SECRET,
        form=re.compile(
            r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----[^\"]*?-----END [A-Z ]*PRIVATE KEY( BLOCK)?-----"
        ),
        hint=re.compile("-----BEGIN"),
    ),
    _pattern(SECRET, _TOKENS, checks.mixed, _STARTS),
    _pattern(SECRET, r"bearer\s+(?P<it>[A-Za-z0-9._~+/-]{16,}=*)", checks.mixed, "bearer", re.IGNORECASE),
    Pattern(
        kind=SECRET,
        form=re.compile(r"[a-z][a-z0-9+.-]*://[^\s:/@\"'\\<>]*:(?P<it>[^\s/@\"'\\<>]+)@"),
        hint=re.compile("://"),
    ),
    Pattern(  # name = value, also with quotes that are escaped
        kind=SECRET,
        form=re.compile(
            _NAMED + r"[\\\"']*\s*(?:[:=]|\bis\b)\s*[\\\"']*(?P<it>[A-Za-z0-9_./+~!@#$%^&*-]{8,}=*)",
            re.IGNORECASE,
        ),
        check=checks.mixed,
        hint=re.compile(_NAMED, re.IGNORECASE),
    ),
)

PERSONAL = (
    _pattern("email", r"[A-Za-z0-9À-ɏ][A-Za-z0-9À-ɏ._%+'-]*@(?:[A-Za-z0-9À-ɏ-]+\.)+[A-Za-z]{2,}", hint="@"),
    _pattern("iban", r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?", checks.iban, r"[A-Z]\d\d"),
    _pattern(
        "card", r"[2-6](?:\d{12,18}|\d{3}(?:[ -]\d{4}){3}|\d{3}[ -]\d{6}[ -]\d{5})", checks.card, r"\d{4}"
    ),
    _pattern("id", r"\d{3}-\d{2}-\d{4}", checks.ssn, r"\d-\d\d-"),
    _pattern("id", r"(?:\d{8}|[XYZ]\d{7})[A-HJ-NP-TV-Z]", checks.dni, r"\d{7}"),
    _pattern(
        "id",
        r"[12] ?\d{2} ?(?:0[1-9]|1[0-2]|[2-9]\d) ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}",
        checks.nir,
        r"[12] ?\d\d ?\d",
    ),
    _pattern("id", r"\d{3}\.\d{3}\.\d{3}-\d{2}", checks.cpf, r"\d-\d\d"),
    _pattern("id", r"\d{11}", checks.pesel, r"\d{11}"),
    _pattern("id", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", checks.fiscale, r"[A-Z]\d\d"),
    _pattern("ip", r"(?:\d{1,3}\.){3}\d{1,3}(?!\.\d)", checks.ip, r"\.\d"),
    _pattern("ip", r"(?:[0-9A-Fa-f]{1,4}:|:(?=:)){2,7}(?::?[0-9A-Fa-f]{1,4})", checks.ip, ":"),
    _pattern("phone", r"\+\d{1,3}[ .()-]{0,2}\d(?:[ .()/-]{0,2}\d){6,12}", hint=r"\+\d"),
    _pattern("phone", r"\(?[2-9]\d{2}\)?[ .-]{1,2}\d{3}[ .-]\d{4}", hint=r"\d{4}"),
    _pattern("phone", r"0\d{1,4}[ /.-]\d(?:[ .-]?\d){5,9}", checks.call, hint=r"\d{3}"),
)


class Level(StrEnum):
    """What is taken out; each also what those before it do."""

    OFF = "off"
    SECRETS = "secrets"
    PERSONAL = "personal"
    NAMES = "names"  # of people and places, as a recogniser finds them

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """The forms that are looked for."""
        if self is Level.OFF:
            return ()
        return SECRETS if self is Level.SECRETS else (*SECRETS, *PERSONAL)


def find(text: str, patterns: tuple[Pattern, ...]) -> list[Found]:
    """Return what the patterns find, in the order of the text; where two overlap, the earlier pattern's."""
    taken: list[Found] = []
    for pattern in patterns:
        for found in pattern.find(text):
            if all(found.end <= other.start or other.end <= found.start for other in taken):
                taken.append(found)
    return sorted(taken, key=lambda found: found.start)
