"""From what a source says in its own words to rows of the exports table, with a reason for every row that is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.safety.limits import SMALLEST_VOLUME_T, is_covered_day
from forecast.tables.cells import LARGEST_VOLUME_T
from forecast.tables.read import usual_release
from forecast.vocabulary.countries import memberships, places
from forecast.vocabulary.months import is_buddhist, months, why_no_month
from forecast.vocabulary.numbers import is_gap, numbers
from forecast.vocabulary.text import of_each, shown, slug
from forecast.vocabulary.units import unit_of

KEY = ["product", "destination", "month", "released"]
UNUSED_COLUMNS = ["file", "row", "reason", "product", "destination", "month", "volume"]
ROW_COLUMNS = ["file", "row", "exporter", *KEY, "volume_t", "status", "source", "dated"]


@dataclass(frozen=True)
class ReadSettings:
    """What the caller says of files that do not say it."""

    today: date
    columns: Mapping[str, str] = field(default_factory=dict)
    unit: str = ""
    product: str = ""
    destination: str = ""
    exporter: str = ""
    released: date | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    decimal: str | None = None


@dataclass(frozen=True)
class Extract:
    """The cells of one table that matter, as its source wrote them.

    ``cells`` has a row per figure, the number of its row in the file as index and the columns ``product``,
    ``destination``, ``month``, ``volume``, ``unit``, and where the source has them ``exporter``, ``released`` (days as
    ``YYYY-MM-DD``) and ``status``. ``left_out`` says why a row is not used; it is empty for the others.
    """

    file: str
    what: str
    cells: pd.DataFrame
    left_out: pd.Series
    source: str
    authority: str = ""
    parts: bool = False
    """Whether rows of one key are parts of a figure, to be added."""
    release: Callable[[pd.Period], date] = usual_release
    notes: tuple[str, ...] = ()
    comma_separated: bool = True


@dataclass(frozen=True)
class Reading:
    """One table as read: ``rows`` with `ROW_COLUMNS`, ``unused`` with `UNUSED_COLUMNS`."""

    file: str
    what: str
    rows: pd.DataFrame
    unused: pd.DataFrame
    notes: tuple[str, ...] = ()


def china_release(month: pd.Period) -> date:
    """The day on which Chinese customs publish ``month`` by country: January comes with February.

    Examples
    --------
    >>> china_release(pd.Period("2026-01", freq="M")), china_release(pd.Period("2026-03", freq="M"))
    (datetime.date(2026, 3, 20), datetime.date(2026, 4, 20))
    """
    return usual_release(month + 1 if month.month == 1 else month)


def united_states_release(month: pd.Period) -> date:
    """The day by which the US Census has published ``month``: about five weeks after its end.

    Examples
    --------
    >>> united_states_release(pd.Period("2025-05", freq="M"))
    datetime.date(2025, 7, 9)
    """
    after = month + 2
    return date(after.year, after.month, 9)


def reading(extract: Extract, settings: ReadSettings) -> Reading:
    """The rows of ``extract`` that are figures of a destination and a month, and the others with the reason."""
    cells = extract.cells
    known = places(extract.authority, settings.names)
    codes, no_code = known.each(cells["destination"])
    period = months(cells["month"])
    no_month = _month_reasons(cells["month"], period, settings.today)
    codes = memberships(codes, period.where(no_month == "", None))
    no_code = no_code.where((no_code != "") | (codes != ""), "the EU of a membership that is not on file")
    units = _units(cells, settings)
    volume, no_volume = _volumes(cells["volume"], units, extract, settings)
    stated = _stated_releases(cells, settings)
    reason = extract.left_out.astype(object)
    for other in (
        no_code,
        no_month,
        no_volume,
        _release_reasons(stated, period, settings.today),
        _unnamed(cells, settings),
    ):
        reason = reason.where(reason != "", other)
    used = (reason == "").to_numpy()
    rows = _rows(extract, codes, period, stated, volume, units)[used]
    notes = list(extract.notes)
    if is_buddhist(cells["month"].unique()[:50]):
        notes.append("Years are of the Thai calendar (543 ahead of the common one).")
    return Reading(
        extract.file,
        extract.what,
        _added(rows) if extract.parts else rows,
        _unused(extract, cells[~used], reason[~used]),
        tuple(notes),
    )


def directed(
    reporter: pd.Series, partner: pd.Series, imports: pd.Series, authority: str
) -> tuple[pd.Series, pd.Series]:
    """Exporter (a code, or the word where it is not known) and destination of flows that ``reporter`` declared.

    What a reporter imports is what its partner exports to it.
    """
    exporter = reporter.where(~imports, partner)
    codes, _ = places(authority).each(exporter)
    return codes.where(codes != "", exporter.map(shown)), partner.where(~imports, reporter)


def repeated_rows(cells: pd.DataFrame) -> pd.Series:
    """A reason for each row that stands already above, equal in every cell; empty for the others."""
    again = cells.duplicated()
    return pd.Series(np.where(again, "the same row stands already above", ""), index=cells.index, dtype=object)


def unused_rows(file: str, rows: pd.DataFrame, reason: str) -> pd.DataFrame:
    """Rows of a `Reading` as rows that were not used, for one reason."""
    return pd.DataFrame(
        {
            "file": rows["file"],
            "row": rows["row"],
            "reason": reason,
            "product": rows["product"],
            "destination": rows["destination"],
            "month": rows["month"],
            "volume": rows["volume_t"].map(lambda volume: f"{volume:g} t"),
        },
        columns=UNUSED_COLUMNS,
    ).assign(file=file or rows["file"])


def _month_reasons(cells: pd.Series, period: pd.Series, today: date) -> pd.Series:
    last = pd.Period(today, freq="M")
    why = of_each(cells, why_no_month)
    late = of_each(period.astype(str), lambda text: text not in ("None", "NaT", "nan") and text > str(last))
    reasons = why.where(period.isna(), "")
    return reasons.where(~late.astype(bool), f"a month after today's, {last}").astype(object)


def _units(cells: pd.DataFrame, settings: ReadSettings) -> pd.Series:
    """The unit of each row: what the row says, else what the caller says."""
    said = cells["unit"].where(cells["unit"] != "", settings.unit)
    if settings.unit and unit_of(settings.unit).money:
        said = pd.Series(settings.unit, index=cells.index, dtype=object)
    product = settings.product or cells["product"]
    return of_each(said + "|" + product, lambda pair: unit_of(*pair.split("|", 1)))


def _unnamed(cells: pd.DataFrame, settings: ReadSettings) -> pd.Series:
    """A reason for rows without a product, where the caller names none."""
    why = "no product: name it with --product"
    return of_each(cells["product"], lambda text: "" if settings.product or slug(text) else why)


def _volumes(
    cells: pd.Series, units: pd.Series, extract: Extract, settings: ReadSettings
) -> tuple[pd.Series, pd.Series]:
    """Tonnes (or millions of money), and why a cell is none."""
    number = numbers(cells, settings.decimal, extract.comma_separated)
    different = {id(unit): unit for unit in units}
    factor = units.map({unit: unit.factor for unit in different.values()}).astype(float)
    volume = _in_tonnes(number, factor)
    refusal = units.map({unit: unit.refusal for unit in different.values()})
    gaps = of_each(cells.where(number.isna(), "0"), is_gap).astype(bool)
    reasons: list[tuple[pd.Series, Any]] = [
        (gaps, "no figure (an empty cell)"),
        (~np.isfinite(number.fillna(0)) | (number.isna() & ~gaps), "a volume that is no number"),
        (refusal != "", refusal),
        (number < 0, "a volume below zero"),
        (volume > LARGEST_VOLUME_T, "more than 1e9 tonnes: is the unit right?"),
        ((volume > 0) & (volume < SMALLEST_VOLUME_T), "less than 1e-9 tonnes, which is no quantity"),
    ]
    reason = pd.Series("", index=cells.index, dtype=object)
    for where, why in reasons:
        reason = reason.mask((where & (reason == "")).to_numpy(dtype=bool), why)
    return volume, reason


def _in_tonnes(number: pd.Series, factor: pd.Series) -> pd.Series:
    """Tonnes, by division where a tonne is a whole number of the unit: 14,337,800 kg is 14337.8 t to the last bit."""
    in_a_tonne = 1 / factor
    whole = in_a_tonne.round()
    return (number / whole).where((in_a_tonne - whole).abs() < 1e-6 * whole, number * factor)


def _stated_releases(cells: pd.DataFrame, settings: ReadSettings) -> pd.Series:
    """The release day of each row as text: what the row says, else what the caller says; empty where neither does."""
    caller = str(settings.released or "")
    if "released" not in cells:
        return pd.Series(caller, index=cells.index, dtype=object)
    return cells["released"].where(cells["released"] != "", caller)


def _release_reasons(stated: pd.Series, period: pd.Series, today: date) -> pd.Series:
    """Why a figure cannot have come out on the day stated; empty where it can."""

    def why(pair: str) -> str:
        day, _, month = pair.rpartition(" ")
        if not day:
            return ""
        if not is_covered_day(day):
            return "a release day that is none written YYYY-MM-DD"
        if date.fromisoformat(day) > today:
            return f"a release day after today, {today}"
        early = month[:4].isdigit() and date.fromisoformat(day) < pd.Period(month, freq="M").end_time.date()
        return "a release day before the end of its month" if early else ""

    return of_each(stated + " " + period.astype(str), why)


def _rows(
    extract: Extract, codes: pd.Series, period: pd.Series, stated: pd.Series, volume: pd.Series, units: pd.Series
) -> pd.DataFrame:
    cells = extract.cells
    empty = pd.Series("", index=cells.index, dtype=object)
    usual = of_each(period.astype(str), lambda text: _day(text, extract.release))
    money = units.map({unit: f"{unit.money.lower()}_million" if unit.money else "" for unit in set(units)}).astype(
        object
    )
    status = of_each(cells.get("status", empty), shown).replace("", "reported")
    return pd.DataFrame(
        {
            "file": extract.file,
            "row": cells.index,
            "exporter": cells.get("exporter", empty).to_numpy(),
            "product": of_each(cells["product"], slug).to_numpy(),
            "destination": codes.to_numpy(),
            "month": period.astype(str).to_numpy(dtype=object),
            "released": stated.where(stated != "", usual).to_numpy(),
            "volume_t": volume.to_numpy(),
            "status": money.where(money != "", status).to_numpy(dtype=object),
            "source": extract.source,
            "dated": (stated != "").to_numpy(),
        },
        columns=ROW_COLUMNS,
    )


def _day(month: str, release: Callable[[pd.Period], date]) -> str:
    return str(release(pd.Period(month, freq="M"))) if month[:4].isdigit() else ""


def _added(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one key as one, in the order of their first; estimated where a part is."""
    if rows.empty:
        return rows
    ways: dict[str, Any] = dict.fromkeys(ROW_COLUMNS, "first") | {"volume_t": "sum", "status": _worst}
    keys = ["exporter", *KEY]
    repeated = rows.duplicated(keys, keep=False)
    if not repeated.any():
        return rows
    summed = (
        rows[repeated].groupby(keys, sort=False, as_index=False).agg({n: w for n, w in ways.items() if n not in keys})
    )
    return pd.concat([rows[~repeated], summed[ROW_COLUMNS]]).sort_values("row", kind="stable", ignore_index=True)


def _worst(statuses: pd.Series) -> str:
    return "estimated" if "estimated" in set(statuses) else str(statuses.iloc[0])


def _unused(extract: Extract, cells: pd.DataFrame, reason: pd.Series) -> pd.DataFrame:
    """Cells as they stand in the file, cleaned."""
    seen = {name: of_each(cells[name], shown).to_numpy() for name in ("product", "destination", "month", "volume")}
    head = {"file": extract.file, "row": cells.index, "reason": reason.to_numpy()}
    return pd.DataFrame({**head, **seen}, columns=UNUSED_COLUMNS)
