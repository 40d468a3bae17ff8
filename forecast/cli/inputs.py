"""The files that were given, and the tables read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from click import get_current_context

from forecast.cli.console import say
from forecast.cli.options import NO_EVENTS, NO_EXPERIENCE, PRIORS, SHIPPED

if TYPE_CHECKING:
    import pandas as pd

    from forecast.sources.plain import ExportFiles


def today() -> date:
    """The day of the call."""
    return date.today()


@dataclass(frozen=True)
class Given:
    """Files as given on the command line, or the word for the shipped ones."""

    exports: tuple[str, ...]
    events: tuple[str, ...]
    experience: str = PRIORS
    every_product: bool = True
    """Whether all products of the files are forecast where none is named."""

    @classmethod
    def of(cls, exports: Sequence[str] | None, events: Sequence[str] | None, experience: str = PRIORS) -> Given:
        """What the options say; the shipped files where they say nothing."""
        return cls(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]), experience, bool(exports))

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
    import forecast as fc

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
    context = get_current_context(silent=True)
    if not (context and context.params.get("quiet")):
        for line in found.said:
            say(line, err=True)
    return found


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


def names(places: pd.DataFrame) -> dict[str, str]:
    """Names of destinations by their codes, and that of the rest of the world."""
    from forecast.tables.schema import REST_OF_WORLD

    return dict(zip(places["code"], places["name"], strict=True)) | {REST_OF_WORLD: "Rest of world"}


def with_rest(tables: Tables, issued: date) -> Tables:
    """The tables with the rest of the world among the exports, as known on a day."""
    from forecast.realtime.rest_of_world import with_rest_of_world

    return replace(tables, exports=with_rest_of_world(tables.exports, tables.groups, issued))
