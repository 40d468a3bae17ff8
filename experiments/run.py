"""Run the experiments of this folder from their ``experiment.toml`` into their ``results/``.

    python experiments/run.py                     every experiment, then README.md and the track record in data/
    python experiments/run.py 01-magnets-2025     one of them

The same versions give the same files. What the results say is put into words by `answers`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

import forecast as fc
from forecast.backtest.origin_cache import OriginCache
from forecast.backtest.run import backtest_all
from forecast.realtime.phases import phases
from forecast.scoring.scores import scores
from forecast.scoring.significance import significance
from forecast.sources.plain import shipped
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.run_folder import WITHOUT_EVENTS, about_run, new_folder, write_run

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import answers  # noqa: E402
import decisions  # noqa: E402
import unlabelled  # noqa: E402
from simulate import simulated  # noqa: E402

EXPERIMENTS = ("01-magnets-2025", "02-analogues", "03-simulated", "04-episodes", "05-unlabelled-breaks")
SHIPPED_INPUTS = ("exports.csv", "events.csv", "period_totals.csv", "experience.csv")


@dataclass(frozen=True)
class World:
    """What an experiment is run on: tables, the files that they come from, and true effects where they are known."""

    exports: pd.DataFrame
    events: pd.DataFrame
    totals: pd.DataFrame | None
    inputs: dict[str, Path]
    truth: pd.DataFrame | None


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description="Run the experiments into their results.")
    parser.add_argument("names", nargs="*", metavar="EXPERIMENT", help=f"of {', '.join(EXPERIMENTS)}; default: all")
    parser.add_argument("--jobs", type=int, default=2, help="processes; the numbers do not depend on it")
    given = parser.parse_args()
    unknown = sorted(set(given.names) - set(EXPERIMENTS))
    if unknown:
        parser.error(f"there is no experiment {', '.join(unknown)}: choose among {', '.join(EXPERIMENTS)}.")
    for name in given.names or EXPERIMENTS:
        print(name, flush=True)
        run_experiment(HERE / name, HERE / name / "results", given.jobs)
    (HERE / "README.md").write_text(answers.readme(HERE, EXPERIMENTS), encoding="utf-8")
    answers.write_track_record(HERE / "01-magnets-2025" / "results", HERE.parent / "data")


def run_experiment(folder: Path, results: Path, jobs: int = 1) -> None:
    """Run the experiment of ``folder`` with and without its events, and write both as runs into ``results``."""
    settings = tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))
    with new_folder(results) as beside:
        if "decision" in settings:
            write_cells(beside, settings)
            return
        if "rules" in settings:
            write_search(beside, settings, jobs)
            return
        world = make_world(settings, beside)
        write_replay(beside, settings, world, jobs)
        (beside / WITHOUT_EVENTS).mkdir()
        without = replace(world, events=world.events.iloc[:0], truth=None)
        write_replay(beside / WITHOUT_EVENTS, settings | {"events": "none"}, without, jobs, world.events)
        if world.truth is not None:
            answers.recovered(beside, world.truth).pipe(_write, beside / "recovered.csv")


def make_world(settings: dict[str, Any], folder: Path) -> World:
    """The tables that an experiment names: the shipped ones, or simulated ones, which are written into ``folder``."""
    if "world" not in settings:
        inputs = {name: shipped(name) for name in SHIPPED_INPUTS}
        return World(fc.read_exports(), fc.read_events(), fc.read_period_totals(), inputs, None)
    exports, events, truth = simulated(settings["world"], settings["seed"])
    for name, table in {"exports.csv": exports, "events.csv": events, "truth.csv": truth}.items():
        _write(table, folder / name)
    inputs = {name: folder / name for name in ("exports.csv", "events.csv")}
    return World(fc.read_exports(inputs["exports.csv"]), fc.read_events(inputs["events.csv"]), None, inputs, truth)


def write_cells(folder: Path, settings: dict[str, Any]) -> None:
    """The cells of an experiment on episodes, and what made them."""
    with TemporaryDirectory() as kept:
        table = decisions.cells(settings, OriginCache(Path(kept)))
    inputs = {name: shipped(name) for name in SHIPPED_INPUTS}
    cutoffs = table.groupby("product")["month"].max().to_dict()
    issued = max(table["issued"])
    about = about_run("episodes", settings, issued=issued, seed=settings["seed"], cutoffs=cutoffs, inputs=inputs)
    (folder / "run.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _write(table, folder / "cells.csv")


def write_search(folder: Path, settings: dict[str, Any], jobs: int) -> None:
    """What is found of changes that no event explains, the truth, and what made them."""
    exports, truth = unlabelled.panels(settings["world"], settings["seed"])
    found, counts = unlabelled.searched(settings, exports, truth, jobs)
    about = about_run(
        "changes",
        {key: value for key, value in settings.items() if key != "world"},
        issued=max(exports["released"]),
        seed=settings["seed"],
        cutoffs=exports.groupby("product")["month"].max().to_dict(),
        inputs={},
    )
    (folder / "run.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    for name, table in {"truth": truth, "found": found, "counts": counts}.items():
        _write(table, folder / f"{name}.csv")


def write_replay(
    folder: Path, settings: dict[str, Any], world: World, jobs: int, calendar: pd.DataFrame | None = None
) -> None:
    """Replay an experiment's origins and write tables and ``run.json``; ``calendar`` sets the phases if not its own."""
    run = replayed(settings, world, jobs)
    forecasts = run.forecasts
    phase = phases(forecasts, world.events if calendar is None else calendar, fc.read_groups())
    inputs = {name: path for name, path in world.inputs.items() if calendar is None or name != "events.csv"}
    about = about_run(
        "backtest",
        {key: value for key, value in settings.items() if key != "world"},
        issued=max(forecasts["issued"]),
        seed=settings["seed"],
        cutoffs=forecasts.groupby("product")["cutoff"].max().to_dict(),
        inputs=inputs,
    )
    write_run(folder, run, about)
    _write(forecasts, folder / "forecasts.csv")
    _write(scores(forecasts, world.exports, phase), folder / "scores.csv")
    tests = [significance(forecasts, world.exports, measure=measure, phase=phase) for measure in ("mae_t", "wis")]
    _write(pd.concat(tests, ignore_index=True), folder / "significance.csv")


def replayed(settings: dict[str, Any], world: World, jobs: int) -> Forecasts:
    """The backtest of an experiment over the months that its settings bound, with ``actual_t``."""
    return backtest_all(
        world.exports, world.events, fc.read_groups(), products=settings["products"], models=settings["models"],
        first=pd.Period(settings["from"], "M"), to=pd.Period(settings["to"], "M"), horizon=settings["horizon"],
        totals=world.totals, experience=settings["experience"], engine=settings["engine"], seed=settings["seed"],
        jobs=jobs,
    )  # fmt: skip


def _write(table: pd.DataFrame, path: Path) -> None:
    as_text(table).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


if __name__ == "__main__":
    main()
