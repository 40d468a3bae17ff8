"""``forecast explain``: the parts of a forecast, in tonnes that add up to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.console import (
    plain_refusals,
    progress_bar,
    say,
    screen,
    silent_libraries,
    tell_of_compiling,
)
from forecast.cli.inputs import Given, Tables, given_events, names, stored_calendar, with_rest
from forecast.cli.keeping import forecast_of
from forecast.cli.options import (
    PRIORS,
    SHIPPED,
    Cache,
    Engine,
    Events,
    Experience,
    Exports,
    Horizon,
    Issued,
    Jobs,
    Products,
    Quiet,
    ShowPython,
    StoreOfInputs,
    words,
)
from forecast.cli.script import Script, explained_script, with_imports
from forecast.cli.selection import Choice, asked, known_words, named_codes
from forecast.registry import COMBINATION, DEFAULT_ENGINE, MODELS
from forecast.safety.inert import json_text
from forecast.tables.schema import REST_OF_WORLD

if TYPE_CHECKING:
    import pandas as pd

    from forecast.tables.run import Forecasts

Explained = Annotated[
    list[str], typer.Argument(metavar="DESTINATION...", help="Destinations by code or name, such as USA or Japan.")
]
ExplainedRun = Annotated[
    Path | None,
    typer.Option("--run", metavar="FOLDER", help="Explain the forecasts in the folder of a run, those of its last "
                 "issue day. Default: a forecast is made, as forecast next makes it."),
]  # fmt: skip
AsJson = Annotated[
    bool, typer.Option("--json", help="Print a list of objects with forecast_t and parts, and nothing else.")
]
ExplainedModels = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="NAME", help="Explain the forecasts of these models, separated by commas or "
                 "repeated. Default: the combination, which the other commands show."),
]  # fmt: skip
PartsFile = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="JSON file for the parts. Default: none is written.")
]


def explain(
    destination: Explained,
    run: ExplainedRun = None,
    product: Products = None,
    exports: Exports = None,
    events: Events = None,
    issued: Issued = None,
    horizon: Horizon = 1,
    models: ExplainedModels = None,
    as_json: AsJson = False,
    output: PartsFile = None,
    jobs: Jobs = 1,
    cache: Cache = True,
    engine: Engine = DEFAULT_ENGINE,
    experience: Experience = PRIORS,
    store: StoreOfInputs = None,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Say why a forecast is what it is: level, season, events and combination, in tonnes that add up to it."""
    with plain_refusals(), silent_libraries():
        codes, products = named_codes(words(destination)), words(product)
        chosen = known_words(words(models), list(MODELS), "models") or [COMBINATION]
        if run is None:
            tell_of_compiling(engine, quiet or as_json)
            given = Given.of(exports, events, experience, store)
            tables, choice = _asked(given, products, codes, issued, engine)
            keywords = choice.keywords | {"horizon": horizon}
            calendar = tables.events
            if show_python:
                after = explained_script(choice.issued, chosen)
                Script(given, "run", "forecast_all", keywords, after=after, rest=choice.issued).show()
                return
            with progress_bar("Forecasting", quiet or as_json) as progress:
                found, day = forecast_of(tables, keywords, jobs, progress, cache), choice.issued
        else:
            found, day = _read(run, issued)
            calendar = _calendar_of(run, events, store)
            if show_python:
                say("\n".join(with_imports([f"run = fc.read_run({str(run)!r})", *explained_script(day, chosen)])))
                return
        objects = [one for model in chosen for one in _objects(found, day, products, codes, run, model, calendar)]
        text = json_text(objects, indent=1)
        if output is not None:
            from forecast.tables.run_folder import write_page

            write_page(output, text + "\n")
        _show(objects, text if as_json else None, quiet)


def _show(objects: list[dict[str, Any]], text: str | None, quiet: bool) -> None:
    """Print the JSON ``text``, or tables where there is none."""
    if text is not None:
        say(text)
    elif not quiet:
        from forecast.report.explain_table import print_explained

        print_explained(objects, screen())


def _asked(
    given: Given, products: list[str], codes: list[str], issued: date | None, engine: str
) -> tuple[Tables, Choice]:
    """The tables with the rest of the world, and what of them is forecast: ``codes``, the rest among them."""
    known = [code for code in codes if code != REST_OF_WORLD]
    tables, choice = asked(given, products, known, None, engine, issued)
    return with_rest(tables, choice.issued), replace(choice, destinations=codes)


def _read(folder: Path, issued: date | None) -> tuple[Forecasts, date]:
    """The run of a folder, and the day asked for or its last issue day.

    Raises
    ------
    OutputError
        When the run has no parts, or none of that day.
    """
    from forecast.tables.run_folder import OutputError, read_run

    run = read_run(folder)
    days = set(run.parts["issued"])
    if not days or (issued or max(days)) not in days:
        of_day = f" of {issued}" if issued and days else ""
        raise OutputError(f"{folder}: expected parts of the combination{of_day} in parts.csv, found none. Run forecast "
                          "next or backtest again with the model combination.")  # fmt: skip
    return run, issued or max(days)


def _calendar_of(folder: Path, files: Sequence[str] | None, store: Path | None) -> pd.DataFrame:
    """The calendar that names the events of a run: of files or a store that are named, else as the run says of itself.

    Where the run's own is no longer there the shipped one names what it can.
    """
    from forecast.tables.read import TableError
    from forecast.tables.run_folder import read_about

    arguments = read_about(folder).get("arguments", {})
    named = store or (Path(str(arguments["store"])) if arguments.get("store") else None)
    if files is None and named is not None and named.is_file():
        return stored_calendar(named)
    try:
        return given_events(list(files or arguments.get("events") or [SHIPPED]))
    except TableError:
        return given_events([SHIPPED])


def _objects(
    run: Forecasts,
    day: date,
    products: list[str],
    codes: list[str],
    folder: Path | None,
    model: str,
    calendar: pd.DataFrame,
) -> list[dict[str, Any]]:
    """The forecasts of a model asked for with their parts, in the order of ``codes``.

    Raises
    ------
    OutputError
        When a destination has no forecast.
    """
    import forecast as fc
    from forecast.report.agenda import EventNames
    from forecast.report.explain import as_objects, explained, shown_medians
    from forecast.tables.run_folder import OutputError
    from forecast.vocabulary.products import product_of

    parts = explained(run, day, model)
    wanted = {slug for name in products for slug in (name, product_of(name))}
    own = parts[parts["product"].isin(wanted)] if products else parts
    for code in codes:
        if code not in set(own["destination"]):
            raise OutputError(f"{folder or 'forecast'}: expected a forecast of {code} by {model} of {day}, found none. "
                              f"There are {', '.join(sorted(set(own['destination']))) or 'none'}.")  # fmt: skip
    chosen = own[own["destination"].isin(codes)]
    spoken = names(fc.read_destinations())
    called = EventNames.of(calendar, spoken, day)
    objects = as_objects(chosen, shown_medians(run, day, model), spoken, model, called)
    return sorted(objects, key=lambda one: codes.index(one["destination"]))
