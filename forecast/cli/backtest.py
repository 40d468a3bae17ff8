"""``forecast backtest``: the past replayed, and how good it was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.backtest.cluster import cluster
from forecast.cli.audit import audited
from forecast.cli.console import plain_refusals, say, screen, silent_libraries, tell_of_compiling
from forecast.cli.inputs import Given
from forecast.cli.options import (
    PRIORS,
    ActualVintage,
    Address,
    Audit,
    Backend,
    Calibrate,
    Destinations,
    Engine,
    Events,
    Experience,
    Exports,
    From,
    Horizon,
    Jobs,
    Models,
    Origins,
    Parity,
    PastOutput,
    Products,
    Quiet,
    Refit,
    Resume,
    Seed,
    ShowPython,
    StoreOfInputs,
    To,
    VintageOption,
    Window,
    WorkBackend,
)
from forecast.cli.replay import ReplayRequest, check_scored, made, past_days, redone_by_libraries, resumable
from forecast.cli.script import Script
from forecast.cli.selection import asked
from forecast.cli.writing import sums_of, tables_of_sums, write_tables
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

    from forecast.tables.run import Forecasts


_SCORED = ("print(run.forecasts)", "print(fc.scores(run.forecasts, exports))")
"""The last lines of a script."""


def past_months(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    horizon: Horizon = 1,
    origins: Origins = None,
    first: From = None,
    to: To = None,
    window: Window = None,
    refit: Refit = 1,
    vintage: VintageOption = ActualVintage.LATEST,
    output: PastOutput = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    backend: Backend = WorkBackend.LOCAL,
    address: Address = None,
    engine: Engine = DEFAULT_ENGINE,
    calibrate: Calibrate = True,
    experience: Experience = PRIORS,
    parity: Parity = 4,
    resume: Resume = False,
    audit: Audit = False,
    store: StoreOfInputs = None,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Replay the past: what would have been forecast on each day with what was known then, and how good it was."""
    with plain_refusals(), silent_libraries():
        given = Given.of(exports, events, experience, store)
        tables, choice = asked(given, product, destination, models, engine, calibrate=calibrate)
        days = past_days(tables, choice, origins, first, to)
        options = {"horizon": horizon, "window": window, "refit": refit, "seed": seed}
        with cluster(backend.value, address, jobs) as jobs:
            replay = ReplayRequest(tables, choice, days, options, jobs, origins, first, to, vintage.value, parity)
            if show_python:
                Script(given, "run", "backtest_all", replay.keywords, after=_SCORED).show()
                return
            folder = output or Path("output") / f"backtest-{replay.last_issued}"
            _replayed(replay, folder, given, resume, quiet)
            if audit:
                audited(replay, quiet)


def _replayed(replay: ReplayRequest, folder: Path, given: Given, resume: bool, quiet: bool) -> None:
    """Make the run, or go on with it, write its folder, and print how good it was."""
    import forecast as fc
    from forecast.report.scoreboard import parity_sentence, print_scoreboard, scored_and_tested

    tell_of_compiling(replay.choice.engine, quiet)
    about, tables = replay.about(given), replay.tables
    partial = folder.with_name(f"{folder.name}.partial")
    with resumable(folder, partial):
        run = made(replay, partial, about, resume, quiet)
        if run.forecasts.empty:
            fc.Checkpoint(partial).remove()
        check_scored(run, replay, quiet)
        scored, tested = scored_and_tested(run, tables.exports, tables.events, tables.groups)
        sums = sums_of(run, tables, replay.options["horizon"])
        parity = redone_by_libraries(replay, run)
        more = {"scores": scored, "significance": tested} | ({"parity": parity} if len(parity) else {})
        _write(folder, run, about, tables_of_sums(sums) | more)
        fc.Checkpoint(partial).remove()
    if not quiet:
        print_scoreboard(run, scored, tested, replay.choice.models, screen())
        if len(parity):
            say(f"{parity_sentence(parity)}\n")
        say(f"Every model's numbers are in {folder}.")


def _write(folder: Path, run: Forecasts, about: Mapping[str, Any], more: Mapping[str, pd.DataFrame]) -> None:
    from forecast.tables.run_folder import new_folder, write_run

    with new_folder(folder) as beside:
        write_run(beside, run, about)
        write_tables(beside, more)
