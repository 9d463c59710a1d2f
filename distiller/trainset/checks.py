"""Check digits, and other properties that a form alone does not tell. Pure: knows no form and no text around."""

from __future__ import annotations

import ipaddress
import re


def digits(text: str) -> str:
    """Return the digits of a text."""
    return "".join(char for char in text if char.isdecimal() and char.isascii())


def luhn(text: str) -> bool:
    """Tell whether digits pass the check of payment cards (ISO/IEC 7812-1, annex B)."""
    values = [int(char) for char in digits(text)]
    doubled = [sum(divmod(2 * value, 10)) for value in values[-2::-2]]
    return (sum(values[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Tell whether an IBAN passes its check (ISO 7064, mod 97-10)."""
    plain = text.replace(" ", "")
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def card(text: str) -> bool:
    """Tell whether digits may be a payment card's."""
    number = digits(text)
    return len(set(number)) > 1 and luhn(number)


def ssn(text: str) -> bool:
    """Tell whether a social security number of the United States may have been issued."""
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def dni(text: str) -> bool:
    """Tell whether a Spanish DNI or NIE has its letter."""
    number = text[:-1].translate(str.maketrans("XYZ", "012"))
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == text[-1]


def nir(text: str) -> bool:
    """Tell whether a French NIR has its key."""
    plain = text.replace(" ", "").replace("2A", "19").replace("2B", "18")
    return (97 - int(plain[:13]) % 97) == int(plain[13:])


def cpf(text: str) -> bool:
    """Tell whether a Brazilian CPF has its two check digits."""
    values = [int(char) for char in digits(text)]
    checks = [
        10 * sum(v * w for v, w in zip(values, range(n + 1, 1, -1), strict=False)) % 11 % 10 for n in (9, 10)
    ]
    return values[9:] == checks and len(set(values)) > 1


def pesel(text: str) -> bool:
    """Tell whether a Polish PESEL has its check digit and a date in it."""
    values = [int(char) for char in text]
    weighed = sum(v * w for v, w in zip(values, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), strict=True))
    return weighed % 10 == 0 and 1 <= int(text[2:4]) % 20 <= 12 and 1 <= int(text[4:6]) <= 31  # noqa: PLR2004 - a date


def fiscale(text: str) -> bool:
    """Tell whether an Italian codice fiscale has its check letter."""
    odd = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
    places = [int(char) if char.isdecimal() else ord(char) - ord("A") for char in text[:15]]
    total = sum(odd[place] if i % 2 == 0 else place for i, place in enumerate(places))
    return chr(ord("A") + total % 26) == text[15]


def ip(text: str) -> bool:
    """Tell whether a text is an IP address, version 4 or 6."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return any(char.isdecimal() for char in text)


def call(text: str) -> bool:
    """Tell whether digits may be a telephone number: no date is one."""
    return not re.fullmatch(r"\d{1,2}[ ./-]\d{1,2}[ ./-]\d{2,4}(?: \d+)?", text)


def mixed(text: str) -> bool:
    """Tell whether a value looks drawn by chance: letters and digits, and no plain number."""
    return any(char.isdecimal() for char in text) and sum(char.isalpha() for char in text) > 1
