"""Vintages of export figures: appended with the day on which they were released and taken in, never overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.safety.atomic import read_regular
from forecast.safety.limits import LARGEST_FILE
from forecast.store.database import Store, StoreError
from forecast.tables.schema import EXPORT_COLUMNS, FIGURE_KEY, WITHDRAWN

SAME = 1e-9
"""Relative difference up to which two figures are one."""
REVISION_COLUMNS = [
    *FIGURE_KEY,
    "first_t",
    "first_released",
    "latest_t",
    "latest_released",
    "change",
    "days",
    "releases",
]


@dataclass(frozen=True)
class Appended:
    """What an append added: counts of rows, and whether the files had been taken in before."""

    new: int = 0
    revised: int = 0
    known: int = 0
    redated: int = 0

    @property
    def total(self) -> int:
        """Rows that were added."""
        return self.new + self.revised


def digest(path: str | Path) -> str:
    """The sha256 of a file."""
    return hashlib.sha256(read_regular(Path(path), LARGEST_FILE)).hexdigest()


def unknown_files(store: Store, digests: Mapping[str, str], reading: str = "") -> list[str]:
    """The names of those files (``digests`` by name) that were not taken in yet, read as ``reading`` says."""
    known = set(store.query("SELECT sha256 FROM files WHERE reading = ?", [reading])["sha256"])
    return [name for name, found in digests.items() if found not in known]


def append(
    store: Store, exports: pd.DataFrame, digests: Mapping[str, str], ingested: date, reading: str = ""
) -> Appended:
    """Add the figures of files that say something new, each with its release and the day on which it was taken in.

    A figure equal to what was known on its release day is not added again. One that differs from a figure on file with
    the same release day is a revision whose own release nobody stated: it counts as known from ``ingested``.

    ``exports`` has the columns of `forecast.tables.schema.EXPORT_COLUMNS` (tonnes), ``digests`` the sha256 of the files
    by name, ``reading`` says how they were read: the same file read in another way is another one.
    """
    ingest = store.next_number("files", "ingest")
    fresh = _fresh(latest_vintages(store), exports.reset_index(drop=True), ingested)
    rows = fresh[fresh["verdict"].isin(["new", "revised"])]
    first = store.next_number("vintages", "place")
    added = rows[EXPORT_COLUMNS].assign(place=np.arange(first, first + len(rows)), ingest=ingest, ingested=ingested)
    files = [(ingest, found, reading, name, ingested) for name, found in digests.items()]
    store.append("files", pd.DataFrame(files, columns=["ingest", "sha256", "reading", "name", "ingested"]))
    store.append("vintages", added)
    new, revised, known = (int((fresh["verdict"] == verdict).sum()) for verdict in ("new", "revised", "known"))
    return Appended(new, revised, known, int(rows["redated"].sum()))


def _fresh(known: pd.DataFrame, exports: pd.DataFrame, ingested: date) -> pd.DataFrame:
    """``exports`` with a ``verdict`` on each row (new, revised, known), and the release day under which it is added.

    Rows of cells that are nowhere else are new, and rows that are on file as they are known; only the rest needs the
    history of its cell.
    """
    ordered = exports.sort_values("released", kind="stable").reset_index(drop=True)
    verdict = np.full(len(ordered), "", dtype=object)
    verdict[
        (
            ~ordered.duplicated(FIGURE_KEY, keep=False) & ~_index(ordered, FIGURE_KEY).isin(_index(known, FIGURE_KEY))
        ).to_numpy()
    ] = "new"
    verdict[_on_file(ordered, known)] = "known"
    rest = ordered[verdict == ""]
    history = known[_index(known, FIGURE_KEY).isin(_index(rest, FIGURE_KEY))]
    verdicts, days = _judged_by_history(history, rest, ingested)
    verdict[verdict == ""] = verdicts
    released = ordered["released"].to_numpy(dtype=object).copy()
    released[rest.index] = days
    return ordered.assign(verdict=verdict, released=released, redated=released != ordered["released"].to_numpy())


def _index(table: pd.DataFrame, columns: Sequence[str]) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[[*columns]])


def _on_file(exports: pd.DataFrame, known: pd.DataFrame) -> np.ndarray:
    """Whether each row stands on file with the same release day and volume."""
    keys = [*FIGURE_KEY, "released"]
    last = known[[*keys, "volume_t"]].drop_duplicates(keys, keep="last").rename(columns={"volume_t": "on_file"})
    found = exports[[*keys, "volume_t"]].merge(last, on=keys, how="left", indicator="where")
    alike = np.isclose(found["volume_t"], found["on_file"].astype(float), rtol=SAME, atol=0.0, equal_nan=True)
    return alike & (found["where"] == "both").to_numpy()


def _judged_by_history(known: pd.DataFrame, exports: pd.DataFrame, ingested: date) -> tuple[np.ndarray, np.ndarray]:
    """The verdict and the release day of each row, one after the other as they came out."""
    on_file: dict[tuple[object, ...], list[tuple[date, float]]] = {}
    for key, released, volume in zip(_cells(known), known["released"], known["volume_t"], strict=True):
        on_file.setdefault(key, []).append((released, volume))
    verdicts, days = np.full((2, len(exports)), None, dtype=object)
    rows = zip(_cells(exports), exports["released"], exports["volume_t"], strict=True)
    for place, (key, released, volume) in enumerate(rows):
        history = on_file.setdefault(key, [])
        verdicts[place], days[place] = _verdict(history, released, volume, ingested)
        if verdicts[place] != "known":
            history.append((days[place], volume))
    return verdicts, days


def _verdict(history: Sequence[tuple[date, float]], released: date, volume: float, ingested: date) -> tuple[str, date]:
    """What a figure is beside those of its cell, and the day from which it counts as known."""
    if any(day == released and same(value, volume) for day, value in history):
        return "known", released
    earlier = [value for day, value in history if day <= released]
    if earlier and same(_last(history, released), volume):
        return "known", released
    if any(day == released for day, _ in history):
        return "revised", max(ingested, released)
    return ("revised" if history else "new"), released


def _last(history: Sequence[tuple[date, float]], day: date) -> float:
    """The last figure released by a day; of two of one day the one taken in later."""
    order = sorted(range(len(history)), key=lambda place: (history[place][0], place))
    return history[[place for place in order if history[place][0] <= day][-1]][1]


def same(one: float, other: float) -> bool:
    """Whether two figures are one, to the accuracy that text keeps."""
    return bool(np.isclose(one, other, rtol=SAME, atol=0.0, equal_nan=True))


def _cells(table: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(zip(table["product"], table["destination"], table["month"].astype(str), strict=True))


def withdraw(store: Store, cell: tuple[str, str, pd.Period], day: date, reason: str) -> None:
    """Record that the figure of (product, destination, month) was withdrawn on ``day``.

    Raises
    ------
    StoreError
        When there is no such figure by that day.
    """
    known = exports_as_of(store, day)
    product, destination, month = cell
    here = known[known["product"].eq(product) & known["destination"].eq(destination) & (known["month"] == month)]
    if here.empty:
        raise StoreError(f"{store.path}: {product} {destination} {month}: found no figure by {day} to withdraw.")
    row: dict[str, object] = {"product": product, "destination": destination, "month": str(month)}
    row |= {"volume_t": None, "released": day, "status": WITHDRAWN, "precision_t": None, "source": reason}
    place = store.next_number("vintages", "place")
    store.append("vintages", pd.DataFrame([row | {"place": place, "ingest": 0, "ingested": day}]))


# What was known ------------------------------------------------------------------------------------------------------


def latest_vintages(store: Store) -> pd.DataFrame:
    """Every vintage in the order in which it was taken in: the columns of exports and ``place``; withdrawn ones NaN."""
    return _typed(store.query("SELECT * FROM vintages ORDER BY place"))


def exports_as_of(
    store: Store, day: date, places: int | None = None, *, before_withdrawal: bool = False
) -> pd.DataFrame:
    """The exports table as known on ``day``: columns of the schema, each release a row; withdrawn cells are absent.

    ``places`` takes only the first so many vintages of the store: what it held when an issue was made. With
    ``before_withdrawal`` withdrawn cells are there, the withdrawal a row without a volume: for whoever replays earlier
    days, on which the figure stood.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> month = pd.Period("2025-05", freq="M")
    >>> row = dict(product="magnets", destination="USA", month=month, status="reported", precision_t=None, source="")
    >>> days = [(46.0, date(2025, 6, 20)), (47.0, date(2025, 7, 20))]
    >>> rows = [row | dict(volume_t=volume, released=day) for volume, day in days]
    >>> with TemporaryDirectory() as folder, Store(Path(folder) / "s.duckdb") as store:
    ...     _ = append(store, pd.DataFrame(rows), {"a.csv": "0"}, date(2025, 7, 21))
    ...     [exports_as_of(store, date(2025, month, 30))["volume_t"].tolist() for month in (5, 6, 7)]
    [[], [46.0], [46.0, 47.0]]
    """
    text = "SELECT * FROM vintages WHERE released <= ? AND place <= ? ORDER BY released, place"
    known = _typed(store.query(text, [day, places if places is not None else 2**62]))
    last = known.drop_duplicates(FIGURE_KEY, keep="last")
    kept = known
    if not before_withdrawal:
        gone = set(_cells(last[last["status"] == WITHDRAWN]))
        kept = known[np.array([key not in gone for key in _cells(known)], dtype=bool) & (known["status"] != WITHDRAWN)]
    kept = kept.drop_duplicates([*FIGURE_KEY, "released"], keep="last")
    return kept[EXPORT_COLUMNS].sort_values([*FIGURE_KEY, "released"], kind="stable").reset_index(drop=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    place, names = pd.factorize(rows["month"])
    months = pd.PeriodIndex([str(name) for name in names], freq="M").take(place)
    numbers = {name: rows[name].astype(float) for name in ("volume_t", "precision_t")}
    texts = {name: rows[name].astype(object) for name in ("product", "destination", "status", "source")}
    return rows.assign(month=pd.Series(months, index=rows.index), **numbers, **texts)


def revised_figures(
    store: Store, products: Sequence[str] | None = None, destinations: Sequence[str] | None = None
) -> pd.DataFrame:
    """The cells whose figure changed after its first release: columns `REVISION_COLUMNS`, sorted.

    ``first_t`` and ``latest_t`` are tonnes (NaN where withdrawn), ``change`` is latest / first - 1 (NaN where there is
    none, or from zero), ``days`` lie between the two releases, ``releases`` counts the different figures.
    """
    rows = latest_vintages(store).sort_values(["released", "place"], kind="stable")
    for name, chosen in (("product", products), ("destination", destinations)):
        rows = rows if chosen is None else rows[rows[name].isin(chosen)]
    found = [_revision(key, own) for key, own in rows.groupby(FIGURE_KEY, sort=True) if len(own) > 1]
    table = pd.DataFrame(found, columns=REVISION_COLUMNS)
    return table[table["releases"] > 1].reset_index(drop=True)


def _revision(key: object, own: pd.DataFrame) -> dict[str, object]:
    """One cell's first and latest figure."""
    first, latest = own.iloc[0], own.iloc[-1]
    changed = [not same(one, other) for one, other in zip(own["volume_t"], own["volume_t"].iloc[1:], strict=False)]
    change = latest["volume_t"] / first["volume_t"] - 1 if first["volume_t"] > 0 else np.nan
    figures = (first["volume_t"], first["released"], latest["volume_t"], latest["released"], change)
    days = (latest["released"] - first["released"]).days
    return dict(zip(REVISION_COLUMNS, (*_as_tuple(key), *figures, days, 1 + sum(changed)), strict=True))


def _as_tuple(key: object) -> tuple[object, ...]:
    return key if isinstance(key, tuple) else (key,)
