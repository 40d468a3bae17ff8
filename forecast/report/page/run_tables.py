"""A backtest as its folder tells it: every table, what made them, and the calendar that it used."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.realtime.phases import phases
from forecast.registry import MODELS
from forecast.safety.atomic import is_file, read_regular
from forecast.safety.limits import LARGEST_FILE
from forecast.scoring.significance import SIGNIFICANCE_COLUMNS
from forecast.sources.plain import read_destinations, read_events, read_exports, read_groups
from forecast.tables.frames import latest_figures, records
from forecast.tables.read import TableError
from forecast.tables.run_folder import WITHOUT_EVENTS, OutputError, check_forecasts, read_about, read_saved
from forecast.tables.schema import RUN_TABLES, SCORES, ColumnType, TableSchema
from forecast.verify.parity import PARITY_COLUMNS
from forecast.vocabulary.shipped import SHIPPED, shipped

_T = ColumnType
_TYPES = {
    "product": _T.LABEL,
    "destination": _T.LABEL,
    "issued": _T.LABEL_DAY,
    "month": _T.MONTH,
    **dict.fromkeys(["n", "months"], _T.COUNT),
    **dict.fromkeys(["model", "slice", "against", "measure", "verdict", "order", "reason"], _T.TEXT),
}


def _typed_as(columns: Sequence[str]) -> dict[str, ColumnType]:
    """Columns with their types; those without one of their own are numbers."""
    return {name: _TYPES.get(name, _T.NUMBER) for name in columns}


TABLES = {
    table.name: table
    for table in (
        replace(RUN_TABLES["forecasts"], types={**RUN_TABLES["forecasts"].types, "actual_t": _T.NUMBER}),
        SCORES,
        TableSchema("significance", _typed_as(SIGNIFICANCE_COLUMNS), optional=True),
        RUN_TABLES["effects"],
        replace(RUN_TABLES["dropped"], optional=True),
        replace(RUN_TABLES["failures"], optional=True),
        TableSchema("parity", _typed_as(PARITY_COLUMNS), optional=True),
        RUN_TABLES["calibration"],
    )
}
"""The tables of a backtest's folder. Forecasts and scores every one has; any other may be missing."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A backtest read from its folder.

    Attributes
    ----------
    folder, about
        Where it is, and what its ``run.json`` says.
    forecasts, scores, significance, effects, dropped, failures, parity, calibration
        Its tables, typed. Volumes in tonnes, effects in logs. ``forecasts`` has ``actual_t`` (NaN where none is out)
        and ``phase`` (`forecast.realtime.phases.phases`), which is missing where the calendar is not at hand.
    events, exports
        The calendar and the figures that it used, or None where a file is gone or is no longer the same.
    missing
        A sentence for each of the two that is None.
    names
        Names of destinations by code.
    without_events
        The same run without events, where its folder has one.
    """

    folder: Path
    about: dict[str, Any]
    forecasts: pd.DataFrame
    scores: pd.DataFrame
    significance: pd.DataFrame
    effects: pd.DataFrame
    dropped: pd.DataFrame
    failures: pd.DataFrame
    parity: pd.DataFrame
    calibration: pd.DataFrame
    events: pd.DataFrame | None
    exports: pd.DataFrame | None
    missing: tuple[str, ...]
    names: dict[str, str]
    without_events: Replay | None

    @property
    def products(self) -> list[str]:
        """Products that the run forecast."""
        return sorted(self.forecasts["product"].unique())

    @property
    def models(self) -> list[str]:
        """Models of the run in their usual order, any other behind them."""
        found = sorted(self.forecasts["model"].unique())
        return [name for name in MODELS if name in found] + [name for name in found if name not in MODELS]

    @property
    def shown(self) -> str:
        """The model whose forecasts are shown: the combination where there is one, else the first."""
        return "combination" if "combination" in self.models else self.models[0]

    @property
    def scored(self) -> pd.DataFrame:
        """Forecasts whose actual is out."""
        return self.forecasts[self.forecasts["actual_t"].notna()]

    def name(self, destination: str) -> str:
        """The name of a destination; its code where it has none."""
        return self.names.get(destination, destination)


def read_replay(folder: str | Path, start: str | Path = ".") -> Replay:
    """The backtest in ``folder``, with the calendar and the figures that it used where they can still be found.

    A relative name of a file that the run read is sought from ``start``, then from the folder of the run and those
    above it.

    Raises
    ------
    OutputError
        When the folder is not that of a run, or the run is not a backtest with at least one actual.

    Examples
    --------
    >>> read_replay("nowhere")
    Traceback (most recent call last):
    forecast.tables.run_folder.OutputError: nowhere: expected the folder of a run, found no run.json that can be read.
    """
    folder = Path(folder)
    beside = folder / WITHOUT_EVENTS
    without = _read_one(beside, Path(start), None) if beside.is_dir() else None
    return _read_one(folder, Path(start), without)


def _read_one(folder: Path, start: Path, without_events: Replay | None) -> Replay:
    """One run, with that which was read from beside it."""
    about = read_about(folder)
    tables = {name: read_table(folder, name) for name in TABLES}
    if not tables["forecasts"]["actual_t"].notna().any():
        raise OutputError(f"{folder}: expected a backtest, found no forecast whose actual is out.")
    inputs = RunInputs(folder, start.absolute(), about)
    events, no_events = inputs.events()
    exports, no_exports = inputs.exports()
    return Replay(
        folder=folder,
        about=about,
        **tables | {"forecasts": _with_phase(tables["forecasts"], events)},
        events=events,
        exports=exports,
        missing=tuple(sentence for sentence in (no_events, no_exports) if sentence),
        names={str(row.code): str(row.name) for row in records(read_destinations())},
        without_events=without_events,
    )


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Table ``name`` of a backtest's folder, typed; without rows where there is no such file.

    Raises
    ------
    OutputError
        When a table that every backtest has is missing, or one lacks a column or has a cell of another type.
    """
    table = read_saved(Path(folder), TABLES[name], "backtest")
    if name == "forecasts":
        check_forecasts(Path(folder) / "forecasts.csv", table)
    return table


def _with_phase(forecasts: pd.DataFrame, events: pd.DataFrame | None) -> pd.DataFrame:
    return forecasts if events is None else forecasts.assign(phase=phases(forecasts, events, read_groups()))


# Calendar and figures -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunInputs:
    """The files that the run in ``folder`` read, as far as they can still be found, the same by their sha256."""

    folder: Path
    start: Path
    about: dict[str, Any]

    def events(self) -> tuple[pd.DataFrame | None, str]:
        """The calendar of the run, or None and the reason; a run without events has an empty one."""
        if self._words("events") == ["none"]:
            return read_events().iloc[:0], ""
        return self._read("events", read_events)

    def exports(self) -> tuple[pd.DataFrame | None, str]:
        """The figures of the run, or None and the reason."""
        return self._read("exports", read_exports)

    def _read(self, kind: str, read: Callable[..., pd.DataFrame]) -> tuple[pd.DataFrame | None, str]:
        name = f"{kind}.csv"
        paths, reason = self._same_files(name, self._words(kind))
        if reason:
            return None, reason
        try:
            return read(*paths), ""
        except TableError as error:
            return None, f"The file that the run read as {name} cannot be read any more: {error.problems[0]}"

    def _words(self, kind: str) -> list[str]:
        given = self.about.get("arguments", {}).get(kind) or [SHIPPED]
        return [given] if isinstance(given, str) else list(given)

    def _same_files(self, name: str, words: Sequence[str]) -> tuple[list[str], str]:
        """Paths of the files that the run read, or the reason why they are not used.

        A copy inside the folder comes first. Every file must have a sha256 that stands in ``run.json``.
        """
        copy = self.folder / name
        paths = [copy] if copy.exists() else [self._place(name, word) for word in words]
        known = set(self.about.get("inputs", {}).values())
        for path in paths:
            if not is_file(path):
                return [], f"The file {path.name} that the run read as {name} is not there any more."
            if sha256(path) not in known:
                return [], f"The file {path.name} is not the one that the run read as {name}: its sha256 differs."
        return [*map(str, paths)], ""

    def _place(self, name: str, word: str) -> Path:
        """Where a file as named on the command line lies now: the first place where there is one."""
        if word == SHIPPED:
            return shipped(name)
        places = [place / word for place in (self.start, self.folder, *self.folder.absolute().parents)]
        return next(filter(is_file, places), self.start / word)


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    return hashlib.sha256(read_regular(path, LARGEST_FILE)).hexdigest()


def actuals_of(replay: Replay, product: str, destination: str) -> pd.Series:
    """Volumes of a series in tonnes by month, oldest first: all on file, or those that the forecasts were scored with.

    Months that nobody published are absent.
    """
    if replay.exports is None:
        rows = replay.scored.assign(volume_t=replay.scored["actual_t"])
    else:
        rows = latest_figures(replay.exports)
    own = rows[(rows["product"] == product) & (rows["destination"] == destination)]
    latest: pd.Series = own.drop_duplicates("month", keep="last").set_index("month")["volume_t"].sort_index()
    return latest
