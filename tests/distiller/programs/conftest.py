"""What the tests of DSPy programs share. Knows no program."""

import asyncio
import inspect

import pytest


@pytest.fixture(autouse=True)
def lent_loop(request):
    """Lend an event loop, and close it: litellm makes one in a thread that has none, and leaves it open.

    Collected later, it would fail whichever test runs then. A child of ours ends, and takes it along.
    """
    if inspect.iscoroutinefunction(request.function):
        yield
        return
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()
