"""The apps of the fault suite: many at once, each keeping what it received whole. Knows no log.

Most speak through httpx, some through OpenAI's own SDK. All ask again when a connection is cut or refused, as the
SDK does.
"""

import asyncio
import contextlib
import gc
import json
import threading
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import httpx
import openai
from faultcases import Leaves

KEY = "sk-fault"
AGAIN = frozenset({408, 409, 429, *range(500, 600)})
LONGEST_S = 0.5  # between two tries


@dataclass(frozen=True)
class Answer:
    """What an app received, to its last byte."""

    case: str
    completion_id: str
    content: str


@dataclass(frozen=True)
class Failure:
    """What an app received instead, at its last try."""

    case: str
    status: int  # 0 where there was none
    error: dict | None  # OpenAI's form


class Apps:
    """Runs apps on a loop and a thread of its own. `tried` counts requests, by case."""

    def __init__(self, base_url, *, retries=0):
        self.tried = Counter()
        self.answers = []
        self.failures = []
        self._base_url = base_url
        self._retries = retries

    def through(self, cases, *, at_once=64, sdk_every=25):
        """Ask all cases, so many at a time, and wait for the end."""
        waiting = iter(cases)
        _run(self._all(lambda: next(waiting, None), at_once, sdk_every))
        return self

    @contextlib.contextmanager
    def asking(self, cases, *, at_once=64):
        """Ask all cases while the block runs; wait for the end of the last."""
        waiting = iter(cases)
        with self._beside(lambda: next(waiting, None), at_once, sdk_every=at_once + 1):
            yield self

    @contextlib.contextmanager
    def steadily(self, cases, *, at_once=8, sdk_every=4):
        """Ask one case after the other until the block ends; wait for the end of the last."""
        stopping = threading.Event()
        with self._beside(lambda: None if stopping.is_set() else cases.draw(), at_once, sdk_every):
            try:
                yield self
            finally:
                stopping.set()

    @contextlib.contextmanager
    def _beside(self, draw, at_once, sdk_every):
        with ThreadPoolExecutor(1) as pool:
            asking = pool.submit(lambda: _run(self._all(draw, at_once, sdk_every)))
            yield
            asking.result()

    async def _all(self, draw, at_once, sdk_every):
        bounds = httpx.Limits(max_connections=None, max_keepalive_connections=at_once)
        kept = {"timeout": 60, "limits": bounds, "trust_env": False}
        plain = httpx.AsyncClient(base_url=self._base_url, headers={"authorization": f"Bearer {KEY}"}, **kept)
        counted = httpx.AsyncClient(event_hooks={"request": [self._count]}, **kept)
        sdk = openai.AsyncOpenAI(
            base_url=self._base_url, api_key=KEY, max_retries=self._retries, http_client=counted
        )

        async def app(ask):
            while (case := draw()) is not None:
                await ask(case)

        async with plain, sdk:
            ways = partial(self._ask, plain), partial(self._by_sdk, sdk)
            async with asyncio.TaskGroup() as group:
                for number in range(at_once):
                    group.create_task(app(ways[(number + 1) % sdk_every == 0]))

    async def _ask(self, client, case):
        for turn in range(self._retries + 1):
            failure = Failure(case.name, 0, None)
            try:
                response = await self._once(client, case, turn)
            except httpx.TransportError:
                response = None
            except TimeoutError:
                return  # it hung up, as it wished
            if response is not None:
                status, body = response
                if status == httpx.codes.OK:
                    self.answers.append(_read(case, body))
                    return
                failure = Failure(case.name, status, json.loads(body).get("error"))
                if status not in AGAIN:
                    break
            if turn < self._retries:
                await asyncio.sleep(min(LONGEST_S, 0.05 * 2**turn))
        self.failures.append(failure)

    async def _once(self, client, case, turn):
        self.tried[case.name] += 1
        patience = case.after_s if case.leaves in {Leaves.UNANSWERED, Leaves.ANYWHEN} else None
        async with asyncio.timeout(patience):
            headers = {"x-stainless-retry-count": str(turn)}
            asking = client.stream("POST", "/chat/completions", json=case.body, headers=headers)
            async with asking as response:
                parts = []
                async for part in response.aiter_raw():
                    parts.append(part)
                    if case.leaves is Leaves.MIDWAY:
                        raise TimeoutError
                return response.status_code, b"".join(parts)

    async def _count(self, request):
        self.tried[json.loads(request.content)["messages"][-1]["content"].split()[0]] += 1

    async def _by_sdk(self, sdk, case):
        try:
            async with asyncio.timeout(None if case.leaves is Leaves.NEVER else case.after_s):
                self.answers.append(await _said(sdk, case))
        except TimeoutError:
            return  # it hung up, as it wished
        except openai.APIStatusError as error:
            self.failures.append(Failure(case.name, error.status_code, error.body))
        except (openai.OpenAIError, httpx.TransportError, ValueError):
            self.failures.append(Failure(case.name, 0, None))


def _run(asking):
    """Run apps to their end. One that hangs up while it connects leaves its socket to the collector."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        asyncio.run(asking)
        gc.collect()


async def _said(sdk, case):
    """Ask through the SDK; what it makes of nonsense has no id."""
    said = await sdk.chat.completions.create(**case.body)
    if not case.streamed:
        choices = getattr(said, "choices", None)
        return (
            Answer(case.name, said.id, choices[0].message.content) if choices else Answer(case.name, "", "")
        )
    chunks = [chunk async for chunk in said]
    texts = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices]
    return Answer(case.name, chunks[0].id if chunks else "", "".join(texts))


def _read(case, body):
    """Give the answer of a whole body; one that says nothing readable has no id."""
    with contextlib.suppress(ValueError, KeyError, IndexError):
        if not case.streamed:
            said = json.loads(body)
            return Answer(case.name, said["id"], said["choices"][0]["message"]["content"])
        lines = [line.removeprefix(b"data: ") for line in body.split(b"\n\n") if line]
        if lines[-1] == b"[DONE]":
            chunks = [json.loads(line) for line in lines[:-1]]
            texts = [choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]]
            return Answer(case.name, chunks[0]["id"], "".join(texts))
    return Answer(case.name, "", "")
