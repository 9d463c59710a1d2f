"""A gateway alone in a process, so that its memory can be measured: `large_child.py UPSTREAM_URL`.

Prints its own URL, and serves until its standard input closes.
"""

from __future__ import annotations

import asyncio
import sys

from engines import transport
from upstream import FixedChooser, Healthy, MemoryJournal, serving

from gateway.app import build
from gateway.settings import GatewaySettings, UpstreamSpec


async def main(upstream: str) -> None:
    specs = tuple(
        UpstreamSpec(name=name, base_url=upstream + "/v1", models=(glob,))
        for name, glob in (("a", "gpt-*"), ("b", "*"))
    )
    gateway = build(
        GatewaySettings(upstreams=specs), journal=MemoryJournal(), chooser=FixedChooser(),
        transport=transport(), health=Healthy(),
    )  # fmt: skip
    async with serving(gateway) as (url,):
        print(url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main(sys.argv[1]))
