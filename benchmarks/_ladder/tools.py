"""Spoken wishes with the tool call that fulfils them, made up with variety. Knows no model."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

INSTRUCTIONS = "You run a smart home. Fulfil the wish with exactly one tool call."
_ROOMS = (
    "kitchen",
    "bedroom",
    "living room",
    "bathroom",
    "hallway",
    "office",
    "garage",
    "nursery",
    "attic",
    "porch",
)
_COLOURS = ("red", "green", "blue", "warm white", "purple", "orange")
_THINGS = ("oven", "pasta", "laundry", "tea", "nap", "meeting", "bread", "parking meter")
_NAMES = ("Ada", "Grace", "Linus", "Mina", "Omar", "Priya", "Jonas", "Wei", "Lucia", "Tomas")
_POLITE = ("", "", "please ", "could you ", "hey, ", "I'd like you to ", "can you ")
_AFTER = ("", "", "", " please", " now", ", thanks", " when you can", " right away")


def _function(name: str, **properties: dict[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": schema}}


_ROOM, _WHOLE, _TEXT = {"type": "string"}, {"type": "integer"}, {"type": "string"}
TOOLS = [
    _function("set_light", room=_ROOM, level=_WHOLE),
    _function("set_colour", room=_ROOM, colour=_TEXT),
    _function("set_heating", room=_ROOM, celsius=_WHOLE),
    _function("start_timer", minutes=_WHOLE, label=_TEXT),
    _function("send_message", to=_TEXT, text=_TEXT),
]


def wishes(seed: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Give wish, function and arguments, for ever; the same for the same seed."""
    draw = random.Random(seed)
    while True:
        text, name, arguments = draw.choice(_KINDS)(draw)
        yield draw.choice(_POLITE) + text + draw.choice(_AFTER), name, arguments


def message(name: str, arguments: dict[str, Any], call_id: str) -> dict[str, Any]:
    """Give the assistant's message that calls the function."""
    function = {"name": name, "arguments": json.dumps(arguments)}
    return {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"id": call_id, "type": "function", "function": function}],
    }


def _light(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    room, level = draw.choice(_ROOMS), draw.randrange(0, 101, 5)
    said = draw.choice(
        (
            f"dim the {room} light to {level} percent",
            f"set the light in the {room} to {level}%",
            f"bring the {room} lamps to {level} percent",
        )
    )
    return said, "set_light", {"room": room, "level": level}


def _dark(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    room, on = draw.choice(_ROOMS), draw.random() < 0.5
    said = draw.choice(
        (f"switch the {room} light {'on' if on else 'off'}", f"lights {'on' if on else 'off'} in the {room}")
    )
    return said, "set_light", {"room": room, "level": 100 if on else 0}


def _colour(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    room, colour = draw.choice(_ROOMS), draw.choice(_COLOURS)
    said = draw.choice(
        (
            f"make the {room} light {colour}",
            f"turn the {room} {colour}",
            f"I want {colour} light in the {room}",
        )
    )
    return said, "set_colour", {"room": room, "colour": colour}


def _heating(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    room, celsius = draw.choice(_ROOMS), draw.randint(15, 25)
    said = draw.choice(
        (
            f"heat the {room} to {celsius} degrees",
            f"it should be {celsius} degrees in the {room}",
            f"{room} heating to {celsius}",
        )
    )
    return said, "set_heating", {"room": room, "celsius": celsius}


def _timer(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    minutes, label = draw.choice((1, 2, 3, 5, 8, 10, 12, 15, 20, 25, 30, 45, 60, 90)), draw.choice(_THINGS)
    said = draw.choice(
        (
            f"set a {label} timer for {minutes} minutes",
            f"remind me of the {label} in {minutes} minutes",
            f"{minutes} minutes for the {label}",
        )
    )
    return said, "start_timer", {"minutes": minutes, "label": label}


def _message(draw: random.Random) -> tuple[str, str, dict[str, Any]]:
    to = draw.choice(_NAMES)
    text = draw.choice(
        (
            "I'm late",
            "dinner is ready",
            "call me back",
            "see you at eight",
            "the door is open",
            "happy birthday",
        )
    )
    said = draw.choice((f"tell {to} {text}", f'text {to} "{text}"', f"send {to} a message: {text}"))
    return said, "send_message", {"to": to, "text": text}


_KINDS = (_light, _dark, _colour, _heating, _timer, _message)
