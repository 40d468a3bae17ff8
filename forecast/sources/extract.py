"""From what a source says in its own words to rows of the exports table, with a reason for every row that is none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from forecast.safety.limits import SMALLEST_VOLUME_T, is_covered_day
from forecast.tables.cells import LARGEST_VOLUME_T, Texts, labels
from forecast.tables.frames import says_withdrawn, usual_release, withdrawals
from forecast.tables.schema import WITHDRAWN
from forecast.vocabulary.countries import EUROPEAN_UNION, Places, listed, memberships, places
from forecast.vocabulary.months import is_buddhist, months, why_no_month
from forecast.vocabulary.numbers import is_gap, numbers
from forecast.vocabulary.text import counted, of_each, shown, slug
from forecast.vocabulary.units import Unit, unit_as_asked

KEY = ["product", "destination", "month", "released"]
NO_FIGURE = "no figure (an empty cell)"
"""Why a row without a volume is not used."""

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
    ``destination``, ``month``, ``volume``, ``unit``, and where the source has them ``exporter``, ``imports`` (whether
    it is the destination that declared them), ``released`` (days as ``YYYY-MM-DD``) and ``status``. ``left_out`` says
    why a row is not used; it is empty for the others.
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
    unnamed: str = ""
    """The layout of a table in which nothing names the product; empty where something does."""
    file_product: str = ""
    """What the product of such a table is called after its file."""
    summed: str = ""
    """What calls the figures sums since the beginning of each year; empty where they are of single months."""


@dataclass(frozen=True)
class Reading:
    """One table as read: ``rows`` with `ROW_COLUMNS`, ``unused`` with `UNUSED_COLUMNS`."""

    file: str
    what: str
    rows: pd.DataFrame
    unused: pd.DataFrame
    notes: tuple[str, ...] = ()


Reasons = tuple[np.ndarray, Sequence[str] | np.ndarray | pd.Index]
"""Why rows are not used: the place of each row's reason, and the different ones, empty for none."""


@dataclass(frozen=True)
class _Months:
    """The month of each row: ``codes`` are places among ``different`` periods, None where a cell is no month."""

    codes: np.ndarray
    different: pd.Series


@dataclass(frozen=True)
class _Units:
    """The unit of each row: ``codes`` are places among ``different`` units."""

    codes: np.ndarray
    different: list[Unit]


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


EUROPEAN_UNION_DAYS = 46
"""Days after the end of a month by which Eurostat has published it of all members."""


def european_union_release(month: pd.Period) -> date:
    """The day by which Eurostat has published ``month`` of all members: about 46 days after its end.

    Examples
    --------
    >>> european_union_release(pd.Period("2025-05", freq="M"))
    datetime.date(2025, 7, 16)
    """
    return date.fromordinal(month.end_time.toordinal() + EUROPEAN_UNION_DAYS)


def reading(extract: Extract, settings: ReadSettings) -> Reading:
    """The rows of ``extract`` that are figures of a destination and a month, and the others with the reason."""
    cells = extract.cells
    month, place = Texts.of(cells["month"]), Texts.of(cells["destination"])
    period = months(pd.Series(month.different, dtype=object))
    units = _units(cells, settings)
    codes, no_code = _destinations(place, month, period, places(extract.authority, settings.names))
    volume, no_volume = _volumes(Texts.of(cells["volume"]), units, extract, settings)
    left_out = Texts.of(extract.left_out)
    no_month = _month_reasons(month.different, period, settings.today)
    other = [_releases(cells, settings, month, period), _unnamed(cells, settings)]
    reason = _first_reason([(left_out.codes, left_out.different), no_code, (month.codes, no_month), *no_volume, *other])
    rows = _rows(extract, settings, codes, _Months(month.codes, period), volume, units)
    reason, rows = _with_withdrawn(reason, rows)
    used = np.flatnonzero(reason.codes == 0)
    notes = list(extract.notes)
    if is_buddhist(list(month.different[:50])):
        notes.append("Years are of the Thai calendar (543 ahead of the common one).")
    if "imports" in cells:
        mirror = rows.iloc[used[cells["imports"].to_numpy(dtype=bool)[used]]]
        notes += _mirrored(mirror[mirror["exporter"] == settings.exporter] if settings.exporter else mirror)
    rows = rows.iloc[used] if len(used) < len(rows) else rows
    rows = _added(rows) if extract.parts else rows
    return Reading(extract.file, extract.what, rows, _unused(extract, reason), tuple(notes))


def _first_reason(reasons: Sequence[Reasons]) -> Texts:
    """The first reason of each row that is not empty, an empty one where there is none; that has the code 0."""
    said = {"": 0}
    found = np.zeros(len(reasons[0][0]), dtype=np.int16)
    for codes, words in reasons:
        of_word = np.array([said.setdefault(str(word), len(said)) for word in words], dtype=np.int16)
        if of_word.any():
            found = np.where(found == 0, of_word[codes], found)
    return Texts(found, pd.Index(list(said), dtype=object))


def _with_withdrawn(reason: Texts, rows: pd.DataFrame) -> tuple[Texts, pd.DataFrame]:
    """Rows without a figure that withdraw one of an earlier release are used; one withdrawn with a volume is not."""
    codes, said = reason.codes.copy(), [*reason.different]
    empty = rows["dated"].to_numpy(dtype=bool) & (codes == (said.index(NO_FIGURE) if NO_FIGURE in said else -1))
    if not empty.any() and WITHDRAWN not in {str(word).lower() for word in rows["status"].cat.categories}:
        return reason, rows
    sound = (codes == 0) | empty
    candidates = rows[sound].reset_index(drop=True)
    filled = says_withdrawn(candidates) & candidates["volume_t"].notna()
    gone = withdrawals(candidates)
    if not (filled.any() or gone.any()):
        return reason, rows
    places = np.flatnonzero(sound)
    codes[places[gone]], codes[places[filled]] = 0, len(said)
    status = rows["status"].astype(str).to_numpy(dtype=object)
    status[places[gone]] = WITHDRAWN
    words = pd.Index([*said, "a volume under the status withdrawn"], dtype=object)
    return Texts(codes, words), rows.assign(status=pd.Categorical(status))


def directed(
    reporter: pd.Series, partner: pd.Series, imports: pd.Series, authority: str
) -> tuple[pd.Series, pd.Series]:
    """Exporter (a code, or the word where it is not known) and destination of flows that ``reporter`` declared.

    What a reporter imports is what its partner exports to it.
    """
    exporter = reporter.where(~imports, partner)
    codes, _ = places(authority).each(exporter)
    return codes.where(codes != "", of_each(exporter, shown)), partner.where(~imports, reporter)


def _mirrored(rows: pd.DataFrame) -> list[str]:
    """A sentence on rows that are imports of their destinations; none where there are none."""
    by, of = (listed(sorted(rows[name].astype(str).unique()), 3) for name in ("destination", "exporter"))
    many = f"{counted(len(rows), 'figure')} {'is' if len(rows) == 1 else 'are'}"
    own = f"exports reported by {of}" if rows["exporter"].astype(bool).any() else "exports"
    said = f"A mirror: {many} imports reported by {by}, not {own}, from which they can differ."
    return [said] if len(rows) else []


def repeated_rows(cells: pd.DataFrame) -> pd.Series:
    """A reason for each row that stands already above, equal in every cell; empty for the others."""
    words = np.array(["", "the same row stands already above"], dtype=object)
    return pd.Series(words[cells.duplicated().to_numpy(dtype=np.int8)], index=cells.index)


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
            "volume": rows["volume_t"].map(lambda volume: f"{volume:g} t" if volume == volume else ""),
        },
        columns=UNUSED_COLUMNS,
    ).assign(file=file or rows["file"])


def _destinations(place: Texts, month: Texts, period: pd.Series, known: Places) -> tuple[pd.Categorical, Reasons]:
    """The code of each row's destination, and why there is none; that of the Union goes by the month."""
    found = [known.find(text) for text in place.different]
    codes = labels(place.codes, [code for code, _ in found])
    reasons = (place.codes, [why for _, why in found])
    if EUROPEAN_UNION not in codes.categories:
        return codes, reasons
    in_month = period.to_numpy(dtype=object)[month.codes]
    named = memberships(pd.Series(codes.astype(object)), pd.Series(in_month, dtype=object))
    gone = ((named == "") & (codes != "")).to_numpy(dtype=bool)
    words = [*reasons[1], "the EU of a membership that is not on file"]
    dated = pd.notna(in_month) & gone
    return pd.Categorical(named), (np.where(dated, len(words) - 1, place.codes), words)


def _month_reasons(cells: pd.Index, period: pd.Series, today: date) -> list[str]:
    """Why each of the different ``cells`` is no month of which there can be a figure; empty where it is one."""
    last = pd.Period(today, freq="M")
    return [
        why_no_month(str(text)) if month is None else f"a month after today's, {last}" if month > last else ""
        for text, month in zip(cells, period, strict=True)
    ]


def _units(cells: pd.DataFrame, settings: ReadSettings) -> _Units:
    """The unit of each row: what the row says, else what the caller says."""
    unit = Texts.of(cells["unit"])
    said = [str(text) or settings.unit for text in unit.different]
    if settings.product:
        return _Units(unit.codes, [unit_as_asked(word, settings.unit, settings.product) for word in said])
    product = Texts.of(cells["product"])
    many = len(product.different)
    pairs, different = pd.factorize(unit.codes.astype(np.int64) * many + product.codes)
    named = [(said[pair // many], str(product.different[pair % many])) for pair in different]
    return _Units(pairs, [unit_as_asked(word, settings.unit, product) for word, product in named])


def _volumes(texts: Texts, units: _Units, extract: Extract, settings: ReadSettings) -> tuple[np.ndarray, list[Reasons]]:
    """Tonnes (or millions of money), and why a cell is none."""
    figures = numbers(pd.Series(texts.different, dtype=object), settings.decimal, extract.comma_separated).to_numpy()
    missing = [
        is_gap(str(text)) if np.isnan(one) else False for text, one in zip(texts.different, figures, strict=True)
    ]
    gap = np.array(missing, dtype=bool)
    why = np.select([gap, ~np.isfinite(figures)], [NO_FIGURE, "a volume that is no number"], default="")
    below = np.where(figures < 0, "a volume below zero", "")
    factors = np.array([unit.factor for unit in units.different], dtype=float)
    volume = _in_tonnes(figures[texts.codes], factors[units.codes])
    beyond = (volume > LARGEST_VOLUME_T) + 2 * ((volume > 0) & (volume < SMALLEST_VOLUME_T))
    too = ["", "more than 1e9 tonnes: is the unit right?", "less than 1e-9 tonnes, which is no quantity"]
    refusals = [unit.refusal for unit in units.different]
    return volume, [(texts.codes, why), (units.codes, refusals), (texts.codes, below), (beyond, too)]


def _in_tonnes(number: np.ndarray, factor: np.ndarray) -> np.ndarray:
    """Tonnes, by division where a tonne is a whole number of the unit: 14,337,800 kg is 14337.8 t to the last bit."""
    in_a_tonne = 1 / factor
    whole = np.round(in_a_tonne)
    return np.where(np.abs(in_a_tonne - whole) < 1e-6 * whole, number / np.maximum(whole, 1), number * factor)


def _unnamed(cells: pd.DataFrame, settings: ReadSettings) -> Reasons:
    """Why a row has no product, where the caller names none."""
    product, why = Texts.of(cells["product"]), "no product: name it with --product"
    return product.codes, ["" if settings.product or slug(str(text)) else why for text in product.different]


def _releases(cells: pd.DataFrame, settings: ReadSettings, month: Texts, period: pd.Series) -> Reasons:
    """Why a figure cannot have come out on the day that the row states, or the caller."""
    none = pd.Series("", index=cells.index, dtype=object)
    stated = Texts.of(cells.get("released", none))
    days = [str(text) or str(settings.released or "") for text in stated.different]
    many = len(month.different)
    pairs, different = pd.factorize(stated.codes.astype(np.int64) * many + month.codes)
    return pairs, [_no_release(days[pair // many], period[pair % many], settings.today) for pair in different]


def _no_release(day: str, month: pd.Period | None, today: date) -> str:
    """Why a figure of ``month`` cannot have come out on ``day``; empty where it can, or no day is stated."""
    if not day:
        return ""
    if not is_covered_day(day):
        return "a release day that is none written YYYY-MM-DD"
    if date.fromisoformat(day) > today:
        return f"a release day after today, {today}"
    early = month is not None and date.fromisoformat(day) < month.end_time.date()
    return "a release day before the end of its month" if early else ""


def _rows(
    extract: Extract,
    settings: ReadSettings,
    codes: pd.Categorical,
    period: _Months,
    volume: np.ndarray,
    units: _Units,
) -> pd.DataFrame:
    """All rows with the columns `ROW_COLUMNS`, text as categories."""
    cells = extract.cells
    empty = pd.Series(labels(np.zeros(len(cells), dtype=np.int8), [""]), index=cells.index)
    exporter, product, status, stated = (
        Texts.of(cells.get(name, empty)) for name in ("exporter", "product", "status", "released")
    )
    says = [str(text) or str(settings.released or "") for text in stated.different]
    usual = ["" if month is None else str(extract.release(month)) for month in period.different]
    money = [f"{unit.money.lower()}_million" if unit.money else "" for unit in units.different]
    said = [shown(str(text)) or "reported" for text in status.different]
    return pd.DataFrame(
        {
            "file": labels(empty.cat.codes.to_numpy(), [extract.file]),
            "row": cells.index,
            "exporter": labels(exporter.codes, exporter.different),
            "product": labels(product.codes, [slug(str(text)) for text in product.different]),
            "destination": codes,
            "month": labels(period.codes, [str(month) for month in period.different]),
            "released": _else(stated.codes, says, period.codes, usual),
            "volume_t": volume,
            "status": _else(units.codes, money, status.codes, said),
            "source": labels(empty.cat.codes.to_numpy(), [extract.source]),
            "dated": np.array([text != "" for text in says], dtype=bool)[stated.codes],
        },
        columns=ROW_COLUMNS,
    )


def _else(codes: np.ndarray, texts: list[str], other: np.ndarray, others: list[str]) -> pd.Categorical:
    """The text of each cell, that of the other column where it is empty."""
    filled = np.array([text != "" for text in texts], dtype=bool)[codes]
    return labels(np.where(filled, codes, len(texts) + other.astype(np.int32)), [*texts, *others])


def _added(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of one key as one, in the order of their first; estimated where a part is."""
    keys = ["exporter", *KEY]
    again = rows.duplicated(keys)
    if not again.any():
        return rows
    group = rows.groupby(keys, sort=False, observed=True).ngroup()
    first = rows[~again].sort_values("row", kind="stable", ignore_index=True)
    order = group[~again].to_numpy()[np.argsort(rows.loc[~again, "row"].to_numpy(), kind="stable")]
    volume = rows["volume_t"].groupby(group).sum().to_numpy()[order]
    estimated = (rows["status"] == "estimated").groupby(group).any().to_numpy()[order]
    status = first["status"].astype(str).mask(estimated, "estimated")
    return first.assign(volume_t=volume, status=status.astype("category"))


def _unused(extract: Extract, reason: Texts) -> pd.DataFrame:
    """Cells as they stand in the file, cleaned."""
    left = np.flatnonzero(reason.codes)
    cells = extract.cells.iloc[left]
    seen = {name: of_each(cells[name], shown).to_numpy() for name in ("product", "destination", "month", "volume")}
    why = reason.different.to_numpy(dtype=object)[reason.codes[left]]
    return pd.DataFrame({"file": extract.file, "row": cells.index, "reason": why, **seen}, columns=UNUSED_COLUMNS)
