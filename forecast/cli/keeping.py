"""What commands do around a forecast: origins kept for the next one, judgement, the track record, keeping the issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.console import kept_origins, say
from forecast.cli.inputs import Given, Tables
from forecast.cli.selection import Choice

if TYPE_CHECKING:
    from forecast.backtest.run import Progress
    from forecast.ensemble.judgement import Judgement
    from forecast.tables.run import Forecasts


def forecast_of(tables: Tables, keywords: Mapping[str, Any], jobs: int, progress: Progress, cached: bool) -> Forecasts:
    """The forecast of the tables, with what origins kept for it if it is to be ``cached``."""
    import forecast as fc

    with kept_origins(cached) as cache:
        return fc.forecast_all(
            tables.exports,
            tables.events,
            tables.groups,
            totals=tables.totals,
            jobs=jobs,
            progress=progress,
            cache=cache,
            **keywords,
        )


def judgements_of(rules: Sequence[str] | None) -> list[Judgement]:
    """The judgements that were given.

    Raises
    ------
    JudgementError
        When one is of another form or has no reason.
    """
    from forecast.ensemble.judgement import parse_judgement

    return [parse_judgement(rule) for rule in rules or ()]


def with_judgement(run: Forecasts, judgements: Sequence[Judgement], choice: Choice, tables: Tables) -> Forecasts:
    """The run with the rows of the model ``judged`` and their reasons, where there is judgement."""
    from forecast.ensemble.judgement import judged_run

    return judged_run(run, judgements, choice.shown, tables.groups)


def with_stored_record(tables: Tables, path: Path | None) -> Tables:
    """The tables with the track record of the store, where there is one, before the shipped one.

    A store in use elsewhere is said and passed over when nobody named it.
    """
    from forecast.store.database import Store, StoreError, default_path

    place = path or default_path()
    if not place.exists():
        return tables
    from forecast.report.track_record import first_known
    from forecast.store.track import held_record, track

    try:
        with Store(place, today=tables.today) as store:
            own = held_record(track(store, tables.today))
    except StoreError as error:
        if path is not None:
            raise
        say(f"{error} Without it the track record is the shipped one.", err=True)
        return tables
    return replace(tables, record=first_known(own, tables.record))


def keep_issue(
    path: Path, given: Given, tables: Tables, choice: Choice, run: Forecasts, about: Mapping[str, Any]
) -> None:
    """Keep the figures of the files given and this issue in the store; an issue that is there is not kept again."""
    from forecast.report.outlook import rest_reconciled
    from forecast.store.database import Store
    from forecast.store.update import StoredInputs, keep
    from forecast.tables.run import Forecasts

    paths = given.paths()
    figures = {name: paths[name] for name in paths if name in (*given.exports, "shipped exports.csv")}
    settings = {**about["arguments"], "seed": about["seed"]}
    if tables.learned:
        settings["learned_from"] = {name: mark for name, mark in about["inputs"].items() if name not in figures}
    inputs = StoredInputs(tables.own, tables.events, tables.groups, choice.issued, settings)
    issued = rest_reconciled(run.forecasts, run.reconciled)  # the rest of the world as every table has it
    shown = Forecasts(forecasts=issued, judgements=run.judgements)
    with Store(path, today=tables.today) as store:
        kept = keep(store, figures, inputs, shown, tables.today)
    say(f"The issue is {'kept' if kept else 'on file already'} in {path}.", err=True)
