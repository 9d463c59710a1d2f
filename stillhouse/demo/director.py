"""Plays the demo from the first call to the rollback, and tells what happens as the product reports it.

The director sets the app's pace and, once, breaks the student's weights. It never tells the product what
to decide: task, training, evaluation, cutover and rollback come from the same loops that production uses.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from stillhouse.demo import base, dataset, fault, holdout, summary
from stillhouse.demo.app import App
from stillhouse.demo.options import DemoOptions
from stillhouse.demo.screen import Screen
from stillhouse.demo.stage import Stage, StageError
from stillhouse.demo.tickets import INSTRUCTIONS, SCHEMA, Pair, tickets
from stillhouse.demo.watch import Snapshot, Watch
from store.vocabulary import JobState, State

_CALLERS = 8
_TAKE_OVER = (State.CANARY_1, State.CANARY_5, State.CANARY_25, State.CANARY_50, State.FULL)
_ENDED = (State.ROLLED_BACK, State.INCONCLUSIVE, State.REJECTED, State.SUPERSEDED)
_CALLS_AT_FULL = 120  # played after full cutover, before the fault
_CALLS_AFTER = 40  # played after the rollback


def run(options: DemoOptions) -> int:
    """Play the demo; return the exit status: 0 when the loop went as far as the evidence allows."""
    screen = Screen(quiet=options.as_json)
    try:
        return asyncio.run(_play(options, screen))
    except (StageError, dataset.DatasetError, base.BaseError) as error:
        screen.clear()
        screen.say("demo", str(error))
        return 1
    finally:
        screen.clear()


async def _play(options: DemoOptions, screen: Screen) -> int:
    script = _script(options)
    screen.title("Stillhouse demo")
    screen.table(_about(options, script))
    folder = options.folder / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    prepared = base.prepare(options.folder / "base", screen)
    with Stage(folder=folder, options=options, base=prepared, labels=script.known) as stage:
        director = Director(options=options, screen=screen, stage=stage, script=script)
        try:
            await director.play()
            facts = await director.facts()
        finally:
            await director.watch.close()
    if options.holdout is not None:
        screen.now(f"asking the student all of {options.holdout.name}")
    held = await asyncio.to_thread(holdout.agreement, options, stage.data, script.instructions)
    screen.clear()
    report = summary.write(stage.data, facts, held)
    summary.show(screen, report, as_json=options.as_json)
    return 0 if report["ok"] else 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Script:
    """What is played: the inputs in order, the app's instructions, what the stand-in teacher knows."""

    pairs: Iterator[Pair]
    known: list[Pair]
    instructions: str
    schema: dict[str, object] | None
    what: str


def _script(options: DemoOptions) -> Script:
    if options.pairs is None:
        known = list(itertools.islice(tickets(options.seed), options.calls))
        return Script(
            pairs=iter(known),
            known=known,
            instructions=INSTRUCTIONS,
            schema=SCHEMA,
            what="generated support tickets, to be triaged into JSON (score: mean of the fields)",
        )
    pairs = dataset.load(options.pairs, options.input_field, options.output_field)
    return Script(
        pairs=iter(dataset.shuffled(pairs, options.seed)),
        known=pairs,
        instructions=dataset.instructions(pairs),
        schema=None,
        what=f"{len(pairs)} pairs of {options.pairs.name}, in random order",
    )


def _about(options: DemoOptions, script: Script) -> list[tuple[str, str]]:
    teacher = (
        options.teacher_url or "a stand-in: it answers from known labels where a large model would stand"
    )
    return [
        ("task", script.what),
        ("teacher", teacher),
        ("student", "SmolLM2-135M-Instruct, LoRA by DSPy BootstrapFinetune, on this machine"),
        ("promise", f"margin {options.margin}, alpha {options.alpha}"),
        ("ramp", "profile `replay`: the same tests and thresholds as `standard`, shorter minima and dwell"),
    ]


@dataclass(kw_only=True)
class Director:
    """Sets the pace and follows the rollout."""

    options: DemoOptions
    screen: Screen
    stage: Stage
    script: Script
    app: App = field(init=False)
    watch: Watch = field(init=False)
    marks: dict[str, float] = field(
        default_factory=dict
    )  # what was first seen when, seconds since the first call
    _told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Make the app and the watch; nothing is called yet."""
        self.app = App(
            base_url=self.stage.gateway,
            model=self.stage.model,
            instructions=self.script.instructions,
            schema=self.script.schema,
            pairs=self.script.pairs,
            surface=self.options.surface,
        )
        self.watch = Watch(self.stage.data, self.stage.control_port, self.stage.gateway_port)

    async def play(self) -> None:
        """Play every act that the evidence allows."""
        self.screen.title("The app sets OPENAI_BASE_URL and notices nothing")
        self.screen.start_clock()
        async with self._playing():
            await self._warm_up()
            await self._learn()
            if await self._cut_over() and self.options.break_student:
                await self._break()
        await self._settle()

    async def facts(self) -> summary.Facts:
        """Gather what the summary needs, while everything still runs."""
        return summary.Facts(
            options=self.options,
            app=self.app,
            marks=self.marks,
            last=await self.watch.snapshot(),
            folder=self.stage.folder,
            seconds=self.screen.elapsed(),
        )

    @asynccontextmanager
    async def _playing(self) -> AsyncIterator[None]:
        callers = asyncio.create_task(self.app.play(_CALLERS))
        throttle = asyncio.create_task(self._throttle())
        try:
            yield
        finally:
            self.app.pace.stop = True
            throttle.cancel()
            await asyncio.gather(callers, throttle, return_exceptions=True)

    async def _throttle(self) -> None:
        """Hold the app back while comparisons wait, so that a slow machine loses none of them.

        Each look reaches one of the gateway's workers, so the largest of the last few counts.
        """
        looks: deque[int] = deque(maxlen=6)
        while True:
            looks.append(await self.watch.comparisons_waiting())
            self.app.pace.hold = max(looks) > _CALLERS
            await asyncio.sleep(0.15)

    async def _warm_up(self) -> None:
        await self._until(
            lambda _: len(self.app.received) >= self.options.warmup, "calls answered by the teacher"
        )
        self._mark("warm")
        self.screen.say(
            "app", f"{len(self.app.received)} calls answered by the teacher, each one in the journal"
        )

    async def _learn(self) -> None:
        self.app.pace.callers, self.app.pace.gap_s = 1, 0.8
        await self._until(lambda s: bool(s.rollouts) or s.failed_job is not None, "learning")
        self._mark("learned")

    async def _cut_over(self) -> bool:
        """Follow the rollout; tell whether the student reached full cutover."""
        self.app.pace.callers, self.app.pace.gap_s = _CALLERS, 0.0
        last = await self._until(self._decided, "proving on live traffic")
        if last.state is not State.FULL:
            return False
        self._mark("full")
        served = len(self.app.received)
        await self._until(lambda _: len(self.app.received) >= served + _CALLS_AT_FULL, "at full cutover")
        return True

    def _decided(self, snapshot: Snapshot) -> bool:
        return snapshot.state is None or snapshot.state is State.FULL or snapshot.state in _ENDED

    async def _break(self) -> None:
        self.screen.title("Now the student is broken on purpose: someone deploys the wrong weights")
        self.app.pace.callers = 0  # the swap itself is quick and clean: only the answers are bad
        snapshot = await self.watch.snapshot()
        self.screen.say("fault", fault.swap_weights(snapshot.servers))
        await self.watch.students_healthy(snapshot.servers)
        self._mark("broken")
        self.app.pace.callers = _CALLERS
        last = await self._until(lambda s: s.share == 0.0, "the broken student answers")
        if last.share == 0.0:
            self._mark("back")
            await self._until(lambda s: s.state in _ENDED, "the teacher answers, the student only shadows")
            self._mark("ended")
            served = len(self.app.received)
            await self._until(
                lambda _: len(self.app.received) >= served + _CALLS_AFTER, "the teacher answers again"
            )

    async def _settle(self) -> None:
        """Let the ledger catch up with what the app received."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if (await self.watch.snapshot()).calls >= len(self.app.received):
                break
            await asyncio.sleep(0.3)
        await asyncio.sleep(1.0)  # for the outcomes and shadows of the last calls

    async def _until(self, done: Callable[[Snapshot], bool], doing: str) -> Snapshot:
        """Look every second, tell what is new, return when done, out of pairs or out of time."""
        while True:
            snapshot = await self.watch.snapshot()
            self._tell(snapshot)
            if done(snapshot):
                return snapshot
            if self.app.exhausted and await self._quiet(snapshot):
                self._mark("exhausted")
                self.screen.say("app", "the dataset is used up; no further call will come")
                return snapshot
            if self.screen.elapsed() > 60 * self.options.max_minutes:
                self.screen.say("demo", f"{self.options.max_minutes:g} minutes are over")
                return snapshot
            self.screen.now(snapshot.line(len(self.app.received), doing))
            await asyncio.sleep(1.0)

    async def _quiet(self, before: Snapshot) -> bool:
        """Tell whether nothing more is to come: no comparison waits and no pair is unresolved."""
        await asyncio.sleep(3.0)
        after = await self.watch.snapshot()
        return await self.watch.comparisons_waiting() == 0 and after.progress == before.progress

    def _tell(self, snapshot: Snapshot) -> None:
        for key, room, text in snapshot.news():
            if key not in self._told:
                self._told.add(key)
                self.screen.clear()
                self.screen.say(room, text)
        if snapshot.state in _TAKE_OVER and snapshot.state is not None:
            self._mark(snapshot.state.value)
        if snapshot.failed_job and snapshot.failed_job.state is JobState.FAILED:
            self._mark("failed")

    def _mark(self, name: str) -> None:
        self.marks.setdefault(name, round(self.screen.elapsed(), 1))
