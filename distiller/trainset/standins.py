"""Makes stand-ins for personal data: of the same kind and look, and nobody's. Pure: knows no text.

A student that was shown `<email_1>` in place of each address would never have copied a real one. So a stand-in
looks real, and is told from the real by ranges that are set aside for examples, or by a check digit that
is wrong: `is_one` knows them all.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re

from distiller.trainset.checks import digits
from distiller.trainset.patterns import PERSONAL, SECRET, Found, Pattern, find

NAMES = frozenset({"person", "place"})  # kinds that have no form
_TREES = (
    "alder",
    "birch",
    "cedar",
    "dogwood",
    "elm",
    "fir",
    "hazel",
    "juniper",
    "larch",
    "maple",
    "oak",
    "rowan",
)
_DOMAIN = re.compile(r"@example\.(?:com|net|org)\Z", re.IGNORECASE)  # RFC 2606
_DOMAINS = ("com", "net", "org")
_FICTION = "55501"  # 555-01xx: numbers of the North American plan for fiction
_MARKED = re.compile(r"<[a-z]+_\d+>\Z")
_NETS_4 = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
_NETS = tuple(
    ipaddress.ip_network(net) for net in (*(f"{net}.0/24" for net in _NETS_4), "2001:db8::/32")
)  # RFC 3849
_KEPT = 9  # digits from the end by which a telephone number is known
_TRIES = 100  # until a number is drawn whose check digit is wrong: nine of ten are
_PEOPLE = ("Robin", "Alex", "Sam", "Kim", "Jo", "Chris", "Noor", "Sasha")
_PLACES = (
    "Ashford",
    "Birchwood",
    "Cedar Falls",
    "Eastbrook",
    "Fairmont",
    "Glenwood",
    "Lakeside",
    "Northfield",
)


def standin(kind: str, text: str, *, row: str, number: int) -> str:
    """Return what stands for the `number`-th value of its kind in `row`, with the look of `text`.

    It follows from row and number alone, so nothing of the value is left in it but its look, the country of a
    telephone number and the last four digits of a card: receipts print them, so "the card that ends in 1111"
    stays true.
    """
    if kind == SECRET:
        return f"<{SECRET}_{number}>"
    for attempt in range(_TRIES):
        made = _made(kind, text, _Draw(f"{row} {kind} {number} {attempt}"), row, number)
        if not real(made):
            break
    return made


def real(text: str, patterns: tuple[Pattern, ...] = PERSONAL) -> list[Found]:
    """Return what the patterns find in a text and is no stand-in."""
    return [found for found in find(text, patterns) if not is_one(found.kind, found.text)]


def key(kind: str, text: str) -> str:
    """Return what two spellings of one value have in common."""
    if kind == "phone":
        return digits(text)[-_KEPT:]
    if kind == "email":
        return text.casefold()
    if kind == SECRET:
        return text.replace("\\n", "\n")  # the lines of a private key, in JSON that is itself a string
    return text.replace(" ", "").replace("-", "") if kind in ("card", "iban", "id") else text


def is_one(kind: str, text: str) -> bool:
    """Tell whether a text that looks like personal data is a stand-in, and so nobody's."""
    if kind == "email":
        return _DOMAIN.search(text) is not None
    if kind == "phone":
        return digits(text)[-7:-2] == _FICTION
    if kind == "ip":
        return any(ipaddress.ip_address(text) in net for net in _NETS)
    return kind == SECRET and _MARKED.match(text) is not None


class _Draw:
    """Draws that are the same for the same seed."""

    def __init__(self, seed: str) -> None:
        self._left = int.from_bytes(hashlib.sha512(seed.encode("utf-8", "surrogatepass")).digest())

    def below(self, bound: int) -> int:
        """Return a number from 0, less than `bound`."""
        self._left, drawn = divmod(self._left, bound)
        return drawn

    def of(self, names: tuple[str, ...]) -> str:
        """Return one of the names."""
        return names[self.below(len(names))]


def _made(kind: str, text: str, draw: _Draw, row: str, number: int) -> str:
    nth = "" if number == 1 else f" {number}"  # names that are drawn alike stay apart
    if kind == "email":
        return f"{draw.of(_TREES)}.{draw.of(_TREES)}{number}@example.{draw.of(_DOMAINS)}"
    if kind == "ip":
        return _address(text, number)
    if kind == "person":
        return f"{draw.of(_PEOPLE)} {draw.of(_TREES).title()}{nth}"
    if kind == "place":
        return f"{draw.of(_PLACES)}{nth}"
    if kind == "phone":
        return _phone(text, draw, (_Draw(row).below(100) + number) % 100)
    return _number(kind, text, draw)


def _address(text: str, number: int) -> str:
    if ":" in text:
        return f"2001:db8::{number:x}"
    net, host = divmod(number - 1, 254)
    return f"{_NETS_4[net % len(_NETS_4)]}.{host + 1}"


def _number(kind: str, text: str, draw: _Draw) -> str:
    """Return the same form with other digits and letters. The first stays: a JSON number may not begin with 0."""
    places = [i for i, char in enumerate(text) if char.isalnum()]
    out = list(text)
    for i in places[2 if kind == "iban" else 1 : len(places) - (4 if kind == "card" else 0)]:
        out[i] = str(draw.below(10)) if text[i].isdecimal() else chr(ord("A") + draw.below(26))
    if kind == "id" and text[0].isdecimal():
        out[0] = "9"  # no area of a social security number, no first digit of a French one
    return "".join(out)


def _phone(text: str, draw: _Draw, line: int) -> str:
    """Return another number, drawn from its end on: with and without the country it is the same."""
    drawn = f"{line:02}"[::-1] + _FICTION[::-1] + "".join(str(2 + draw.below(8)) for _ in range(_KEPT))
    places = [i for i, char in enumerate(text) if char.isdecimal()]
    if text.startswith("0"):
        places = places[1:]
    out = list(text)
    for nth, i in enumerate(places[::-1][:_KEPT]):
        out[i] = drawn[nth]
    return "".join(out)
