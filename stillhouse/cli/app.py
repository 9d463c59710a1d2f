"""The commands, gathered. Knows what each is called and nothing of what it does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from stillhouse import __version__
from stillhouse.cli import act, audit, bring, decisions, keep, ledger, lineage, look, prices, run, simulate

app = typer.Typer(
    name="stillhouse",
    help="A language-model gateway with drop-in distillation.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(value: bool) -> None:  # noqa: FBT001 - typer's way
    if value:
        typer.echo(f"stillhouse {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
]


@app.callback(help="A language-model gateway with drop-in distillation.")
def _root(*, version: VersionOption = False) -> None:
    pass


COMMANDS: tuple[Callable[..., None], ...] = (
    *(run.up, run.demo),
    *(look.status, look.tasks, look.calls, look.students, look.ladder, look.cost, look.explain),
    *(decisions.replay_decisions, simulate.simulate),
    *(act.distill, act.rollout, act.stop_students, audit.audit),
    *(keep.export, keep.doctor, keep.keys, prices.prices),
    *(ledger.erase, ledger.erasures, ledger.backup, ledger.restore),
)
for _command in COMMANDS:
    app.command()(_command)
app.add_typer(lineage.task)
app.command("import")(bring.import_)  # a word of Python's own
