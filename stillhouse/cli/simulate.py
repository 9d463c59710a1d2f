"""`simulate`: how a cutover would go, before it is dared."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from router.errors import PolicyError
from router.settings import RolloutPolicy
from router.simulation.plain import lines
from router.simulation.question import Prices, Question, answer
from router.simulation.world import CORRELATION, Shape, World
from stillhouse.cli.context import ConfigOption, DataOption, House, JsonOption, house
from stillhouse.errors import ConfigError
from stillhouse.settings import convert
from store.vocabulary import Role, Task, TaskMode, Who

_POINT = 0.01
_DAY_S = 86_400.0
_RECENT_DAYS = 7.0  # over which a task's cost is counted
_LEAST_DAYS = 1 / 24  # a task that is younger says little of a day
_BEST = 0.99  # a teacher that is never wrong leaves nothing to simulate

Usd = Annotated[float | None, typer.Option(min=0, help="US dollars for one call.")]


def simulate(  # noqa: PLR0917 - typer's options
    task: Annotated[
        str | None, typer.Argument(help="Take traffic, scores, prices and policy from this task.")
    ] = None,
    calls_per_day: Annotated[float | None, typer.Option(min=1, help="Of the app; else the task's.")] = None,
    teacher: Annotated[
        float | None, typer.Option(help="The teacher's mean score, 0 to 1; else the task's, else .90.")
    ] = None,
    student: Annotated[
        float | None, typer.Option(help="Points (hundredths) that the student is better; worse: below 0.")
    ] = None,
    live: Annotated[
        float | None, typer.Option(help="The same while it serves, where that is another.")
    ] = None,
    margin: Annotated[float | None, typer.Option(min=0, help="Points; else the settings'.")] = None,
    alpha: Annotated[float | None, typer.Option(help="Else the settings'.")] = None,
    correlation: Annotated[float, typer.Option(help="Of the errors of student and teacher.")] = CORRELATION,
    shape: Annotated[Shape, typer.Option(help="How the scores differ.")] = Shape.ERRORS,
    teacher_usd: Usd = None,
    student_usd: Usd = None,
    judge_usd: Annotated[float | None, typer.Option(min=0, help="For one answer judged.")] = None,
    gold: Annotated[
        float, typer.Option(min=0, max=1, help="Share of compared answers that a person labels too.")
    ] = 0.0,
    judge_agrees: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Chance that the judge sees a difference as people do; else it sees none."
        ),
    ] = 1.0,
    runs: Annotated[int, typer.Option(min=1, help="Rollouts to play.")] = 100,
    margin_runs: Annotated[int, typer.Option(min=1, help="And of a student exactly at the margin.")] = 1000,
    seed: Annotated[int, typer.Option()] = 1,
    config: ConfigOption = None,
    data: DataOption = None,
    *,
    json: JsonOption = False,
) -> None:
    """Say how long a cutover would take, what it would cost, and how likely a wrong one is."""
    own = house(config, data, as_json=json)
    known = _known(own, task)
    try:
        question = Question(
            world=World(
                gap=known.gap if student is None else _POINT * student,
                live=None if live is None else _POINT * live,
                teacher=known.teacher if teacher is None else teacher,
                correlation=correlation,
                shape=shape,
                judge=judge_agrees,
                gold=gold,
            ),
            policy=_policy(own, known.task, margin=margin, alpha=alpha),
            calls_per_day=known.calls_per_day if calls_per_day is None else calls_per_day,
            prices=Prices(
                teacher=known.teacher_usd if teacher_usd is None else teacher_usd,
                student=known.student_usd if student_usd is None else student_usd,
                judge=judge_usd,
            ),
            runs=runs,
            margin_runs=margin_runs,
            seed=seed,
        )
    except PolicyError as error:
        raise ConfigError(str(error)) from error
    with Progress(transient=True, console=Console(stderr=True)) as bar:
        under_way = bar.add_task("playing", total=runs + margin_runs)
        found = answer(question, lambda done, _of: bar.update(under_way, completed=done))
    own.show({"question": asdict(question), "answer": asdict(found), "words": lines(question, found)}, _draw)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Known:
    """What is assumed where nobody says it: what the log shows of a task, else round figures."""

    task: dict[str, Any] | None = None
    calls_per_day: float = 1000.0
    teacher: float = 0.90
    gap: float = 0.0
    teacher_usd: float | None = None
    student_usd: float | None = None


def _known(own: House, task_id: str | None) -> _Known:
    if task_id is None:
        return _Known()
    task, cost = own.ask(lambda face: (face.task(task_id), face.cost(task_id)))
    began = min((version["created"] for version in task["versions"]), default=0.0)
    days = min(_RECENT_DAYS, max(_LEAST_DAYS, (time.time() - began) / _DAY_S))
    served = sum(row["recent"] for row in cost["spent"] if row["role"] in {Role.SERVE, Role.IMPORT})
    evaluation = task["evaluations"][-1] if task["evaluations"] else None
    score, gap = task["teacher_score"], evaluation and evaluation["delta_mean"]
    return _Known(
        task=task,
        calls_per_day=max(1.0, served / days),
        teacher=min(_BEST, score) if score else _Known().teacher,
        gap=gap or 0.0,
        teacher_usd=_price(cost["spent"], Who.TEACHER),
        student_usd=_price(cost["spent"], Who.STUDENT),
    )


def _price(spent: list[dict[str, Any]], who: Who) -> float | None:
    rows = [row for row in spent if row["who"] == who and row["priced"]]
    return sum(row["usd"] for row in rows) / sum(row["priced"] for row in rows) if rows else None


def _policy(
    own: House, task: dict[str, Any] | None, *, margin: float | None, alpha: float | None
) -> RolloutPolicy:
    """Give the policy as it is set, in mode auto: nobody is waited for."""
    row = (
        None
        if task is None
        else Task(task_id=task["task_id"], name=task["name"], called=tuple(task["called"]))
    )
    own_words: dict[str, Any] = {} if margin is None else {"delta": _POINT * margin}
    own_words |= {} if alpha is None else {"alpha": alpha}
    return replace(convert.rollout_policy(own.settings, row), mode=TaskMode.AUTO, **own_words)


def _draw(console: Console, told: dict[str, Any]) -> None:
    for line in told["words"]:
        console.print(line, highlight=False, markup=False)
