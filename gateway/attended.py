"""Runs the answering of a request for as long as the app is there. Knows no upstream."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from gateway.inbound import Receive


async def attended(
    receive: Receive, work: Coroutine[None, None, None], gone: asyncio.Event | None = None
) -> None:
    """Run `work`; when the app hangs up, cancel it at once and return. Its exceptions are raised here.

    `gone` is set before that cancellation, and not before one by a server that stops.

    The request's body must have been read: what `receive` gives next can only be the disconnect.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        if gone is not None and leaving.done():
            gone.set()
        leaving.cancel()
        if not working.done():
            working.cancel()
        await asyncio.wait({working, leaving})
    if not working.cancelled():
        working.result()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
