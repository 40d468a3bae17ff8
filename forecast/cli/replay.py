"""A backtest as asked for: its days, how it is made, resumed and redone in part, and what is said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from forecast.cli.console import plain_interrupts, progress_bar, say
from forecast.cli.inputs import Given, Tables
from forecast.cli.selection import Choice

if TYPE_CHECKING:
    import pandas as pd

    from forecast.scoring.scores import Vintage
    from forecast.tables.run import Forecasts


LEAST_TO_REPLAY = 4
"""Months of a series without which nothing is scored: three for the simplest forecast, naive, and the one forecast."""


@dataclass(frozen=True)
class ReplayRequest:
    """A backtest as asked for: ``days`` are issue days by product, ``options`` those of the library by name.

    ``parity`` says how many of its fits the libraries redo.
    """

    tables: Tables
    choice: Choice
    days: Mapping[str, Sequence[date]]
    options: Mapping[str, Any]
    jobs: int
    origins: int | None
    first: str | None
    to: str | None
    vintage: Vintage
    parity: int

    @property
    def last_issued(self) -> date:
        """The last day of any product."""
        return max(day for of_product in self.days.values() for day in of_product)

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments of `forecast.backtest_all` by name, those aside that no number depends on."""
        chosen = {name: value for name, value in self.choice.keywords.items() if name != "issued"}
        months = {"first": _period(self.first), "to": _period(self.to)}
        return chosen | {"last": self.origins, **months, "vintage": self.vintage, **self.options}

    def about(self, given: Given) -> dict[str, Any]:
        """What ``run.json`` says of the run."""
        from forecast.realtime.releases import cutoffs
        from forecast.tables.run_folder import about_run

        arguments = self.choice.arguments(given) | {
            "origins": self.origins,
            "from": self.first,
            "to": self.to,
            "vintage": self.vintage,
            "parity": self.parity,
            **{name: value for name, value in self.options.items() if name != "seed"},
        }
        last = {product: cutoffs(self.tables.exports, product)[days[-1]] for product, days in self.days.items() if days}
        about = about_run("backtest", arguments, issued=self.last_issued, seed=self.options["seed"], cutoffs=last,
                          inputs=given.paths())  # fmt: skip
        return about | self.tables.notes


def past_days(
    tables: Tables, choice: Choice, origins: int | None, first: str | None, to: str | None
) -> dict[str, list[date]]:
    """Issue days by product; of a product without any a line is said.

    Raises
    ------
    TableError
        When no product has one.
    """
    from forecast.backtest.plan import backtest_origins
    from forecast.tables.read import TableError

    try:
        days = backtest_origins(
            tables.exports, choice.products, choice.destinations, last=origins, first=_period(first), to=_period(to)
        )
    except ValueError as error:
        raise TableError(str(error)) from error
    for product in [name for name, of_product in days.items() if not of_product]:
        say(f"{product}: no month with figures before it was found to forecast.", err=True)
    short = _too_short(tables, choice, [name for name, of_product in days.items() if of_product])
    if short and len(short) == sum(map(bool, days.values())):
        raise TableError(*short)
    for sentence in short:
        say(sentence, err=True)
    return days


def _too_short(tables: Tables, choice: Choice, products: Sequence[str]) -> list[str]:
    """A sentence for each product without a series of `LEAST_TO_REPLAY`."""
    from forecast.backtest.plan import selected_series
    from forecast.tables.frames import latest_figures

    found = []
    for product in products:
        codes = [code for _, code in selected_series(tables.exports, [product], choice.destinations)]
        own = tables.exports[tables.exports["product"].eq(product) & tables.exports["destination"].isin(codes)]
        months = latest_figures(own).groupby("destination")["month"].count().max()
        if months < LEAST_TO_REPLAY:
            need = f"needs a series of at least {LEAST_TO_REPLAY} months with figures, and the longest has {months}"
            found.append(f"{product}: too short to replay: a backtest {need}.")
    return found


def check_scored(run: Forecasts, replay: ReplayRequest, quiet: bool) -> None:
    """A line for each product with forecasts on fewer days than were asked for, or on none.

    Raises
    ------
    TableError
        When no model could be fitted on any day, with the reason of the last.
    """
    from forecast.tables.read import TableError
    from forecast.vocabulary.text import counted

    if run.forecasts.empty and len(run.failures):
        why = str(run.failures.sort_values("issued", kind="stable")["reason"].iloc[-1]).rstrip(".")
        raise TableError(f"{', '.join(replay.days)}: no model could be fitted on any issue day (on the last: {why}).")
    days = run.forecasts.groupby("product")["issued"].nunique()
    for product in [name for name, of_product in replay.days.items() if of_product]:
        many = int(days.get(product, 0))
        if many < (replay.origins or 1) and not quiet:
            asked = f"{counted(replay.origins, 'issue day')} asked for, " if replay.origins else ""
            say(f"{product}: {asked}{many} with forecasts: the figures allow no more.", err=True)


def made(replay: ReplayRequest, partial: Path, about: Mapping[str, Any], resume: bool, quiet: bool) -> Forecasts:
    """The run, whose parts are kept in the folder ``partial`` until it is complete.

    Raises
    ------
    OutputError
        When what is kept there is of another run, or nothing is there to resume.
    """
    import forecast as fc
    from forecast.backtest.checkpoint import CheckpointError
    from forecast.tables.run_folder import OutputError

    tables = replay.tables
    checkpoint = fc.Checkpoint(partial, resume, {**about["inputs"], **about["versions"]})
    try:
        with progress_bar("Replaying", quiet) as progress:
            return fc.backtest_all(
                tables.exports,
                tables.events,
                tables.groups,
                totals=tables.totals,
                jobs=replay.jobs,
                progress=progress,
                checkpoint=checkpoint,
                **replay.keywords,
            )
    except CheckpointError as error:
        raise OutputError(str(error)) from error


@contextmanager
def resumable(folder: Path, partial: Path) -> Iterator[None]:
    """Hold ``folder`` for this run; Ctrl-C says, in one line, where what is done is kept and how to go on, exit 130.

    Raises
    ------
    OutputError
        When the run cannot be put there.
    """
    from forecast.tables.run_folder import claimed

    try:
        with claimed(folder), plain_interrupts():
            yield
    except KeyboardInterrupt:
        say(f"Stopped. What is done is in {partial}: the same command with --resume goes on.", err=True)
        raise typer.Exit(130) from None


def redone_by_libraries(replay: ReplayRequest, run: Forecasts) -> pd.DataFrame:
    """Random fits of the run redone by statsmodels and Prophet; without rows where the kernels fitted none."""
    import forecast as fc

    tables = replay.tables
    return fc.parity_sample(
        run,
        tables.exports,
        tables.events,
        tables.groups,
        count=replay.parity,
        totals=tables.totals,
        engine=replay.choice.engine,
        **replay.options,
    )


def _period(month: str | None) -> pd.Period | None:
    import pandas as pd

    return None if month is None else pd.Period(month, "M")
