"""What becomes of tasks when an operator says so: pure. Knows no store and no call.

A task's id is its lineage: alpha and trials belong to it. So no id is ever given twice, a merge adds the trials of
both, and what is split off begins with those of its parent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from distiller.grouping.place import free
from distiller.grouping.words import name_slug
from stillhouse.errors import Refused
from store.control import Change, Standing, TaskOrder
from store.vocabulary import Rollout, State, Task, TaskVersion

LONGEST_NAME = 120  # characters
PART = ", a part"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ground:
    """What a verb stands on: the rows, whether two tasks have the same settings, the time."""

    standing: Standing
    alike: Callable[[Task, Task], bool]
    now: float

    def task(self, task_id: str) -> Task:
        """Give a task that an operator may still speak of. Raises Refused."""
        found = next((task for task in self.standing.tasks if task.task_id == task_id), None)
        if found is None:
            raise Refused(f"There is no task {task_id!r}.")
        if found.merged_into:
            raise Refused(f"The task {task_id!r} was merged into {found.merged_into!r}; speak of that one.")
        return found

    def versions(self, task: Task) -> list[TaskVersion]:
        """Give a task's versions, first to last."""
        mine = [version for version in self.standing.versions if version.task_id == task.task_id]
        return sorted(mine, key=lambda version: version.version)

    def check_idle(self, task: Task, versions: frozenset[int] | None = None) -> None:
        """Raise Refused while a student of these versions, or of any, is on its way, or one is made."""
        for rollout in self.standing.rollouts:
            if rollout.task_id == task.task_id and (versions is None or rollout.task_version in versions):
                raise Refused(_under_way(rollout))
        if any(job.task_id == task.task_id for job in self.standing.jobs):
            raise Refused(
                f"A distillation of {task.task_id!r} is under way; "
                f"`stillhouse distill {task.task_id} --cancel` stops it."
            )


def decide(order: TaskOrder, ground: Ground) -> Change:
    """Give what an order comes to. Raises Refused, saying why it may not be."""
    if (meaning := VERBS.get(order.verb)) is None:
        raise Refused(f"There is no verb {order.verb!r}; there are {', '.join(VERBS)}.")
    return meaning(order, ground)


def checked_name(name: str) -> str:
    """Give a name without the blanks around it. Raises Refused where it is none that can be shown."""
    shown = name.strip()
    if not shown or not shown.isprintable() or len(shown) > LONGEST_NAME:
        raise Refused(f"A name is one line of 1 to {LONGEST_NAME} printable characters.")
    return shown


def _rename(order: TaskOrder, ground: Ground) -> Change:
    task, name = ground.task(order.task_id), checked_name(order.name)
    return Change(
        outcome=f"done: {task.name!r} is called {name!r} now; its id, {task.task_id}, stays.",
        tasks=(replace(task, name=name),),
    )


def _merge(order: TaskOrder, ground: Ground) -> Change:
    source, target = ground.task(order.task_id), ground.task(order.other)
    _check_mergeable(source, target, ground)
    moving, last = ground.versions(source), _last_number(target, ground)
    moved = [_moved(version, target, last + place) for place, version in enumerate(moving, 1)]
    return Change(
        outcome=f"done: {source.task_id} is merged into {target.task_id}: {_list(moving, moved)}.",
        tasks=(
            replace(
                source,
                called=(),
                merged_into=target.task_id,
                last_version=_last_number(source, ground),
            ),
            replace(
                target,
                explicit=source.explicit and target.explicit,
                called=tuple(dict.fromkeys((*target.called, *source.called))),
                trials=source.trials + target.trials,
            ),
        ),
        versions=tuple(moved),
        gone=tuple(moving),
    )


def _split(order: TaskOrder, ground: Ground) -> Change:
    parent, wanted = ground.task(order.task_id), frozenset(order.versions)
    versions = ground.versions(parent)
    moving = [version for version in versions if version.version in wanted]
    unknown = wanted - {version.version for version in moving}
    if unknown or not moving:
        known = ", ".join(str(version.version) for version in versions)
        which = ", ".join(map(str, sorted(unknown))) or "none at all"
        raise Refused(f"The task {parent.task_id!r} has the versions {known}; {which} cannot be split off.")
    if len(moving) == len(versions):
        raise Refused(f"These are all versions of {parent.task_id!r}; `stillhouse task rename` renames it.")
    ground.check_idle(parent, wanted)
    name = checked_name(order.name) if order.name else parent.name[: LONGEST_NAME - len(PART)] + PART
    wish = name_slug(order.name) if order.name else parent.task_id
    part = replace(
        parent,
        task_id=free(wish, {task.task_id for task in ground.standing.tasks}),
        name=name,
        called=(),
        settings_of=tuple(dict.fromkeys(parent.names)),
        created=ground.now,
        last_version=0,
    )
    moved = [_moved(version, part, place) for place, version in enumerate(moving, 1)]
    return Change(
        outcome=f"done: {part.task_id} is split off {parent.task_id}: {_list(moving, moved)}.",
        other=part.task_id,
        tasks=(replace(parent, last_version=_last_number(parent, ground)), part),
        versions=tuple(moved),
        gone=tuple(moving),
    )


def _ignore(order: TaskOrder, ground: Ground) -> Change:
    task = ground.task(order.task_id)
    if task.ignored:
        raise Refused(f"The task {task.task_id!r} is ignored already.")
    ground.check_idle(task)
    return Change(
        outcome=f"done: {task.task_id} is ignored; its calls are logged as before.",
        tasks=(replace(task, ignored=True),),
    )


def _heed(order: TaskOrder, ground: Ground) -> Change:
    task = ground.task(order.task_id)
    if not task.ignored:
        raise Refused(f"The task {task.task_id!r} is not ignored.")
    return Change(
        outcome=f"done: {task.task_id} is scored and distilled again.", tasks=(replace(task, ignored=False),)
    )


def _check_mergeable(source: Task, target: Task, ground: Ground) -> None:
    if source.task_id == target.task_id:
        raise Refused("A task cannot be merged into itself.")
    if source.tenant != target.tenant:
        raise Refused(
            f"{source.task_id!r} has calls of client key {source.tenant!r}, {target.task_id!r} of {target.tenant!r}; "
            "tasks of two keys are never merged."
        )
    if target.ignored:
        raise Refused(
            f"{target.task_id!r} is ignored; `stillhouse task ignore {target.task_id} --undo` first."
        )
    if not ground.alike(source, target):
        raise Refused(
            f"{source.task_id!r} and {target.task_id!r} have different settings, and {source.task_id!r} would "
            "silently get the other's; make them equal under `tasks`, start again, then merge."
        )
    ground.check_idle(source)


def _under_way(rollout: Rollout) -> str:
    what = f"Version {rollout.task_version} of {rollout.task_id!r} has a rollout in state {rollout.state}"
    if rollout.state == State.ROLLING_BACK:
        return f"{what}; say this again in a minute, when it has ended."
    return f"{what}; `stillhouse rollout abort {rollout.rollout_id}` ends it, then say this again."


def _last_number(task: Task, ground: Ground) -> int:
    """Give the greatest number that a version of this task ever had: none is given twice."""
    return max((task.last_version, *(version.version for version in ground.versions(task))))


def _moved(version: TaskVersion, to: Task, number: int) -> TaskVersion:
    return replace(
        version,
        task_id=to.task_id,
        version=number,
        moved_from=f"{version.task_id}@{version.version}",
    )


def _list(moving: list[TaskVersion], moved: list[TaskVersion]) -> str:
    if not moving:
        return "it had no version"
    pairs = [f"{was.version} is {now.version}" for was, now in zip(moving, moved, strict=True)]
    return f"of its versions {', '.join(pairs)} of {moved[0].task_id}"


VERBS: Mapping[str, Callable[[TaskOrder, Ground], Change]] = MappingProxyType(
    {"rename": _rename, "merge": _merge, "split": _split, "ignore": _ignore, "heed": _heed}
)
