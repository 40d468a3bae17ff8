"""The monthly routine: take in files, score what is out, forecast, and say what changed since the last issue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.backtest.origin_cache import OriginCache
from forecast.backtest.plan import Settings
from forecast.backtest.run import Progress, forecast_all
from forecast.ensemble.judgement import JUDGED, Judgement, judged_run
from forecast.realtime.events import Members, known_calendar
from forecast.registry import COMBINATION
from forecast.sources.plain import exports_in, of_other_products
from forecast.store.changes import CHANGE_COLUMNS, Inputs, Reforecast, what_changed
from forecast.store.database import Store
from forecast.store.expected import late_releases
from forecast.store.issued import Issue, IssueBasis, add_issue, issued_calendar, issued_forecasts, issues
from forecast.store.track import track
from forecast.store.vintages import Appended, append, digest, exports_as_of, unknown_files
from forecast.tables.frames import stacked
from forecast.tables.read import TableError
from forecast.tables.run import Forecasts
from forecast.tables.run_folder import PACKAGE
from forecast.tables.schema import FIGURE_KEY
from forecast.vocabulary.countries import listed
from forecast.vocabulary.products import respelt

HORIZON = 3
"""Months ahead of an update, so that the next one finds its months in it and can say what changed."""


@dataclass(frozen=True)
class Routine:
    """How an update is made.

    Attributes
    ----------
    events, groups
        The calendar, and members by group.
    settings
        All arguments that numbers depend on.
    experience, totals
        Figures of other products to learn from, and volumes of several months together; a product that the store has
        counts from the store alone.
    products, destinations
        What is forecast; None is all that the store has.
    judgements
        Numbers set beside those of the shown model.
    jobs, progress, cache
        Processes; is called with the work done and its total; keeps the forecasts of each day for later calls.
    """

    events: pd.DataFrame
    groups: Members
    settings: Settings = field(default_factory=lambda: Settings(horizon=HORIZON))
    experience: pd.DataFrame | None = None
    totals: pd.DataFrame | None = None
    products: Sequence[str] | None = None
    destinations: Sequence[str] | None = None
    judgements: Sequence[Judgement] = ()
    jobs: int = 1
    progress: Progress | None = None
    cache: OriginCache | None = None

    @property
    def shown(self) -> str:
        """The model that is shown and judged."""
        models = self.settings.models
        return COMBINATION if COMBINATION in models else models[0]

    def written_down(self) -> dict[str, Any]:
        """All that numbers depend on but figures and calendar, as JSON holds it."""
        rules = [f"{one.product}/{one.destination}@{one.month}={one.rule}: {one.reason}" for one in self.judgements]
        asked = {"products": _listed(self.products), "destinations": _listed(self.destinations), "judgements": rules}
        return {**asdict(self.settings), "models": [*self.settings.models], **asked}


def _listed(names: Sequence[str] | None) -> list[str] | None:
    return None if names is None else list(names)


@dataclass(frozen=True)
class Updated:
    """What an update did.

    Attributes
    ----------
    appended
        Rows that the files added.
    known_files
        Files that had been taken in before.
    issue, run
        The new issue with its tables; None where nothing has changed since the last one.
    last
        The issue before, if there is one.
    exports
        The figures that the forecast rests on.
    scored
        Forecasts that count and whose actual came since the last issue (`forecast.store.track`).
    changes
        What moved since the last issue (`forecast.store.changes`).
    remarks
        Sentences on the files and on late releases.
    """

    appended: Appended
    known_files: tuple[str, ...]
    issue: Issue | None
    run: Forecasts | None
    last: Issue | None
    exports: pd.DataFrame
    scored: pd.DataFrame
    changes: pd.DataFrame
    remarks: tuple[str, ...]


def run_update(
    store: Store,
    files: Sequence[str | Path],
    routine: Routine,
    today: date,
    write: Callable[[Updated], None] | None = None,
) -> Updated:
    """Take in ``files``, score what is out by now, forecast on ``today``, and keep it all; or change nothing.

    All of it is one transaction. ``write`` is called with the update before that ends, to put it elsewhere too: where
    it fails, or is killed, the store is as it was, and the same update can be made again. Where figures, calendar,
    settings and version are those of the last issue nothing is written.

    Raises
    ------
    TableError
        When a file cannot be read, or the store has nothing to forecast by ``today``.
    StoreError
        When the store cannot be used.
    """
    with store.transaction():
        appended, known, remarks = receive(store, files, today)
        past = issues(store)
        last = past[-1] if past else None
        routine = _with_other_totals(routine, exports_as_of(store, today))
        exports = _exports(store, routine, today)
        products = _products(store, routine, today)
        basis = _basis(exports, routine, today)
        late = tuple(late_releases(exports_as_of(store, today), products, today))
        if last is not None and last.fingerprint == basis.fingerprint:
            nothing = track(store, today).iloc[:0], pd.DataFrame(columns=CHANGE_COLUMNS)
            return Updated(appended, known, None, None, last, exports, *nothing, (*remarks, *late))
        run = _forecast(routine, exports, products, today)
        changes = _changes(store, last, basis, run, routine, products, today) if last else None
        issue = add_issue(store, basis, run, routine.groups, today, today)
        if changes is None:
            changes = pd.DataFrame(columns=CHANGE_COLUMNS)
        store.append("changes", changes.drop(columns="issued").assign(issue=issue.number))
        scored = scored_since(store, last, today)
        done = Updated(appended, known, issue, run, last, exports, scored, changes, (*remarks, *late))
        if write is not None:
            write(done)
    return done


def receive(
    store: Store, files: Sequence[str | Path], today: date
) -> tuple[Appended, tuple[str, ...], tuple[str, ...]]:
    """Take in those of ``files`` that are new: what was added, the files known before, and what imported ones were."""
    paths = {str(path): Path(path) for path in files}
    digests = _digests(paths)
    once = {name: found for found, name in {found: name for name, found in reversed(digests.items())}.items()}
    fresh = unknown_files(store, {name: digests[name] for name in digests if name in once})
    known = tuple(name for name in digests if name not in fresh)
    if not fresh:
        return Appended(), known, ()
    found = exports_in([paths[name] for name in fresh], today)
    exports, renamed = _under_known_names(store, found.exports, listed([Path(name).name for name in fresh], 3, 80))
    appended = append(store, exports, {Path(name).name: digests[name] for name in fresh}, today)
    return appended, known, (*found.said, *renamed)


def _under_known_names(store: Store, exports: pd.DataFrame, files: str) -> tuple[pd.DataFrame, list[str]]:
    """Figures with the store's names of products that stand there in another spelling, and a sentence on each.

    Raises
    ------
    TableError
        Where a product is spelt nearly as one of the store: a revision of it would be a second product.
    """
    known = store.query("SELECT DISTINCT product FROM vintages ORDER BY product")["product"].tolist()
    same, near = respelt(list(exports["product"].unique()), known)
    ask = (
        f"{files}: the product {{!r}} is not in {store.path}, and {{}} is: if it is the same, import it under that "
        "name (forecast import FILE --product {}), if not, under one less alike."
    )
    if near:
        raise TableError(*(ask.format(name, one, one) for name, one in near.items()))
    if not same:
        return exports, []
    names = exports["product"].astype(str).replace(same).astype(exports["product"].dtype)
    named = exports.assign(product=names)
    if named.duplicated([*FIGURE_KEY, "released"]).any():
        raise TableError(f"{files}: holds a product under two spellings ({listed(list(same))}). Leave one of them.")
    return named, [f"The product {name!r} is {one}, as the store calls it." for name, one in same.items()]


def _digests(paths: Mapping[str, Path]) -> dict[str, str]:
    """sha256 of each file by its name."""
    found, problems = {}, []
    for name, path in paths.items():
        try:
            found[name] = digest(path)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            problems.append(f"{name}: expected a file of export figures, found none that can be read ({reason}).")
    if problems:
        raise TableError(*problems)
    return found


# What it rests on ----------------------------------------------------------------------------------------------------


def _exports(store: Store, routine: Routine, day: date, places: int | None = None) -> pd.DataFrame:
    """The store's figures as known on a day, beside the experience of other products."""
    own = exports_as_of(store, day, places, before_withdrawal=True)
    return own if routine.experience is None else with_experience(routine.experience, own, day)


def _with_other_totals(routine: Routine, own: pd.DataFrame) -> Routine:
    """The routine with the totals of those products that the store does not have."""
    return routine if routine.totals is None else replace(routine, totals=of_other_products(routine.totals, own))


def with_experience(experience: pd.DataFrame, own: pd.DataFrame, day: date) -> pd.DataFrame:
    """Figures ``own`` beside those of other products in ``experience`` that were released by a day."""
    others = of_other_products(experience, own)
    return stacked([own, others[(others["released"] <= day).to_numpy(dtype=bool)]])


def _products(store: Store, routine: Routine, today: date) -> list[str]:
    """The products of the store that are forecast.

    Raises
    ------
    TableError
        When there are none by the day.
    """
    known = sorted(exports_as_of(store, today)["product"].unique())
    chosen = [name for name in known if routine.products is None or name in routine.products]
    if not chosen:
        asked = f" of {', '.join(routine.products)}" if routine.products else ""
        raise TableError(
            f"{store.path}: expected figures{asked} released by {today}, found none. Give a file with them."
        )
    _check_destinations(store, routine, today, chosen)
    return chosen


def _check_destinations(store: Store, routine: Routine, today: date, products: Sequence[str]) -> None:
    """Nothing when each destination that was asked for has figures.

    Raises
    ------
    TableError
        A sentence for each that has none.
    """
    known = exports_as_of(store, today)
    here = set(known.loc[known["product"].isin(products), "destination"])
    missing = [code for code in routine.destinations or () if code not in here]
    if missing:
        expected = f"{store.path}: expected a destination with figures ({', '.join(sorted(here))})"
        raise TableError(*(f"{expected}, found {code}." for code in missing))


def _basis(exports: pd.DataFrame, routine: Routine, today: date) -> IssueBasis:
    events = known_calendar(routine.events, today)
    return IssueBasis(exports, events, routine.written_down(), version(PACKAGE))


def _forecast(
    routine: Routine, exports: pd.DataFrame, products: Sequence[str], issued: date, events: pd.DataFrame | None = None
) -> Forecasts:
    """The run of a day, with judgement where there is any."""
    run = forecast_all(
        exports,
        routine.events if events is None else events,
        routine.groups,
        issued=issued,
        products=products,
        destinations=routine.destinations,
        totals=routine.totals,
        jobs=routine.jobs,
        progress=routine.progress,
        cache=routine.cache,
        **asdict(routine.settings),
    )
    return judged_run(run, routine.judgements, routine.shown, routine.groups)


# What changed --------------------------------------------------------------------------------------------------------


def _changes(
    store: Store, last: Issue, basis: IssueBasis, run: Forecasts, routine: Routine, products: Sequence[str], today: date
) -> pd.DataFrame:
    """What moved the shown model, and the judged one by what moved it, since the last issue."""
    shown = (routine.shown, JUDGED) if routine.judgements else (routine.shown,)
    before = issued_forecasts(store, last.number)
    rows = {name: table[table["model"].isin(shown)] for name, table in (("old", before), ("new", run.forecasts))}
    places = int(store.query("SELECT places FROM issues WHERE issue = ?", [last.number])["places"].iloc[0])
    old_exports = _exports(store, routine, last.issued, places)
    old = Inputs(old_exports, issued_calendar(store, last), last.issued, rows["old"])
    new = Inputs(basis.exports, basis.events, today, rows["new"])

    same = _comparable(last.settings) == _comparable(basis.settings) and last.version == basis.version
    former = _former(routine, last) if last.version == basis.version else None
    under_old = None if former is None else _reforecast(former, products)
    return what_changed(old, new, same, _reforecast(routine, products), under_old)


def _reforecast(routine: Routine, products: Sequence[str]) -> Reforecast:
    """What makes forecasts of ``products`` again under the settings and with the judgements of a routine."""

    def forecast(exports: pd.DataFrame, events: pd.DataFrame, issued: date, horizon: int) -> pd.DataFrame:
        settings = replace(routine.settings, horizon=horizon)
        known = sorted(set(products) & set(exports["product"]))
        made = _forecast(replace(routine, settings=settings, judgements=()), exports, known, issued, events)
        shown_rows = made.forecasts[made.forecasts["model"] == routine.shown]
        judgements = [one for one in routine.judgements if one.on(shown_rows).any()]
        return judged_run(made, judgements, routine.shown, routine.groups).forecasts

    return forecast


def _former(routine: Routine, last: Issue) -> Routine | None:
    """The routine with the settings of the last issue; None where these are not all that it was made by.

    That is where the shown model, what was asked for, or judgement is another, or an issue was not made by an update.
    """
    names = [one.name for one in fields(Settings)]
    if not set(names) <= last.settings.keys():
        return None
    named: dict[str, Any] = {name: last.settings[name] for name in names}
    former = replace(routine, settings=Settings(**{**named, "models": tuple(named["models"])}))
    is_whole = former.written_down() == dict(last.settings) and former.shown == routine.shown
    return former if is_whole else None


def _comparable(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings but for the horizon, on which no number depends."""
    return {name: value for name, value in settings.items() if name != "horizon"}


def scored_since(store: Store, last: Issue | None, today: date) -> pd.DataFrame:
    """The forecasts that count and whose actual the last issue did not have: rows of `forecast.store.track.track`.

    That is one that came out later, and one that was taken in later: on the same day, or from a late download.
    """
    rows = track(store, today)
    if last is None:
        return rows[rows["counts"]].reset_index(drop=True)
    had = pd.MultiIndex.from_frame(exports_as_of(store, last.issued, last.places)[FIGURE_KEY])
    lately = ~pd.MultiIndex.from_frame(rows[FIGURE_KEY]).isin(had)
    return rows[rows["counts"] & lately].reset_index(drop=True)


# Without an update ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StoredInputs:
    """What a run outside `update` was made from: figures, calendar, members, issue day, and all other arguments."""

    exports: pd.DataFrame
    events: pd.DataFrame
    groups: Members
    issued: date
    settings: Mapping[str, Any]


def keep(store: Store, files: Mapping[str, Path], inputs: StoredInputs, run: Forecasts, today: date) -> bool:
    """Keep the figures of ``files`` and a run that was made elsewhere; False where that issue is on file already."""
    known = inputs.exports[(inputs.exports["released"] <= inputs.issued).to_numpy(dtype=bool)]
    events = known_calendar(inputs.events, inputs.issued)
    basis = IssueBasis(known, events, inputs.settings, version(PACKAGE))
    with store.transaction():
        digests = _digests(files)
        fresh = unknown_files(store, digests)
        if fresh:
            append(store, inputs.exports, {name: digests[name] for name in fresh}, today)
        if basis.fingerprint in {issue.fingerprint for issue in issues(store)}:
            return False
        add_issue(store, basis, run, inputs.groups, inputs.issued, today)
    return True
