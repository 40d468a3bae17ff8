"""A backtest as its folder tells it: every table, what made them, and the calendar that it used."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.realtime.phases import phases
from forecast.registry import MODELS
from forecast.report.outlook import records
from forecast.scoring.significance import SIGNIFICANCE_COLUMNS
from forecast.sources.plain import read_destinations, read_events, read_exports, read_groups
from forecast.tables.run_folder import OutputError, read_about
from forecast.tables.schema import RUN_TABLES, SCORE_COLUMNS
from forecast.verify.parity import PARITY_COLUMNS
from forecast.vocabulary.shipped import SHIPPED, shipped

WITHOUT_EVENTS = "without_events"
"""The folder inside a run's folder that holds the same run without events."""

TABLES = {
    "forecasts": [*RUN_TABLES["forecasts"].columns, "actual_t"],
    "scores": SCORE_COLUMNS,
    "significance": SIGNIFICANCE_COLUMNS,
    "effects": RUN_TABLES["effects"].columns,
    "dropped": RUN_TABLES["dropped"].columns,
    "failures": RUN_TABLES["failures"].columns,
    "parity": PARITY_COLUMNS,
    "calibration": RUN_TABLES["calibration"].columns,
}
NEEDED = ("forecasts", "scores")
"""Without these two a folder is no backtest; any other table may be missing and is then empty."""

_DAYS = ("issued",)
_MONTHS = ("cutoff", "month", "last_known")
_COUNTS = ("horizon", "n", "n_mase", "months", "held", "cells")
_TEXTS = ("product", "destination", "model", "regressor", "reason", "slice", "against", "measure", "verdict", "order",
          "phase")  # fmt: skip


@dataclass(frozen=True)
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


def read_replay(folder: str | Path) -> Replay:
    """The backtest in ``folder``, with the calendar and the figures that it used where they can still be found.

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
    about = read_about(folder)
    tables = {name: read_table(folder, name) for name in TABLES}
    if not tables["forecasts"]["actual_t"].notna().any():
        raise OutputError(f"{folder}: expected a backtest, found no forecast whose actual is out.")
    events, no_events = _events(folder, about)
    exports, no_exports = _exports(folder, about)
    beside = folder / WITHOUT_EVENTS
    return Replay(
        folder=folder,
        about=about,
        **tables | {"forecasts": _with_phase(tables["forecasts"], events)},
        events=events,
        exports=exports,
        missing=tuple(sentence for sentence in (no_events, no_exports) if sentence),
        names={str(row.code): str(row.name) for row in records(read_destinations())},
        without_events=read_replay(beside) if beside.is_dir() else None,
    )


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """Table ``name`` of a backtest's folder, typed; without rows where there is no such file.

    Raises
    ------
    OutputError
        When a table that every backtest has is missing, or lacks a column.
    """
    path = folder / f"{name}.csv"
    if not path.exists() and name not in NEEDED:
        return pd.DataFrame(columns=TABLES[name])
    try:
        raw = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: expected {name}.csv of a backtest, found none that can be read.") from error
    lacking = ", ".join(column for column in TABLES[name] if column not in raw)
    if lacking:
        raise OutputError(f"{path}: expected the columns of a backtest, found none called {lacking}.")
    return raw.apply(_typed)


def _typed(cells: pd.Series) -> pd.Series:
    """A column of text as what its name says it holds; whatever has no other type is a number."""
    if cells.name in _TEXTS:
        return cells
    if cells.name in _DAYS:
        return cells.map(date.fromisoformat).astype(object)
    if cells.name in _MONTHS:
        return pd.Series(pd.PeriodIndex(cells, freq="M"), cells.index)
    return cells.astype(int) if cells.name in _COUNTS else cells.replace("", "nan").astype(float)


def _with_phase(forecasts: pd.DataFrame, events: pd.DataFrame | None) -> pd.DataFrame:
    return forecasts if events is None else forecasts.assign(phase=phases(forecasts, events, read_groups()))


# Calendar and figures -------------------------------------------------------------------------------------------------


def _events(folder: Path, about: dict[str, Any]) -> tuple[pd.DataFrame | None, str]:
    """The calendar of a run, or None and the reason; a run without events has an empty one."""
    words = _arguments(about, "events")
    if words == ["none"]:
        return read_events().iloc[:0], ""
    paths, reason = _same_files(folder, about, "events.csv", words)
    return (None, reason) if reason else (read_events(*paths), "")


def _exports(folder: Path, about: dict[str, Any]) -> tuple[pd.DataFrame | None, str]:
    paths, reason = _same_files(folder, about, "exports.csv", _arguments(about, "exports"))
    return (None, reason) if reason else (read_exports(*paths), "")


def _arguments(about: dict[str, Any], name: str) -> list[str]:
    given = about.get("arguments", {}).get(name) or [SHIPPED]
    return [given] if isinstance(given, str) else list(given)


def _same_files(folder: Path, about: dict[str, Any], name: str, words: Sequence[str]) -> tuple[list[str], str]:
    """Paths of the files that a run read, or the reason why they are not used.

    A copy inside the folder comes first. Every file must have a sha256 that stands in ``run.json``.
    """
    copy = folder / name
    paths = [str(copy)] if copy.exists() else [str(shipped(name)) if word == SHIPPED else word for word in words]
    known = set(about.get("inputs", {}).values())
    for path in paths:
        if not Path(path).is_file():
            return [], f"The file {Path(path).name} that the run read as {name} is not there any more."
        if sha256(Path(path)) not in known:
            return [], f"The file {Path(path).name} is not the one that the run read as {name}: its sha256 differs."
    return paths, ""


def sha256(path: Path) -> str:
    """The sha256 of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def actuals_of(replay: Replay, product: str, destination: str) -> pd.Series:
    """Volumes of a series in tonnes by month, oldest first: all on file, or those that the forecasts were scored with.

    Months that nobody published are absent.
    """
    if replay.exports is None:
        rows = replay.scored.assign(volume_t=replay.scored["actual_t"])
    else:
        rows = replay.exports.sort_values("released", kind="stable")
    own = rows[(rows["product"] == product) & (rows["destination"] == destination)]
    latest: pd.Series = own.drop_duplicates("month", keep="last").set_index("month")["volume_t"].sort_index()
    return latest
