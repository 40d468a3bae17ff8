"""``forecast next``: the months after the last figures."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.backtest.cluster import cluster
from forecast.cli.console import (
    plain_refusals,
    progress_bar,
    say,
    screen,
    silent_libraries,
    tell_of_compiling,
)
from forecast.cli.inputs import Given, Tables, holds_figures, names, say_doubts, say_never_in_force, with_rest
from forecast.cli.keeping import forecast_of, judgements_of, keep_issue, with_judgement, with_stored_record
from forecast.cli.options import (
    PRIORS,
    SHIPPED,
    Address,
    Backend,
    Cache,
    Calibrate,
    Destinations,
    Engine,
    Events,
    Experience,
    Exports,
    Horizon,
    Issued,
    Jobs,
    Models,
    Output,
    Override,
    Plot,
    Products,
    Quiet,
    Seed,
    ShowPython,
    StoreOfNext,
    WorkBackend,
)
from forecast.cli.script import Script, judgement_script
from forecast.cli.selection import Choice, asked
from forecast.cli.writing import sums_of, tables_of_sums, write_tables
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

    from forecast.backtest.run import Progress
    from forecast.ensemble.aggregates import Sums
    from forecast.realtime.releases import Snapshot
    from forecast.report.outlook import Outlook
    from forecast.tables.run import Forecasts


def next_months(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    horizon: Horizon = 1,
    issued: Issued = None,
    output: Output = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    backend: Backend = WorkBackend.LOCAL,
    address: Address = None,
    engine: Engine = DEFAULT_ENGINE,
    calibrate: Calibrate = True,
    experience: Experience = PRIORS,
    override: Override = None,
    store: StoreOfNext = None,
    cache: Cache = True,
    plot: Plot = False,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Forecast the months after the last figures for every destination: a table here, all numbers in a folder."""
    with plain_refusals() as held, silent_libraries():
        from forecast.tables.run_folder import claimed

        judgements = judgements_of(override)
        given = Given.of(exports, events, experience, store if holds_figures(store) else None)
        tables, choice = asked(given, product, destination, models, engine, issued, calibrate)
        keywords = choice.keywords | {"horizon": horizon, "seed": seed}
        if show_python:
            after = [*judgement_script(override, choice.shown), "print(run.forecasts)"]
            Script(given, "run", "forecast_all", keywords, after=after, rest=choice.issued).show()
            return
        given_tables, tables = tables, with_rest(tables, choice.issued)
        folder = output or Path("output") / f"next-{choice.issued}"
        held.enter_context(claimed(folder))
        tell_of_compiling(engine, quiet)
        with cluster(backend.value, address, jobs) as jobs, progress_bar("Forecasting", quiet) as progress:
            run = forecast_of(tables, keywords, jobs, progress, cache)
        run = with_judgement(run, judgements, choice, tables)
        tables = with_stored_record(tables, store)
        sums = sums_of(run, tables, horizon)
        known = _known(tables, choice)
        found = _outlooks(known, tables, choice, run, sums)
        about = _about(given, choice, found, horizon, seed, override) | tables.notes
        with progress_bar("Drawing", quiet) as progress:
            drawing = partial(_draw, known, tables, run, choice, progress) if plot else None
            _write(folder, run, about, found, sums, drawing)
        if store is not None:
            keep_issue(store, given, given_tables, choice, run, about)
        if quiet:
            return
        _print(found, folder)
        say_doubts(given, tables, choice.products)
        _say_unnamed(tables, choice)
        say_never_in_force(given, _agenda(tables, choice))
        if issued is None:
            _say_newer_figures(found, tables, given)


def _agenda(tables: Tables, choice: Choice) -> pd.DataFrame:
    """The events known on the issue day that touch the products asked for."""
    from forecast.report.agenda import agenda

    return agenda(tables.events, tables.groups, issued=choice.issued, products=choice.products)


def _known(tables: Tables, choice: Choice) -> Snapshot:
    """What tables and pictures show as known, laid out once for all of them."""
    from forecast.realtime.releases import as_of

    return as_of(tables.exports, tables.events, choice.issued)


def _outlooks(known: Snapshot, tables: Tables, choice: Choice, run: Forecasts, sums: Sums | None) -> list[Outlook]:
    """One per product of which something was known; of the others a line is said."""
    from forecast.report.outlook import outlook

    found = []
    for product in choice.products:
        if product not in known.volumes:
            say(f"{product}: nothing was released by {choice.issued}.", err=True)
            continue
        found.append(
            outlook(
                known,
                tables.groups,
                run,
                product=product,
                model=choice.shown,
                names=names(tables.places),
                sums=sums,
                record=tables.record,
            )
        )
    return found


def _about(
    given: Given, choice: Choice, found: list[Outlook], horizon: int, seed: int, override: list[str] | None
) -> dict[str, Any]:
    from forecast.tables.run_folder import about_run

    arguments = choice.arguments(given) | {"horizon": horizon}
    if override:
        arguments["override"] = override
    cutoffs = {outlook.product: outlook.cutoff for outlook in found}
    return about_run("next", arguments, issued=choice.issued, seed=seed, cutoffs=cutoffs, inputs=given.paths())


def _write(
    folder: Path,
    run: Forecasts,
    about: Mapping[str, Any],
    found: list[Outlook],
    sums: Sums | None,
    drawing: Callable[[Path], None] | None,
) -> None:
    """Put the whole run into ``folder``, with plots where there is ``drawing``, which is given their folder."""
    from forecast.report.table import as_markdown
    from forecast.tables.run_folder import new_folder, write_run

    with new_folder(folder) as beside:
        write_run(beside, run, about)
        write_tables(beside, tables_of_sums(sums))
        (beside / "table.md").write_text("\n".join(map(as_markdown, found)), encoding="utf-8", newline="\n")
        if drawing is not None:
            drawing(beside / "plots")


def _draw(known: Snapshot, tables: Tables, run: Forecasts, choice: Choice, drawing: Progress, folder: Path) -> None:
    """A picture of every series of which something was known, with its forecast where it has one."""
    from forecast.safety.settings import use_own_matplotlib_settings

    use_own_matplotlib_settings()
    from forecast.backtest.plan import selected_series
    from forecast.ensemble.judgement import as_judged
    from forecast.report.outlook import rest_reconciled
    from forecast.report.plots import plot_series

    released = tables.exports[tables.exports["released"] <= choice.issued]
    series = selected_series(released, choice.products, choice.destinations)
    own = run.forecasts[run.forecasts["model"] == choice.shown]
    shown = as_judged(rest_reconciled(own, run.reconciled), run)  # as in the table
    folder.mkdir()
    for done, key in enumerate(series, start=1):
        figure = plot_series(known, tables.groups, shown, key, model=choice.shown, names=names(tables.places),
                             estimates=run.estimates)  # fmt: skip
        figure.savefig(folder / f"{'-'.join(key)}.png")
        drawing(done, len(series))


def _print(found: list[Outlook], folder: Path) -> None:
    from forecast.report.table import print_outlook

    console = screen()
    for outlook in found:
        print_outlook(outlook, console)
    say(f"Every model's numbers are in {folder}.")


def _say_unnamed(tables: Tables, choice: Choice) -> None:
    """A line for each product without an event."""
    from forecast.vocabulary.products import without_events

    unnamed = without_events(choice.products, tables.events) if len(tables.events) else ""
    if unnamed:
        say(unnamed, err=True)


def _say_newer_figures(found: list[Outlook], tables: Tables, given: Given) -> None:
    """A line where today more would be known than on the issue day that the files gave."""
    from forecast.report.outlook import newer_figures

    for outlook in found:
        sentence = newer_figures(outlook.cutoff, tables.today, outlook.habit)
        if sentence:
            whose = sentence if given.exports != (SHIPPED,) else sentence.replace("your figures", "the shipped figures")
            say(f"{outlook.product}: {whose}.", err=True)
