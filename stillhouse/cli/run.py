"""`up` and `demo`: the commands that run the house."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stillhouse.cli.context import ConfigOption, DataOption, JsonOption, house
from stillhouse.processes import logs


def up(config: ConfigOption = None, data: DataOption = None) -> None:
    """Start everything on this machine and keep it running; Ctrl-C stops it."""
    from stillhouse import supervisor  # noqa: PLC0415 - the control state's engine, needed here only

    own = house(config, data, keys=True)
    logs.configure("up")
    raise typer.Exit(supervisor.up(own.settings, own.config, typer.echo))


def demo(  # noqa: PLR0917 - typer's options
    folder: Annotated[Path, typer.Option(help="Everything it writes lies below.")] = Path("demo-data"),
    pairs: Annotated[
        Path | None, typer.Option(help="JSONL of input and output, or CSV, to play instead.")
    ] = None,
    input_field: Annotated[str | None, typer.Option(help="Of --pairs: what the app sends.")] = None,
    output_field: Annotated[str | None, typer.Option(help="Of --pairs: what the teacher answers.")] = None,
    holdout: Annotated[
        Path | None, typer.Option(help="Measure the student against this file's labels, too.")
    ] = None,
    warmup: Annotated[int, typer.Option(min=1, help="Calls before the first distillation.")] = 760,
    calls: Annotated[int, typer.Option(min=1, help="Most calls to play.")] = 6000,
    margin: Annotated[float, typer.Option(min=0.001, max=0.5)] = 0.05,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5)] = 0.05,
    epochs: Annotated[float, typer.Option(min=0.1)] = 2.0,
    seed: int = 7,
    teacher: Annotated[
        str | None, typer.Option(help="Base URL of a real teacher (key: OPENAI_API_KEY).")
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask for.")] = None,
    surface: Annotated[
        Literal["chat", "responses", "mixed"], typer.Option(help="How the app asks; mixed: both in turn.")
    ] = "chat",
    max_minutes: Annotated[float, typer.Option(min=0.1)] = 60.0,
    *,
    break_student: Annotated[
        bool, typer.Option("--break/--no-break", help="Break the student in the end.")
    ] = True,
    json: JsonOption = False,
) -> None:
    """Play the whole story on this machine, from the first call to cutover and rollback."""
    from stillhouse.demo import DemoOptions, run  # noqa: PLC0415 - the demo's imports are its own

    options = DemoOptions(
        folder=folder,
        pairs=pairs,
        input_field=input_field,
        output_field=output_field,
        holdout=holdout,
        warmup=warmup,
        calls=calls,
        margin=margin,
        alpha=alpha,
        epochs=epochs,
        seed=seed,
        teacher_url=teacher,
        model=model,
        surface=surface,
        break_student=break_student,
        max_minutes=max_minutes,
        as_json=json,
    )
    raise typer.Exit(run(options))
