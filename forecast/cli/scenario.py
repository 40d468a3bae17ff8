"""``forecast scenario``: the forecast under events that may happen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from forecast.cli.console import plain_refusals, progress_bar, say, screen, silent_libraries, tell_of_compiling
from forecast.cli.inputs import Given, Tables, names
from forecast.cli.options import (
    PRIORS,
    Add,
    Calibrate,
    Destinations,
    Engine,
    Events,
    Experience,
    Exports,
    Issued,
    Jobs,
    Lapse,
    Models,
    Products,
    Quiet,
    ScenarioFile,
    ScenarioHorizon,
    ScenarioOutput,
    Seed,
    ShowPython,
    StoreOfInputs,
)
from forecast.cli.script import Script, supposed_script
from forecast.cli.selection import Choice, asked
from forecast.cli.writing import write_tables
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

    from forecast.backtest.run import Progress
    from forecast.scenario.forecast import Scenario


def what_may_happen(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    add: Add = None,
    scenario_file: ScenarioFile = None,
    lapse: Lapse = None,
    horizon: ScenarioHorizon = None,
    issued: Issued = None,
    output: ScenarioOutput = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    engine: Engine = DEFAULT_ENGINE,
    calibrate: Calibrate = True,
    experience: Experience = PRIORS,
    store: StoreOfInputs = None,
    show_python: ShowPython = False,
    quiet: Quiet = False,
) -> None:
    """Forecast under events that may happen: each way things may go, and their mixture."""
    with plain_refusals() as held, silent_libraries():
        from forecast.tables.run_folder import claimed

        given = Given.of(exports, events, experience, store)
        tables, choice = asked(given, product, destination, models, engine, issued, calibrate)
        supposed = _Supposed(tuple(add or ()), tuple(scenario_file or ()), tuple(lapse or ()))
        additions, lapses = supposed.events(choice.products), supposed.lapses(tables.events, choice.issued)
        keywords = choice.keywords | {"lapses": lapses, "horizon": horizon, "seed": seed}
        if show_python:
            before = supposed_script(supposed.added, supposed.files, choice.products)
            after = ["print(found.by_branch)"]
            Script(given, "found", "scenario_all", keywords, before, after, more=["supposed"]).show()
            return
        folder = output or Path("output") / f"scenario-{choice.issued}"
        held.enter_context(claimed(folder))
        tell_of_compiling(engine, quiet)
        with progress_bar("Forecasting", quiet) as progress:
            found = _branched(tables, additions, keywords, jobs, progress)
        about = supposed.about(given, choice, found, seed) | _called(found, tables) | tables.notes
        _write(folder, found, about)
        if not quiet:
            _print(found, choice.products, tables, folder)


@dataclass(frozen=True)
class _Supposed:
    """What may happen, as given on the command line."""

    added: tuple[str, ...]
    files: tuple[str, ...]
    lapsing: tuple[str, ...]

    def events(self, products: Sequence[str]) -> pd.DataFrame:
        """The events added, each with its probability; what is wrong with an option is a usage error."""
        import pandas as pd

        import forecast as fc
        from forecast.scenario.events import SUPPOSED_COLUMNS, supposed_events, supposed_rows

        if not (self.added or self.files or self.lapsing):
            raise typer.BadParameter("expected something that may happen: --add, --scenario-file or --lapse. "
                                     "The shipped ones are --scenario-file shipped.")  # fmt: skip
        found = [fc.read_scenario(*self.files)] if self.files else []
        try:
            raw = {"--add": supposed_rows(self.added, products)} if self.added else {}
            found += [supposed_events(raw, fc.read_destinations())] if raw else []
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--add") from error
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SUPPOSED_COLUMNS)

    def lapses(self, events: pd.DataFrame, issued: date) -> dict[str, float]:
        """Probabilities by event of the calendar; anything else is a usage error."""
        from forecast.scenario.events import check_lapses

        found: dict[str, float] = {}
        for text in self.lapsing:
            event, _, number = (part.strip() for part in text.rpartition("="))
            try:
                probability = float(number)
            except ValueError as error:
                expected = f"expected an event and a probability such as EVENT=0.4, found {text!r}."
                raise typer.BadParameter(expected, param_hint="--lapse") from error
            if event in found:
                raise typer.BadParameter(f"{event} stands twice: expected each event once.", param_hint="--lapse")
            found[event] = probability
        try:
            check_lapses(events, found, issued)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--lapse") from error
        return found

    def paths(self) -> dict[str, Path]:
        """Where each scenario file lies, by a name that is the same on every machine for the shipped one."""
        from forecast.vocabulary.shipped import SHIPPED, shipped

        own = {word: Path(word) for word in self.files if word != SHIPPED}
        return own | ({"shipped scenarios.csv": shipped("scenarios.csv")} if SHIPPED in self.files else {})

    def about(self, given: Given, choice: Choice, found: Scenario, seed: int) -> dict[str, Any]:
        """What ``run.json`` says: arguments, inputs, and every branch with its probability."""
        from forecast.tables.run_folder import about_run

        arguments = choice.arguments(given) | {
            "add": self.added,
            "scenario_file": self.files,
            "lapse": self.lapsing,
            "horizon": found.horizon,
        }
        cutoffs = dict(zip(found.by_branch["product"], found.by_branch["cutoff"], strict=True))
        inputs = given.paths() | self.paths()
        about = about_run("scenario", arguments, issued=choice.issued, seed=seed, cutoffs=cutoffs, inputs=inputs)
        return about | {"branches": {branch.name: branch.probability for branch in found.branches}}


def _called(found: Scenario, tables: Tables) -> dict[str, dict[str, str]]:
    """What people call the events added, for those who read ``run.json``: the calendar does not have them."""
    from forecast.report.branches import event_names

    called = event_names(found, names(tables.places), tables.events)
    return {"called": {event: called(event) for one in found.suppositions for event in one.added["event"]}}


def _branched(
    tables: Tables, supposed: pd.DataFrame, keywords: Mapping[str, Any], jobs: int, progress: Progress
) -> Scenario:
    import forecast as fc

    return fc.scenario_all(
        tables.exports,
        tables.events,
        tables.groups,
        supposed,
        totals=tables.totals,
        jobs=jobs,
        progress=progress,
        **keywords,
    )


def _write(folder: Path, found: Scenario, about: Mapping[str, Any]) -> None:
    """The run with its mixture, and ``branches.csv``."""
    from forecast.tables.run_folder import new_folder, write_run

    with new_folder(folder) as beside:
        write_run(beside, found.run, about)
        write_tables(beside, {"branches": found.by_branch})


def _print(found: Scenario, products: Sequence[str], tables: Tables, folder: Path) -> None:
    from forecast.report.branches import print_branches

    console = screen()
    for product in products:
        if product in set(found.by_branch["product"]):
            print_branches(found, product, names(tables.places), console, tables.events)
        else:
            say(f"{product}: no destination could be forecast; reasons are in failures.csv.", err=True)
    say(f"Every branch and every model's numbers are in {folder}.")
