"""``forecast changes``: what no event on file explains, as entries for the calendar."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.console import plain_refusals, progress_bar, say, screen, silent_libraries, tell_of_compiling
from forecast.cli.inputs import Given, Tables, names, say_doubts
from forecast.cli.options import (
    PRIORS,
    Destinations,
    Engine,
    Events,
    Experience,
    Exports,
    Issued,
    Jobs,
    Products,
    Quiet,
    ShowPython,
    StoreOfInputs,
)
from forecast.cli.script import Script
from forecast.cli.selection import Choice, asked
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

    from forecast.level_shifts.propose import Proposals

ProposalsFile = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="CSV file for the proposals, with the columns of an events file. "
                 "Default: none is written."),
]  # fmt: skip


def unexplained(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    issued: Issued = None,
    output: ProposalsFile = None,
    jobs: Jobs = 1,
    engine: Engine = DEFAULT_ENGINE,
    experience: Experience = PRIORS,
    store: StoreOfInputs = None,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Find changes in the last two years that no event on file explains, and propose entries for the calendar."""
    with plain_refusals(), silent_libraries():
        from forecast.report.agenda import EventNames
        from forecast.report.changes import print_changes

        given = Given.of(exports, events, experience, store)
        tables, choice = asked(given, product, destination, None, engine, issued)
        if show_python:
            Script(given, "found", "proposed_events", _keywords(choice), after=["print(found.events)"]).show()
            return
        say_doubts(given, tables, choice.products)
        tell_of_compiling(engine, quiet)
        found = _found(tables, choice, jobs, quiet)
        if output is not None:
            _write(output, found.events)
        if quiet:
            return
        spoken = names(tables.places)
        called = EventNames.of(tables.events, spoken)
        for name in sorted(found.tested["product"].unique()):
            print_changes(found, name, spoken, screen(), called)
        if len(found.events):
            where = f"the rows of {output}" if output else "the rows that --output FILE writes"
            say(f"To keep one, copy it from {where} into your events file and set its kind: the proposed kind, "
                       "other, has no effect on forecasts.")  # fmt: skip


def _found(tables: Tables, choice: Choice, jobs: int, quiet: bool) -> Proposals:
    """What is proposed.

    Raises
    ------
    TableError
        When no month had been forecast and come out by the day.
    """
    import forecast as fc
    from forecast.backtest.plan import backtest_origins

    known = tables.exports[tables.exports["released"] <= choice.issued]
    try:
        days = backtest_origins(known, choice.products, choice.destinations)
    except ValueError as error:
        raise fc.TableError(str(error)) from error
    for product in [name for name, of_product in days.items() if not of_product]:
        say(f"{product}: no month with figures before it was found to compare.", err=True)
    with progress_bar("Replaying", quiet) as progress:
        return fc.proposed_events(
            known,
            tables.events,
            tables.groups,
            totals=tables.totals,
            jobs=jobs,
            progress=progress,
            **_keywords(choice),
        )


def _keywords(choice: Choice) -> dict[str, Any]:
    """Arguments of `forecast.proposed_events` by name, those aside that no number depends on."""
    return {name: value for name, value in choice.keywords.items() if name not in ("models", "calibrate")}


def _write(path: Path, proposed: pd.DataFrame) -> None:
    """The proposals as CSV, written whole.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    from forecast.tables.frames import as_text
    from forecast.tables.run_folder import write_page

    write_page(path, as_text(proposed).to_csv(index=False, lineterminator="\n"))
