"""The commands: each reads tables, calls one function, writes a folder and prints.

Only what parses the command line is imported with this package; everything heavier is imported where a command needs
it, so that ``forecast --help`` answers at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from forecast.cli.analogues import past_measures
from forecast.cli.backtest import past_months
from forecast.cli.brief import brief
from forecast.cli.changes import unexplained
from forecast.cli.console import Command, Commands
from forecast.cli.events import calendar
from forecast.cli.examples import epilog
from forecast.cli.explain import explain
from forecast.cli.fetch import fetch_figures
from forecast.cli.imports import import_files
from forecast.cli.next import next_months
from forecast.cli.report import report
from forecast.cli.scenario import what_may_happen
from forecast.cli.store import monthly_update, revised, tracked
from forecast.cli.template import write_templates
from forecast.cli.validate import validate_files

app = typer.Typer(
    name="forecast",
    cls=Commands,
    help="Next month's exports by destination, from published figures and the calendar of policy events.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # importing what draws boxes takes longer than all the rest of --help
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"export-forecast {version('export-forecast')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Next month's exports by destination, from published figures and the calendar of policy events."""


COMMANDS: dict[str, Callable[..., None]] = {
    "next": next_months,
    "template": write_templates,
    "import": import_files,
    "fetch": fetch_figures,
    "validate": validate_files,
    "brief": brief,
    "explain": explain,
    "analogues": past_measures,
    "events": calendar,
    "scenario": what_may_happen,
    "backtest": past_months,
    "changes": unexplained,
    "report": report,
    "update": monthly_update,
    "track": tracked,
    "revisions": revised,
}
for name, command in COMMANDS.items():
    app.command(name, cls=Command, short_help=(command.__doc__ or "").partition("\n")[0], epilog=epilog(name))(command)
