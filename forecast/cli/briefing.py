"""What a briefing is made of: a run with its tables, and the further forecasts that compare it with the last issue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.console import kept_origins
from forecast.cli.inputs import Given, Tables, names, opened_store, read, say_whose_figures, stored_tables, with_rest
from forecast.cli.options import NO_EXPERIENCE, PRIORS, SHIPPED
from forecast.registry import COMBINATION

if TYPE_CHECKING:
    import pandas as pd

    from forecast.backtest.origin_cache import OriginCache
    from forecast.backtest.run import Progress
    from forecast.report.outlook import Outlook
    from forecast.tables.run import Forecasts


@dataclass(frozen=True)
class Material:
    """A run of one issue day with the tables that it was made from.

    Attributes
    ----------
    about, run
        What ``run.json`` says (or the store, of an issue), and the tables of the run.
    tables
        Figures and calendar, the rest of the world among the figures.
    changes
        What moved since the last issue, where an update has it; None where it is still to be found.
    last_issue
        Forecasts of the shown model whose month came out since the last issue, with ``actual_t``, where a store has it.
    tracked
        The store's record by model and slice (`forecast.store.track.record`), where there is a store.
    """

    about: Mapping[str, Any]
    run: Forecasts
    tables: Tables
    changes: pd.DataFrame | None = None
    last_issue: pd.DataFrame | None = None
    tracked: pd.DataFrame | None = None

    @property
    def issued(self) -> date:
        """The issue day."""
        return date.fromisoformat(self.about["issued"])

    @property
    def products(self) -> list[str]:
        """Products of the run."""
        return list(self.about["cutoffs"])

    @property
    def priors(self) -> str:
        """Which priors of episodes the run used: ``shipped`` or ``none``."""
        return NO_EXPERIENCE if self.about["arguments"].get("experience") == NO_EXPERIENCE else "shipped"

    @property
    def shown(self) -> str:
        """The model of the tables: the combination where there is one, else the first."""
        models = self.about["arguments"]["models"]
        return COMBINATION if COMBINATION in models else models[0]


# Where it comes from -------------------------------------------------------------------------------------------------


def of_folder(folder: Path, store: Path | None) -> Material:
    """The run in a folder, of `forecast next` or `forecast update`, with the files or the store that it was made from.

    Raises
    ------
    OutputError
        When it is the run of another command, or its files are no longer the same.
    """
    from forecast.report.track_record import first_known
    from forecast.store.track import held_record, record, track
    from forecast.tables.run_folder import read_about, read_run

    if read_about(folder).get("command") == "update" or read_about(folder).get("arguments", {}).get("store"):
        return _of_update(folder, read_about(folder), read_run(folder), store)
    about, run = _about(folder, "next", "update"), read_run(folder)
    arguments = about["arguments"]
    given = Given.of(arguments["exports"], arguments["events"], arguments.get("experience", PRIORS))
    _check_inputs(folder, given, about["inputs"])
    tables = read(given)
    if given.exports == (SHIPPED,):
        say_whose_figures()
    issued = date.fromisoformat(about["issued"])
    of = Material(about, run, with_rest(tables, issued))
    if store is None:
        return of
    with opened_store(store) as opened:
        scored, tracked = _scored(opened, issued), record(track(opened, issued))
        own = first_known(held_record(track(opened, issued)), tables.record)
    return replace(of, tables=replace(of.tables, record=own), last_issue=scored, tracked=tracked)


def _of_update(folder: Path, about: Mapping[str, Any], run: Forecasts, store: Path | None) -> Material:
    """An update's run with the figures and the calendar of its store, and the changes of its folder."""
    import pandas as pd

    from forecast.store.changes import CHANGE_COLUMNS
    from forecast.store.issued import issues
    from forecast.store.track import record, track
    from forecast.tables.run_folder import OutputError

    issued = date.fromisoformat(about["issued"])
    named = about["arguments"].get("store")
    place = store or (Path(named) if isinstance(named, str) else None)
    with opened_store(place, f"{folder} rests on a store: name it with --store FILE.") as opened:
        own = [issue for issue in issues(opened) if issue.issued == issued]
        if not own:
            raise OutputError(
                f"{folder}: expected its issue of {issued} in {opened.path}, found none. Name its --store."
            )
        tables, scored = stored_tables(opened, own[-1], _AS_UPDATED), _scored(opened, issued)
        tracked = record(track(opened, issued))
    path = folder / "changes.csv"
    changes = pd.read_csv(path, keep_default_na=False) if path.is_file() else pd.DataFrame(columns=CHANGE_COLUMNS)
    return Material(about, run, with_rest(tables, issued), _typed(changes), scored, tracked)


def of_store(store: Path | None) -> Material:
    """The latest issue of a store.

    Raises
    ------
    StoreError
        When there is none.
    """
    from forecast.store.database import StoreError
    from forecast.store.issued import issued_forecasts, issued_judgements, issues
    from forecast.store.track import record, track
    from forecast.tables.run import Forecasts
    from forecast.tables.schema import RUN_TABLES

    with opened_store(store) as opened:
        own = issues(opened)
        if not own:
            raise StoreError(f"{opened.path}: expected an issued forecast, found none. Run forecast update first.")
        last, tables = own[-1], stored_tables(opened, own[-1], _AS_UPDATED)
        rows = issued_forecasts(opened, last.number)[RUN_TABLES["forecasts"].columns]
        judged = issued_judgements(opened)
        changes = opened.query("SELECT * FROM changes WHERE issue = ?", [last.number])
        scored, tracked = _scored(opened, last.issued), record(track(opened, last.issued))
    run = Forecasts(forecasts=rows, judgements=judged[judged["issue"] == last.number].drop(columns="issue"))
    cutoffs = rows.groupby("product")["cutoff"].max()
    about = {
        "command": "store", "issued": last.issued.isoformat(), "arguments": dict(last.settings),
        "cutoffs": {str(product): str(month) for product, month in cutoffs.items()},
        "fingerprint": last.fingerprint, "version": last.version,
    }  # fmt: skip
    moved = _typed(changes.assign(issued=last.issued))
    return Material(about, run, with_rest(tables, last.issued), moved, scored, tracked)


_AS_UPDATED = Given((), (), SHIPPED)
"""What an issue is made from beside its store: the shipped figures of other products."""


def _scored(store: Any, issued: date) -> pd.DataFrame:
    """Forecasts whose month came out between the last issue day and this one, with the actual; else the last that did.

    Two issues of one day are of the same figures: actuals are compared with what an earlier day said.
    """
    from forecast.store.issued import issues
    from forecast.store.track import track
    from forecast.store.update import scored_since

    before = [one for one in issues(store) if one.issued < issued]
    lately: pd.DataFrame = scored_since(store, before[-1] if before else None, issued)
    rows = track(store, issued)
    counted: pd.DataFrame = rows[rows["counts"]]
    if lately.empty and len(counted):
        lately = counted[counted["month"] == counted["month"].max()]
    return lately


def _typed(changes: pd.DataFrame) -> pd.DataFrame:
    """Changes with months as periods."""
    import pandas as pd

    months = pd.PeriodIndex(changes["month"].astype(str), freq="M")
    return changes.assign(month=pd.Series(months, index=changes.index))


def _check_inputs(folder: Path, given: Given, inputs: dict[str, str]) -> None:
    """Check that the files are those that the run was made from."""
    import hashlib

    from forecast.safety.atomic import is_file, read_regular
    from forecast.safety.limits import LARGEST_FILE
    from forecast.tables.run_folder import OutputError

    for name, path in given.paths().items():
        if not is_file(path) or hashlib.sha256(read_regular(path, LARGEST_FILE)).hexdigest() != inputs.get(name):
            raise OutputError(f"{folder}: expected {name} as the run read it, found another. Run forecast next again.")


def _about(folder: Path, *commands: str) -> dict[str, Any]:
    """What ``run.json`` says of a run of one of ``commands``, with all that a page needs.

    Raises
    ------
    OutputError
        When it is the run of another command, or says less than a run does.
    """
    from forecast.safety.inert import visible
    from forecast.safety.limits import is_covered_day
    from forecast.tables.run_folder import ABOUT, OutputError, read_about

    about = read_about(folder)
    found = visible(str(about.get("command"))[:60])
    if found not in commands:
        raise OutputError(f"{folder}: expected a run of forecast {' or '.join(commands)}, found one of {found}.")
    arguments = about.get("arguments", {})
    needed = {"arguments", "cutoffs", "inputs", "issued"} - about.keys()
    needed |= {"exports", "events", "models"} - arguments.keys()
    if not needed and not is_covered_day(about["issued"]):
        needed = {"issued"}
    if not needed and not _is_list_of_text(arguments["models"]):
        needed = {"models"}
    if needed:
        raise OutputError(f"{folder / ABOUT}: expected {', '.join(sorted(needed))} as a run writes it, found another.")
    return about


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def newest(place: Path, *commands: str) -> Path:
    """The run of the latest issue day among those of ``commands`` in a folder, by its name.

    Raises
    ------
    OutputError
        When there is none.
    """
    from forecast.tables.run_folder import OutputError

    runs = [run for command in commands for run in place.glob(f"{command}-*")]
    if not runs:
        sought = " or ".join(f"{command}-*" for command in commands)
        raise OutputError(
            f"{place}: expected a run {sought}, found none. Run forecast {commands[0]}, or name a folder with --run."
        )
    return max(runs, key=lambda run: (run.name.partition("-")[2], run.name))


# The last issue ------------------------------------------------------------------------------------------------------


def since_last_release(of: Material, jobs: int, progress: Progress) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What moved the shown model since the day before on which figures came out, and what was forecast on that day.

    Returns
    -------
    tuple
        Changes (`forecast.store.changes.CHANGE_COLUMNS`), and rows of forecasts whose month is out by now, with
        ``actual_t``; both without rows where no day before is on file.
    """
    from forecast.realtime.events import known_calendar
    from forecast.store.changes import Inputs, what_changed

    tables, issued, before = of.tables, of.issued, _day_before(of)
    rows = _as_shown(of.run, of.shown)
    if before is None or rows.empty:
        return _without_issue(rows)

    def made(exports: pd.DataFrame, events: pd.DataFrame, day: date, horizon: int) -> pd.DataFrame:
        return _made(of, replace(tables, exports=exports, events=events), day, horizon, jobs, progress, cache)

    old_exports = tables.exports[(tables.exports["released"] <= before).to_numpy(dtype=bool)]
    known = tables.exports[(tables.exports["released"] <= issued).to_numpy(dtype=bool)]
    calendars = [known_calendar(tables.events, day) for day in (before, issued)]
    cutoff = old_exports.loc[old_exports["product"].isin(of.products), "month"].max()
    with kept_origins() as cache:
        old_rows = made(old_exports, calendars[0], before, (rows["month"].max() - cutoff).n)
        old = Inputs(old_exports, calendars[0], before, old_rows)
        changes = what_changed(old, Inputs(known, calendars[1], issued, rows), True, made)
    return changes, _with_actuals(old_rows, of)


def _without_issue(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    from forecast.store.changes import CHANGE_COLUMNS

    return pd.DataFrame(columns=CHANGE_COLUMNS), rows.iloc[:0].assign(actual_t=float("nan"))


def _day_before(of: Material) -> date | None:
    """The last day before the issue's figures on which figures of its products came out."""
    own = of.tables.exports[of.tables.exports["product"].isin(of.products)]
    days = sorted({day for day in own["released"] if day <= of.issued})
    first = own.groupby("product")["released"].min().max()
    return days[-2] if len(days) > 1 and days[-2] >= first else None


def _made(
    of: Material,
    tables: Tables,
    day: date,
    horizon: int,
    jobs: int,
    progress: Progress,
    cache: OriginCache | None,
) -> pd.DataFrame:
    """Rows of the shown model under the settings of the run."""
    import forecast as fc

    arguments = of.about["arguments"]
    run = fc.forecast_all(
        tables.exports,
        tables.events,
        tables.groups,
        issued=day,
        products=of.products,
        destinations=arguments.get("destination"),
        models=arguments["models"],
        experience=of.priors,
        engine=arguments["engine"],
        calibrate=arguments["calibrate"],
        horizon=horizon,
        totals=tables.totals,
        seed=of.about["seed"],
        jobs=jobs,
        progress=progress,
        cache=cache,
    )
    return _as_shown(run, of.shown).reset_index(drop=True)


def _as_shown(run: Forecasts, model: str) -> pd.DataFrame:
    """Rows of a model with the rest of the world as every table has it."""
    from forecast.report.outlook import rest_reconciled

    return rest_reconciled(run.forecasts[run.forecasts["model"] == model], run.reconciled)


def _with_actuals(rows: pd.DataFrame, of: Material) -> pd.DataFrame:
    """The rows whose month is out by the issue day, with the actual."""
    from forecast.realtime.releases import as_of
    from forecast.tables.frames import records

    volumes = as_of(of.tables.exports, of.tables.events, of.issued).volumes
    actual = [volumes[str(row.product)][row.destination].get(row.month, float("nan")) for row in records(rows)]
    found = rows.assign(actual_t=actual)
    return found[found["actual_t"].notna()].reset_index(drop=True)


# Scenario and analogues ----------------------------------------------------------------------------------------------


def of_scenario(folder: Path, issued: date) -> tuple[pd.DataFrame, dict[str, float]]:
    """The rows of branches.csv, and the probability of each branch.

    Raises
    ------
    OutputError
        When the folder is no scenario run, or one made before ``issued``: its days may have passed.
    """
    from forecast.tables.run_folder import ABOUT, OutputError, read_saved
    from forecast.tables.schema import BRANCHES

    about = _about(folder, "scenario")
    if date.fromisoformat(about["issued"]) < issued:
        raise OutputError(f"{folder}: expected a scenario issued on {issued} or later, found one of {about['issued']}. "
                          "Run forecast scenario again.")  # fmt: skip
    probabilities, rows = about.get("branches"), read_saved(folder, BRANCHES)
    if not isinstance(probabilities, dict) or set(rows["branch"]) != probabilities.keys():
        raise OutputError(
            f"{folder / ABOUT}: expected the branches of branches.csv with their probabilities, found others."
        )
    cells = [
        set(zip(own["product"], own["destination"], own["month"], strict=True)) for _, own in rows.groupby("branch")
    ]
    if any(own != cells[0] for own in cells):
        raise OutputError(
            f"{folder / BRANCHES.name}.csv: expected the same series and months in every branch, found others."
        )
    wrong = [name for name, one in probabilities.items() if not isinstance(one, float | int) or not 0 <= one <= 1]
    if wrong:
        raise OutputError(f"{folder / ABOUT}: expected probabilities from 0 to 1, found another of {wrong[0][:60]!r}.")
    return rows, probabilities


def supposed_names(folder: Path | None, places: Mapping[str, str]) -> dict[str, str]:
    """What people call the events that a scenario adds, by identifier: of a run, or of the shipped scenarios."""
    import forecast as fc
    from forecast.report.agenda import EventNames

    if folder is None:
        supposed = fc.read_scenario(SHIPPED)
        return dict(EventNames.of(supposed[supposed["kind"] != "lapse"], places).said)
    said = _about(folder, "scenario").get("called")
    return {str(event): str(name)[:200] for event, name in said.items()} if isinstance(said, dict) else {}


def passed_scenario(of: Material) -> str:
    """What became of the shipped scenarios whose day has passed by the issue day, and what is still open."""
    import forecast as fc
    from forecast.realtime.events import covers_product, known_events
    from forecast.scenario.events import passed_lapses

    known = known_events(of.tables.events, of.issued)
    own = [any(covers_product(products, name) for name in of.products) for products in known["products"]]
    return " ".join(passed_lapses(fc.read_scenario(SHIPPED), known[own], of.issued))


def shipped_scenario(of: Material, jobs: int, progress: Progress) -> tuple[pd.DataFrame | None, dict[str, float]]:
    """The branches of the shipped scenarios; None where they are not ahead of the run, or not on its calendar."""
    import forecast as fc
    from forecast.scenario.forecast import scenario_all
    from forecast.tables.read import TableError

    supposed, arguments = fc.read_scenario(SHIPPED), of.about["arguments"]
    on_file = set(of.tables.events["event"])
    lapsing = supposed[supposed["kind"] == "lapse"]
    if not set(lapsing["event"]) <= on_file or (supposed["effective"] <= of.issued).any():
        return None, {}
    try:
        found = scenario_all(
            of.tables.exports,
            of.tables.events,
            of.tables.groups,
            supposed,
            issued=of.issued,
            products=of.products,
            destinations=arguments.get("destination"),
            models=arguments["models"],
            experience=of.priors,
            engine=arguments["engine"],
            calibrate=arguments["calibrate"],
            totals=of.tables.totals,
            seed=of.about["seed"],
            jobs=jobs,
            progress=progress,
        )
    except TableError:  # it acts on months with figures: no longer what may happen
        return None, {}
    return found.by_branch, {branch.name: branch.probability for branch in found.branches}


def like_it(of: Material, found: Sequence[Outlook], explained: Sequence[Mapping[str, Any]]) -> dict[str, pd.DataFrame]:
    """By product, the past measures like the acting one with the largest part of the first destination's forecast."""
    from forecast.realtime.data import Data
    from forecast.realtime.events import known_events
    from forecast.report.analogues import analogues

    data = Data(of.tables.exports, of.tables.events, of.tables.groups, None)
    known = set(known_events(of.tables.events, of.issued)["event"])
    tables = {}
    for outlook in found:
        place = outlook.rows["destination"].iloc[0]
        own = [one for one in explained if one["product"] == outlook.product and one["destination"] == place]
        listed = own[0]["parts"] if own else []
        parts = [part for part in listed if part["kind"] == "episode" and part["name"] in known]
        for part in sorted(parts, key=lambda part: -abs(part["tonnes"])):
            rows = analogues(data, part["name"], of.issued, ANALOGUES)
            if rows["event"].nunique() > 1 and rows["event"].iloc[0] == part["name"]:
                tables[outlook.product] = rows
                break
    return tables


ANALOGUES = 4
"""Past measures shown beside one."""


def outlooks(of: Material) -> list[Outlook]:
    """One per product."""
    from forecast.realtime.data import Data
    from forecast.report.outlook import outlook

    tables, called = of.tables, names(of.tables.places)
    known = Data(tables.exports, tables.events, tables.groups, tables.totals).as_of(of.issued)
    return [
        outlook(known, tables.groups, of.run, product=product, model=of.shown, names=called, record=tables.record)
        for product in of.products
    ]
