"""What is measured: each scene is one load before one kind of upstream. Knows no process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_SYSTEM = "You answer for the desk of a workshop. Keep to what the notes say; where they are silent, say that they are. "
_USER = "The kettle rattles above eighty degrees and the gauge sticks. What do we look at first, and what do we write down? "


@dataclass(frozen=True, kw_only=True, slots=True)
class Scene:
    """One load. `rate` 0: as fast as answers come."""

    name: str
    connections: int
    rate: int = 0
    kb: int = 2  # of the request's body
    stream: bool = False
    delay_ms: float = 0.0
    gap_ms: float = 0.0  # between the events of a stream
    tls: bool = False  # to the upstream
    several: bool = False  # workers: two of the gateway beside the one


SCENES = (
    Scene(name="1 connection", connections=1),
    Scene(name="32 connections", connections=32),
    Scene(name="256 connections", connections=256),
    Scene(name="500/s", connections=64, rate=500),
    Scene(name="streams, 32 connections", connections=32, stream=True),
    Scene(name="streams with 5 ms between events, 20/s", connections=64, rate=20, stream=True, gap_ms=5.0),
    Scene(name="50 KB, 32 connections", connections=32, kb=50),
    Scene(name="500 KB, 8 connections", connections=8, kb=500),
    Scene(name="50 ms upstream, 256 connections", connections=256, delay_ms=50.0),
    Scene(name="TLS upstream, 32 connections", connections=32, tls=True),
    Scene(name="two workers, 64 connections", connections=64, several=True),
)


def body(scene: Scene, folder: Path) -> Path:
    """Write the scene's request body to a file."""
    said = [{"role": "system", "content": _SYSTEM * 4}, {"role": "user", "content": _USER * 4}]
    asked = {
        "model": "gpt-4o-mini",
        "messages": said,
        "temperature": 0.2,
        "max_tokens": 256,
        "stream": scene.stream,
    }
    while len(json.dumps(asked)) < scene.kb * 1024:
        said.append({"role": ("user", "assistant")[len(said) % 2], "content": _USER})
    path = folder / f"body-{scene.kb}-{scene.stream}.json"
    path.write_text(json.dumps(asked, separators=(",", ":")))
    return path
