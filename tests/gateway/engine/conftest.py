"""Every test of this folder runs on both loops: asyncio's, and the one that workers run on."""

import asyncio

import uvloop


def pytest_asyncio_loop_factories():
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
