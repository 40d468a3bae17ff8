"""The files that were given, and the tables read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from forecast.cli.console import current_context, say
from forecast.cli.options import NO_EVENTS, NO_EXPERIENCE, PRIORS, SHIPPED

if TYPE_CHECKING:
    import pandas as pd

    from forecast.sources.plain import ExportFiles
    from forecast.store.database import Store
    from forecast.store.issued import Issue


def today() -> date:
    """The day of the call."""
    return date.today()


@dataclass(frozen=True)
class Given:
    """Files as given on the command line, or the word for the shipped ones; none where they come from a store."""

    exports: tuple[str, ...]
    events: tuple[str, ...]
    experience: str = PRIORS
    every_product: bool = True
    """Whether all products of the files are forecast where none is named."""
    store: Path | None = None
    """From where the figures come, and the calendar where no file of events is given."""

    @classmethod
    def of(
        cls,
        exports: Sequence[str] | None,
        events: Sequence[str] | None,
        experience: str = PRIORS,
        store: Path | None = None,
    ) -> Given:
        """What the options say: files where they are given, else the store that is named, else the shipped files."""
        if exports or store is None:
            return cls(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]), experience, bool(exports))
        context = current_context()
        source = context.get_parameter_source("experience") if context else None
        left_out = source is not None and source.name == "DEFAULT"
        return cls((), tuple(events or ()), SHIPPED if left_out else experience, True, store)

    @property
    def figures_to_learn_from(self) -> str | None:
        """The file of other series, or the word for the shipped one; None where there is none."""
        return None if self.experience in (PRIORS, NO_EXPERIENCE) else self.experience

    @property
    def priors(self) -> str:
        """Which priors the library uses: ``shipped`` or ``none``."""
        return "none" if self.experience == NO_EXPERIENCE else "shipped"

    def paths(self) -> dict[str, Path]:
        """Where each input lies, by a name that is the same on every machine for the shipped ones."""
        from forecast.vocabulary.shipped import shipped

        paths = {"shipped destinations.csv": shipped("destinations.csv")}
        if self.store is not None:
            paths[str(self.store)] = self.store
        learned = () if self.figures_to_learn_from in (None, *self.exports) else (str(self.figures_to_learn_from),)
        for kind, words in (("exports", (*self.exports, *learned)), ("events", self.events)):
            for word in words:
                if word == SHIPPED:
                    paths[f"shipped {kind}.csv"] = shipped(f"{kind}.csv")
                    if kind == "exports":
                        paths["shipped period_totals.csv"] = shipped("period_totals.csv")
                elif word != NO_EVENTS or kind != "events":
                    paths[word] = Path(word)
        return paths


@dataclass(frozen=True)
class Tables:
    """What was read."""

    exports: pd.DataFrame
    events: pd.DataFrame
    groups: Mapping[str, tuple[str, ...]]
    places: pd.DataFrame
    totals: pd.DataFrame | None
    """Volumes of several months together, where the shipped figures are among the exports."""
    record: pd.DataFrame | None
    """How often intervals held in the shipped backtest, where nothing but the shipped files is used."""
    today: date
    """The day of the call, after which no figures can be."""
    learned: frozenset[str] = frozenset()
    """Products of which there are figures to learn from only."""
    replaced: tuple[str, ...] = ()
    """Sentences on figures that stand in place of others."""
    issued: date | None = None
    """The day of the last issue, where figures and calendar are those of a store."""
    products: tuple[str, ...] = ()
    """What that issue forecast."""

    @property
    def notes(self) -> dict[str, list[str]]:
        """What ``run.json`` says of the files beside their names, where there is anything to say."""
        return {"notes": [*self.replaced]} if self.replaced else {}

    @property
    def own(self) -> pd.DataFrame:
        """The exports without those to learn from."""
        return self.exports[~self.exports["product"].isin(self.learned)] if self.learned else self.exports


def read(given: Given) -> Tables:
    """The tables of the files given.

    Raises
    ------
    TableError
        All that is wrong in any of them, together.
    """
    tables = _of_files(given) if given.store is None else _of_store(given, given.store)
    say_misspelt(tables.events, tables.exports)
    return tables


def _of_files(given: Given) -> Tables:
    """The tables of the files given, with all that is wrong in any of them together."""
    import forecast as fc

    if given.exports == (SHIPPED,) and not given.every_product:
        say_whose_figures()
    day = today()
    problems: list[str] = []
    learned: frozenset[str] = frozenset()
    try:
        found = _exports(given.exports, day)
        exports, learned = _with_experience(found.exports, given, day)
    except fc.TableError as error:
        problems += error.problems
    try:
        events = given_events(given.events)
    except fc.TableError as error:
        problems += error.problems
    if problems:
        raise fc.TableError(*problems)
    totals = _totals(given, learned)
    places, record = fc.read_destinations(), _record(given)
    return Tables(exports, events, fc.read_groups(), places, totals, record, day, learned, found.replaced)


def _with_experience(own: pd.DataFrame, given: Given, day: date) -> tuple[pd.DataFrame, frozenset[str]]:
    """The figures with those of products that ``own`` does not have, to learn from, and these products."""
    import forecast as fc
    from forecast.sources.plain import of_other_products
    from forecast.tables.frames import stacked

    if given.figures_to_learn_from is None:
        return own, frozenset()
    others = of_other_products(fc.read_exports(given.figures_to_learn_from, today=day), own)
    return stacked([own, others]), frozenset(others["product"].unique())


def _totals(given: Given, learned: frozenset[str]) -> pd.DataFrame | None:
    """Volumes of several months together of the shipped series that are used."""
    import forecast as fc

    if SHIPPED in given.exports:
        return fc.read_period_totals()
    if given.figures_to_learn_from != SHIPPED:
        return None
    totals = fc.read_period_totals()
    return totals[totals["product"].isin(learned)].reset_index(drop=True)


def _exports(files: Sequence[str], day: date) -> ExportFiles:
    """The figures of all ``files``; what imported ones are and what stands in place of what is said on stderr."""
    from forecast.sources.plain import exports_in

    found = exports_in(files, day)
    if not _is_quiet():
        for line in found.said:
            say(line, err=True)
    return found


def _is_quiet() -> bool:
    context = current_context()
    return bool(context and context.params.get("quiet"))


def say_doubts(given: Given, tables: Tables, products: Sequence[str]) -> None:
    """A line for the worst that looks wrong in the user's own figures of ``products``, and one if they are in kg."""
    import forecast as fc
    from forecast.sources.overlaps import other_unit
    from forecast.sources.validation import worst_finding
    from forecast.tables.schema import REST_OF_WORLD

    if set(given.exports) == {SHIPPED}:
        return
    derived = tables.own["destination"].eq(REST_OF_WORLD) & tables.own["status"].eq("derived")
    figures = tables.own[tables.own["product"].isin(products) & ~derived]
    doubts = worst_finding(figures, tables.groups), other_unit(figures, fc.read_exports(), "the shipped file")
    for doubt in filter(None, doubts):
        say(doubt, err=True)


def say_never_in_force(given: Given, shown: pd.DataFrame) -> None:
    """A line for events of the user's own calendar (``shown``, an agenda) that were called off before their effect."""
    from forecast.report.agenda import never_in_force

    for sentence in never_in_force(shown) if tuple(given.events) != (SHIPPED,) else []:
        say(sentence)


def say_misspelt(events: pd.DataFrame, exports: pd.DataFrame) -> None:
    """A line for each event whose product may be a slip for one of the exports'; it acts on nothing as it is."""
    from forecast.vocabulary.products import misspelt

    for sentence in [] if _is_quiet() else misspelt(events, exports["product"].unique()):
        say(sentence, err=True)


def given_events(files: Sequence[str]) -> pd.DataFrame:
    """The calendar of all ``files``, or an empty one for the word that says so."""
    import forecast as fc

    if NO_EVENTS not in files:
        return fc.read_events(*files)
    if len(files) > 1:
        raise typer.BadParameter("'none' stands alone: it means no events at all.", param_hint="--events")
    return fc.read_events().iloc[:0]


def _record(given: Given) -> pd.DataFrame | None:
    from forecast.report.track_record import read_track_record

    as_shipped = given.exports == given.events == (SHIPPED,) and given.experience != NO_EXPERIENCE
    return read_track_record() if as_shipped else None


# A store -------------------------------------------------------------------------------------------------------------


def say_whose_figures() -> None:
    """A line where the shipped figures are taken and there is a store of the user, with the way to take its figures."""
    own = own_store()
    if own is not None and not _is_quiet():
        say(f"These are the shipped figures; for those of your own store add --store {own}.", err=True)


def own_store() -> Path | None:
    """The store of the newest update in ``output/``, or that of the user's data folder, if any."""
    from forecast.store.database import StoreError, default_path
    from forecast.tables.run_folder import OutputError, read_about

    for folder in sorted(Path("output").glob("update-*"), reverse=True):
        try:
            named = read_about(folder).get("arguments", {}).get("store")
        except OutputError:
            continue
        if isinstance(named, str) and Path(named).is_file():
            return Path(named)
    try:
        return default_path() if holds_figures(default_path()) else None
    except StoreError:  # in use
        return None


def opened_store(path: Path | None, remedy: str = "Make one with forecast update FILE.") -> Store:
    """The store at a place, or in the user's data folder.

    Raises
    ------
    StoreError
        When there is none.
    """
    from forecast.store.database import Store, StoreError, default_path

    place = path or default_path()
    if not place.exists():
        raise StoreError(f"{place}: expected a store, found none. {remedy}")
    return Store(place, today=today())


def holds_figures(path: Path | None) -> bool:
    """Whether there is a store at ``path`` with figures in it."""
    from forecast.store.vintages import exports_as_of

    if path is None or not path.exists():
        return False
    with opened_store(path) as store:
        return len(exports_as_of(store, today())) > 0


def stored_calendar(path: Path) -> pd.DataFrame:
    """The calendar of the last issue of a store; the shipped one where nothing was issued yet."""
    from forecast.store.issued import issued_calendar, issues

    with opened_store(path) as store:
        past = issues(store)
        return issued_calendar(store, past[-1]) if past else given_events([SHIPPED])


def _of_store(given: Given, path: Path) -> Tables:
    """Figures and calendar of the last issue of a store, beside what is learned from.

    Raises
    ------
    StoreError
        When nothing was issued yet.
    """
    from forecast.store.database import StoreError
    from forecast.store.issued import issued_forecasts, issues

    with opened_store(path) as store:
        past = issues(store)
        if not past:
            raise StoreError(
                f"{path}: expected an issued forecast, found none. Run forecast update FILE --store of it."
            )
        tables = stored_tables(store, past[-1], given)
        products = issued_forecasts(store, past[-1].number)["product"].unique()
    return replace(tables, issued=past[-1].issued, products=tuple(sorted(products)))


def stored_tables(store: Store, issue: Issue, given: Given) -> Tables:
    """Figures and calendar of an issue, beside the figures of other products to learn from, and the track record."""
    import forecast as fc
    from forecast.report.track_record import first_known
    from forecast.sources.plain import of_other_products
    from forecast.store.issued import issued_calendar
    from forecast.store.track import held_record, track
    from forecast.store.update import with_experience
    from forecast.store.vintages import exports_as_of

    own, learned = exports_as_of(store, issue.issued, issue.places, before_withdrawal=True), given.figures_to_learn_from
    exports, totals = own, None
    if learned is not None:
        exports = with_experience(fc.read_exports(learned, today=today()), own, issue.issued)
    if learned == SHIPPED:
        totals = of_other_products(fc.read_period_totals(), own)
    record = first_known(held_record(track(store, issue.issued)))
    calendar = given_events(given.events) if given.events else issued_calendar(store, issue)
    others = frozenset(exports["product"].unique()) - frozenset(own["product"].unique())
    return Tables(exports, calendar, fc.read_groups(), fc.read_destinations(), totals, record, today(), others)


def names(places: pd.DataFrame) -> dict[str, str]:
    """Names of destinations by their codes, and that of the rest of the world."""
    from forecast.tables.schema import REST_OF_WORLD

    return dict(zip(places["code"], places["name"], strict=True)) | {REST_OF_WORLD: "Rest of world"}


def with_rest(tables: Tables, issued: date) -> Tables:
    """The tables with the rest of the world among the exports, as known on a day."""
    from forecast.realtime.rest_of_world import with_rest_of_world

    return replace(tables, exports=with_rest_of_world(tables.exports, tables.groups, issued))
