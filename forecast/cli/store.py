"""The commands of the store: ``forecast update``, ``forecast track`` and ``forecast revisions``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli import inputs
from forecast.cli.console import (
    kept_origins,
    plain_refusals,
    progress_bar,
    say,
    screen,
    silent_libraries,
    tell_of_compiling,
)
from forecast.cli.inputs import Given, given_events, names, opened_store
from forecast.cli.options import (
    NO_EVENTS,
    SHIPPED,
    Cache,
    Calibrate,
    Destinations,
    Engine,
    Events,
    Experience,
    FilesOfUpdate,
    HorizonOfUpdate,
    Jobs,
    Models,
    OutputOfTrack,
    OutputOfUpdate,
    Override,
    ProductsOfStore,
    Quiet,
    Seed,
    ShowPython,
    StoreFile,
    words,
)
from forecast.cli.script import update_script
from forecast.cli.selection import known_codes, known_words, named_codes
from forecast.cli.writing import write_tables
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

    from forecast.backtest.plan import Settings
    from forecast.backtest.run import Progress
    from forecast.store.database import Store
    from forecast.store.update import Routine, Updated


def monthly_update(
    files: FilesOfUpdate = None,
    store: StoreFile = None,
    events: Events = None,
    product: ProductsOfStore = None,
    destination: Destinations = None,
    models: Models = None,
    horizon: HorizonOfUpdate = 3,
    override: Override = None,
    output: OutputOfUpdate = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    engine: Engine = DEFAULT_ENGINE,
    calibrate: Calibrate = True,
    experience: Experience = SHIPPED,
    cache: Cache = True,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Take in new figures, score the month that is out, forecast, and say what changed: the month in one command."""
    with plain_refusals(), silent_libraries():
        from forecast.backtest.plan import Settings
        from forecast.registry import MODELS
        from forecast.store.update import run_update
        from forecast.tables.run_folder import check_place

        day = inputs.today()
        chosen = tuple(known_words(words(models), list(MODELS), "models") or MODELS)
        given = Given.of(None, events, experience)
        settings = Settings(chosen, horizon, seed=seed, engine=engine, calibrate=calibrate, experience=given.priors)
        if show_python:
            asked = {"products": words(product) or None, "destinations": named_codes(words(destination)) or None}
            say("\n".join(update_script(given, settings, asked, override or [], _place(store), files or [], day)))
            return
        folder = output or Path("output") / f"update-{day}"
        check_place(folder)
        routine = _routine(given, settings, words(product), named_codes(words(destination)), override or [])
        tell_of_compiling(engine, quiet)
        with _opened(store) as opened, kept_origins(cache) as kept, progress_bar("Forecasting", quiet) as progress:
            routine = replace(routine, jobs=jobs, progress=progress, cache=kept)
            write = partial(_write_update, folder, routine, replace(given, store=store), files or [])
            done = run_update(opened, files or [], routine, day, write)
            record = _held_record(opened, day)
        if not quiet:
            _print_update(done, routine, record, folder, opened.path)


def _routine(
    given: Given, settings: Settings, products: list[str], destinations: list[str], rules: list[str]
) -> Routine:
    """How the update is made: the calendar, the shipped figures as experience, and judgement."""
    import forecast as fc
    from forecast.ensemble.judgement import parse_judgement
    from forecast.store.update import Routine

    learned = given.figures_to_learn_from
    return Routine(
        given_events(given.events),
        fc.read_groups(),
        settings,
        experience=fc.read_exports(learned, today=inputs.today()) if learned is not None else None,
        totals=fc.read_period_totals() if learned == SHIPPED else None,
        products=products or None,
        destinations=destinations or None,
        judgements=[parse_judgement(rule) for rule in rules],
    )


def _place(path: Path | None) -> Path:
    from forecast.store.database import default_path

    return path or default_path()


def _opened(path: Path | None) -> Store:
    from forecast.store.database import Store

    return Store(_place(path), today=inputs.today())


def _held_record(store: Store, day: date) -> pd.DataFrame:
    """How often intervals held by the store, one month ahead."""
    from forecast.store.track import held_record, track

    return held_record(track(store, day))


# update --------------------------------------------------------------------------------------------------------------


def _write_update(folder: Path, routine: Routine, given: Given, files: list[Path], done: Updated) -> None:
    """The run, what changed (also as the open table of revisions) and what was scored, in a folder."""
    from forecast.store.changes import news_decomposition
    from forecast.tables.run_folder import about_run, new_folder, write_run

    if done.run is None or done.issue is None:
        return
    calendars = replace(given, store=None).paths()
    paths = {f"events {word}": path for word, path in calendars.items() if word != NO_EVENTS and "exports" not in word}
    paths |= {path.name: path for path in files}
    learned = given.figures_to_learn_from
    if learned not in (None, SHIPPED):
        paths[f"experience {learned}"] = Path(str(learned))
    last = done.run.forecasts.groupby("product", observed=True)["cutoff"].max()
    cutoffs = {str(product): cutoff for product, cutoff in last.items()}
    about = about_run(
        "update", routine.written_down() | {"experience": given.experience} | _store_of(given),
        issued=done.issue.issued, seed=routine.settings.seed,
        cutoffs=cutoffs, inputs=paths,
    )  # fmt: skip
    tables = {"changes": done.changes, "scored": done.scored, "news_decomposition": news_decomposition(done.changes)}
    with new_folder(folder) as beside:
        write_run(beside, done.run, about)
        write_tables(beside, {name: table for name, table in tables.items() if len(table)})


def _store_of(given: Given) -> dict[str, str]:
    """The store as it was named, so that other commands find it again."""
    return {"store": str(given.store)} if given.store else {}


def _print_update(done: Updated, routine: Routine, record: pd.DataFrame, folder: Path, store: Path) -> None:
    """What was taken in, what is out by now, what is forecast, and what changed."""
    import forecast as fc
    from forecast.cli.store_tables import print_scored, print_what_changed
    from forecast.ensemble.judgement import JUDGED
    from forecast.report.table import print_outlook

    for sentence in done.remarks:
        say(sentence, err=True)
    inputs.say_misspelt(routine.events, done.exports)
    say(_taken_in(done))
    if done.run is None:
        before = done.last.issued if done.last else ""
        say(f"Nothing has changed since the issue of {before}: same figures, same calendar, same settings.")
        return
    console, spoken = screen(), names(fc.read_destinations())
    say("")
    print_scored(done.scored, (routine.shown, JUDGED), spoken, console)
    for found in _outlooks(done, routine, record, spoken):
        print_outlook(found, console)
    print_what_changed(done.changes, spoken, console)
    _print_next(done)
    say(f"Every model's numbers are in {folder}; the issue is kept in {store}.")


def _print_next(done: Updated) -> None:
    """When the next figures are due."""
    from forecast.report.text import spoken
    from forecast.store.expected import next_due

    if done.run is None or done.issue is None:
        return
    for product in done.run.forecasts["product"].astype(str).unique():
        sentence = next_due(done.exports, product, done.issue.issued)
        if sentence:
            say(f"Next figures, {sentence.replace(product, spoken(product), 1)}.")


def _taken_in(done: Updated) -> str:
    """What the files added, in a sentence."""
    known = [f"{name} was taken in before and changes nothing" for name in done.known_files]
    counts = done.appended
    added = []
    if counts.total or counts.known:
        redated = f" ({counts.redated} without a release day of their own, known from today)" if counts.redated else ""
        added = [f"{counts.new:,} new figures, {counts.revised:,} revised{redated}, {counts.known:,} on file already"]
    return f"Taken in: {'; '.join([*added, *known]) or 'no file'}."


def _outlooks(done: Updated, routine: Routine, record: pd.DataFrame, spoken: Mapping[str, str]) -> list[Any]:
    from forecast.realtime.releases import as_of
    from forecast.report.outlook import outlook

    if done.run is None or done.issue is None:
        return []
    rows, known = done.run.forecasts, as_of(done.exports, routine.events, done.issue.issued)
    return [
        outlook(
            known, routine.groups, done.run, product=product, model=routine.shown, names=spoken,
            record=record,
        )
        for product in rows["product"].astype(str).unique()
    ]  # fmt: skip


# track ---------------------------------------------------------------------------------------------------------------


def tracked(
    store: StoreFile = None,
    product: ProductsOfStore = None,
    destination: Destinations = None,
    models: Models = None,
    output: OutputOfTrack = None,
    quiet: Quiet = False,
) -> None:
    """Show what was issued and the actuals: inside the interval or not, coverage, and skill against naive."""
    with plain_refusals(), silent_libraries():
        from forecast.tables.run_folder import check_place

        day = inputs.today()
        folder = output or Path("output") / f"track-{day}"
        check_place(folder)
        with opened_store(store) as opened:
            found = _tracked_rows(opened, day, words(product), named_codes(words(destination)), words(models))
            with progress_bar("Drawing", quiet) as progress:
                _write_track(folder, opened, found, day, progress)
        if not quiet:
            _print_track(found, folder, words(models))


def _tracked_rows(
    store: Store, day: date, products: list[str], destinations: list[str], models: list[str]
) -> pd.DataFrame:
    """The rows of the track that were asked for.

    Raises
    ------
    StoreError
        When none of them has an actual yet.
    """
    from forecast.store.database import StoreError
    from forecast.store.track import track

    rows = track(store, day)
    for name, chosen in (("product", products), ("destination", destinations), ("model", models)):
        known = sorted(rows[name].unique())
        option = {"model": "models"}.get(name, name)
        rows = rows[rows[name].isin(known_words(chosen, known, option) if len(known) else [])] if chosen else rows
    if rows.empty:
        raise StoreError(
            f"{store.path}: expected issued forecasts whose month is out by {day}, found none. Update later."
        )
    return rows


def _write_track(folder: Path, store: Store, found: pd.DataFrame, day: date, progress: Progress) -> None:
    """Tables and a hedgehog plot of every series in a folder."""
    import forecast as fc
    from forecast.report.plots import plot_track
    from forecast.store.issued import issued_forecasts, issued_judgements
    from forecast.store.track import record, running
    from forecast.store.vintages import exports_as_of
    from forecast.tables.run import Forecasts
    from forecast.tables.run_folder import about_run, new_folder, write_run

    shown, spoken = _shown(found), names(fc.read_destinations())
    about = about_run("track", {"model": shown}, issued=day, seed=0, cutoffs={}, inputs={})
    exports, issued = exports_as_of(store, day), issued_forecasts(store)
    products = list(dict.fromkeys(found["product"]))
    tables = {"track": found, "record": record(found), "running": running(found, products, shown)}
    with new_folder(folder) as beside:
        write_run(beside, Forecasts(forecasts=issued, judgements=issued_judgements(store)), about)
        write_tables(beside, tables)
        (beside / "plots").mkdir()
        series = list(dict.fromkeys(zip(found["product"], found["destination"], strict=True)))
        for done, (product, code) in enumerate(series, start=1):
            figure = plot_track(exports, issued, product, shown, code, spoken.get(code, code))
            figure.savefig(beside / "plots" / f"{product}-{code}.png", metadata={"Software": None})
            progress(done, len(series))


def _shown(found: pd.DataFrame) -> str:
    """The combination where there is one, else the first model."""
    from forecast.registry import COMBINATION

    models = list(dict.fromkeys(found["model"]))
    return COMBINATION if COMBINATION in models else str(models[0])


def _print_track(found: pd.DataFrame, folder: Path, chosen: list[str]) -> None:
    """The latest month, and the record: of the combination, with ``chosen`` models of these, the combination first."""
    import forecast as fc
    from forecast.cli.store_tables import print_record, print_scored
    from forecast.ensemble.judgement import JUDGED
    from forecast.store.track import MINIMUM, record

    console, counted = screen(), found[found["counts"]]
    latest = counted[counted["month"] == counted["month"].max()]
    first, on_file = [_shown(found), JUDGED], list(dict.fromkeys(found["model"]))
    print_scored(latest, first, names(fc.read_destinations()), console)
    others = [model for model in on_file if model not in first]
    print_record(record(found), MINIMUM, console, [*first, *(others if chosen else [])])
    if others and not chosen:
        say(f"Other models: --models {','.join(others)}")
    again = int((found["live"] & ~found["counts"]).sum())
    if again:
        say(f"{again} forecasts were made again from figures up to the same month and do not count: the first ones do.")
    left_out = int((~found["live"]).sum())
    if left_out:
        say(f"{left_out} forecasts were made after their month was out and do not count.")
    say(f"Every forecast with its actual, and hedgehog plots, are in {folder}.")


# revisions -----------------------------------------------------------------------------------------------------------


def revised(store: StoreFile = None, product: ProductsOfStore = None, destination: Destinations = None) -> None:
    """Show which figures were revised: the first release, the latest, the change, and the days between."""
    with plain_refusals(), silent_libraries():
        import forecast as fc
        from forecast.cli.store_tables import print_revisions
        from forecast.store.vintages import revised_figures

        with opened_store(store) as opened:
            codes = known_codes(words(destination), fc.read_destinations())
            found = revised_figures(opened, words(product) or None, codes or None)
        if found.empty:
            say("No figure in the store was revised.")
            return
        print_revisions(found, names(fc.read_destinations()), screen())
