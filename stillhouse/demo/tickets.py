"""Support tickets with their right triage, made up with natural variety. Knows no server and no student.

The task: read a customer's message, answer `{"category": ..., "priority": ..., "order": ...}`.
Every ticket is drawn from grammar-like parts (opening, complaint, detail, urgency, closing, typos), so
that thousands differ while the three fields stay decidable by a careful reader.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

INSTRUCTIONS = (
    "You triage support tickets of an online shop. Answer with one JSON object: "
    '"category" is billing, shipping, returns, technical or account; '
    '"priority" is high if the customer presses for time or is losing money, low if they say there is no '
    'hurry, else normal; "order" is the order number they give, or null.'
)

SCHEMA: dict[str, object] = {
    "type": "object",
    "properties": {
        "category": {"type": "string", "enum": ["billing", "shipping", "returns", "technical", "account"]},
        "priority": {"type": "string", "enum": ["high", "normal", "low"]},
        "order": {"type": ["string", "null"], "maxLength": 12},
    },
    "required": ["category", "priority", "order"],
    "additionalProperties": False,
}

_COMPLAINTS: dict[str, tuple[str, ...]] = {
    "billing": (
        "I was charged twice for {thing}",
        "my card got billed {amount} but the {thing} was on sale",
        "the invoice for {thing} shows the wrong VAT number",
        "there is a payment of {amount} I do not recognise",
        "you took {amount} although my voucher should have covered it",
        "please send me a proper receipt for {thing}",
        "the discount code was not applied to {thing}",
    ),
    "shipping": (
        "my {thing} has still not arrived",
        "tracking says delivered but there is no {thing} here",
        "the courier left the {thing} at the wrong address",
        "can you send the {thing} to {city} instead",
        "the parcel with the {thing} is stuck in {city} for days",
        "when will the {thing} be dispatched",
        "only half of the delivery came, the {thing} is missing",
    ),
    "returns": (
        "I want to send the {thing} back",
        "the {thing} does not fit, how do I return it",
        "please exchange the {thing} for a bigger one",
        "I returned the {thing} two weeks ago and got no refund",
        "the return label for the {thing} does not print",
        "the {thing} came broken, I would like my money back",
        "can I still give back the {thing} after thirty days",
    ),
    "technical": (
        "the app crashes whenever I open the {thing} page",
        "the {thing} will not pair with my phone",
        "your website shows an error at checkout",
        "the firmware update of the {thing} fails at {percent} percent",
        "the {thing} keeps disconnecting from wifi",
        "the manual of the {thing} does not open on my tablet",
        "the search on your site returns nothing for {thing}",
    ),
    "account": (
        "I cannot log in any more",
        "please change my email to the new one",
        "the password reset mail never comes",
        "I would like to delete my profile",
        "my loyalty points have vanished",
        "someone else seems to use my login",
        "how do I add a second delivery address to my profile",
    ),
}
_OPENINGS = (
    "Hi,",
    "Hello,",
    "Hey there,",
    "Good morning,",
    "Dear team,",
    "To whom it may concern,",
    "",
    "",
    "",
)
_THINGS = (
    "blue kettle", "office chair", "running shoes", "desk lamp", "headphones", "coffee grinder", "winter jacket",
    "bike helmet", "smart watch", "yoga mat", "air fryer", "backpack", "keyboard", "baby monitor", "garden hose",
    "wool socks", "router", "camera strap", "rice cooker", "tent", "monitor arm", "picture frame", "drill", "scarf",
)  # fmt: skip
_CITIES = ("Leeds", "Porto", "Graz", "Malmo", "Ghent", "Turin", "Cork", "Brno", "Lyon", "Aachen", "Tartu")
_URGENCY: dict[str, tuple[str, ...]] = {
    "high": (
        "I need this solved today.",
        "This is urgent!",
        "It has to be sorted before tomorrow.",
        "I am losing money over this.",
        "Please answer immediately.",
        "I cannot wait any longer.",
    ),
    "normal": (
        "",
        "",
        "",
        "Please help.",
        "What can be done?",
        "Let me know.",
        "Thanks for looking into it.",
    ),
    "low": (
        "No hurry.",
        "Whenever you have time.",
        "It is not urgent at all.",
        "Take your time.",
        "Just wondering, no rush.",
    ),
}
_ORDERS = ("Order {id}.", "My order number is {id}.", "(order {id})", "Ref {id}.", "It is about {id}.")
_CLOSINGS = ("", "", "", "Best, {name}", "{name}", "Thanks, {name}", "Regards, {name}")
_NAMES = (
    "Mara",
    "Jon",
    "Priya",
    "Luca",
    "Aoife",
    "Sven",
    "Noor",
    "Kasia",
    "Tomas",
    "Ida",
    "Rui",
    "Hana",
    "Omar",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """One input of an app with the right output, as text."""

    input: str
    output: str


def tickets(seed: int) -> Iterator[Pair]:
    """Yield endless distinct tickets; the same seed gives the same tickets."""
    rng = random.Random(seed)
    seen: set[str] = set()
    while True:
        pair = _ticket(rng)
        if pair.input not in seen:
            seen.add(pair.input)
            yield pair


def _ticket(rng: random.Random) -> Pair:
    category = rng.choice(list(_COMPLAINTS))
    priority = rng.choices(("high", "normal", "low"), weights=(3, 5, 2))[0]
    order = f"{rng.choice('ABKRT')}-{rng.randrange(1000, 10000)}" if rng.random() < 0.6 else None  # noqa: PLR2004
    complaint = rng.choice(_COMPLAINTS[category]).format(
        thing=rng.choice(_THINGS),
        city=rng.choice(_CITIES),
        amount=f"{rng.randrange(5, 400)} euros",
        percent=rng.randrange(5, 99),
    )
    parts = [
        rng.choice(_OPENINGS),
        complaint + ".",
        rng.choice(_ORDERS).format(id=order) if order else "",
        rng.choice(_URGENCY[priority]),
        rng.choice(_CLOSINGS).format(name=rng.choice(_NAMES)),
    ]
    text = _roughen(" ".join(part for part in parts if part), rng)
    answer = json.dumps({"category": category, "priority": priority, "order": order}, separators=(",", ":"))
    return Pair(input=text, output=answer)


def _roughen(text: str, rng: random.Random) -> str:
    """Type it as people do: sometimes all lower case, sometimes without stops, sometimes a slip."""
    if rng.random() < 0.25:  # noqa: PLR2004
        text = text[0].lower() + text[1:].replace(". ", ", ")
    if rng.random() < 0.15:  # noqa: PLR2004
        at = rng.randrange(1, max(2, len(text) - 12))
        if text[at].isalpha() and text[at + 1].isalpha():
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text
