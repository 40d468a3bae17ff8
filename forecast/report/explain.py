"""Attribution of a forecast: additive parts in logs turned into tonnes that add up to the forecast."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

from forecast.backtest.attribution import LEAST_T, NO_TRADE_PART
from forecast.episodes.posterior import BASIC_PARTS
from forecast.registry import COMBINATION, REGISTRY
from forecast.report.text import spoken
from forecast.tables.frames import records, stacked
from forecast.tables.run import Forecasts
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES

if TYPE_CHECKING:
    from forecast.report.agenda import EventNames

BOUND_COLUMNS = ["lower_80", "upper_80"]
PART_COLUMNS = ["product", "destination", "month", "name", "kind", "tonnes", "log", *BOUND_COLUMNS, "rests_on"]
LEVEL_PART = "level"
"""The kind of the part that the others are added to: its log is a logarithm of tonnes, theirs are differences."""

_LATER = ("combination", "calibration", "headline", "reconciliation", "judgement")
"""Kinds of what moves a forecast away from that of the structural model."""

_KINDS = (LEVEL_PART, "season", "calendar", "episode", "floor", *_LATER)
"""The order in which parts are shown."""

SeriesMonth = tuple[str, str, pd.Period]
"""Product, destination and month."""

_CELL = ["product", "destination", "month"]

LUNAR_NEW_YEAR = BASIC_PARTS[2]

ASSOCIATION = "An episode's part is association, not cause."


def tonnes_of_parts(base_t: float, logs: np.ndarray) -> np.ndarray:
    """Tonnes of each log difference, by logarithmic means, so that ``base_t`` plus their sum is the forecast.

    A part is its log times the logarithmic mean of base and forecast, ``(forecast - base) / (log forecast - log base)``
    (the additive LMDI of Ang), which tends to the base where the parts cancel.

    Parameters
    ----------
    base_t
        Tonnes before any part, above zero.
    logs
        Log differences, shape (n,).

    Returns
    -------
    numpy.ndarray
        Tonnes, shape (n,), adding up to ``base_t * (exp(sum(logs)) - 1)``.

    Raises
    ------
    ValueError
        When ``base_t`` is not a number above zero, or a log is not finite.

    References
    ----------
    Ang, B. W. (2005). The LMDI approach to decomposition analysis. Energy Policy 33(7), 867-871.
    https://doi.org/10.1016/j.enpol.2003.10.010

    Examples
    --------
    >>> tonnes_of_parts(100.0, np.log([2.0, 2.0])).round(6).tolist()
    [150.0, 150.0]
    >>> tonnes_of_parts(100.0, np.array([0.5, -0.5])).tolist()
    [50.0, -50.0]
    """
    if not (math.isfinite(base_t) and base_t > 0):
        raise ValueError(f"Parts of a forecast: expected a base above 0 t, found {base_t}. Give the level in tonnes.")
    if not np.isfinite(logs).all():
        raise ValueError("Parts of a forecast: expected finite logs, found one that is not. Leave that part out.")
    total = math.fsum(logs)
    mean = base_t * (math.expm1(total) / total if total else 1.0)
    tonnes = np.asarray(logs, dtype=float) * mean
    lost = (tonnes == 0) & (np.asarray(logs) != 0)  # an underflow keeps its sign
    return np.where(lost, np.copysign(np.nextafter(0.0, 1.0), logs), tonnes)


def with_tonnes(parts: pd.DataFrame) -> pd.DataFrame:
    """``parts`` with column ``tonnes`` made from ``log``, series by series and month by month.

    Each product, destination and month has one part of kind ``level``, whose log is that of its tonnes. What the
    structural model says is divided first, and then what combining, headlines and judgement do to it: where a ban
    leaves next to nothing, they move next to nothing, however far apart the logs of two such numbers are.

    Raises
    ------
    ValueError
        When a forecast has not exactly one level.

    Examples
    --------
    >>> of = {"product": "magnets", "destination": "USA", "month": pd.Period("2026-11")}
    >>> parts = [of | {"name": "level", "kind": "level", "log": np.log(100.0)},
    ...          of | {"name": "licensing", "kind": "event", "log": np.log(0.5)}]
    >>> with_tonnes(pd.DataFrame(parts))["tonnes"].round(6).tolist()
    [100.0, -50.0]
    """
    tonnes = pd.Series(0.0, index=parts.index)
    for key, of_one in parts.groupby(["product", "destination", "month"], sort=False, observed=True):
        tonnes[of_one.index] = _tonnes(key, of_one)
    return parts.assign(tonnes=tonnes).reindex(columns=PART_COLUMNS)


def _tonnes(key: Any, of_one: pd.DataFrame) -> np.ndarray:
    level = (of_one["kind"] == LEVEL_PART).to_numpy()
    if level.sum() != 1:
        raise ValueError(f"{', '.join(map(str, key))}: expected one part of kind level, found {level.sum()}. Give one.")
    logs = of_one["log"].to_numpy(dtype=float)
    found = np.empty(len(logs))
    base_t = math.exp(logs[level][0])
    later = of_one["kind"].isin(_LATER).to_numpy()
    first = ~level & ~later
    found[level], found[first] = base_t, tonnes_of_parts(base_t, logs[first])
    found[later] = tonnes_of_parts(base_t * math.exp(math.fsum(logs[first])), logs[later])
    return found


# A run ---------------------------------------------------------------------------------------------------------------


def explained(run: Forecasts, issued: date, model: str = COMBINATION) -> pd.DataFrame:
    """Parts in tonnes of every median of a model issued on a day: of the combination as it is shown, or of a member.

    The combination's are the table ``parts`` of the run; the rest of the world is shown as it adds up with the total,
    and a judged forecast as it was judged, each by one more part. Another model has the episodes that it is fitted
    without, or none where it knows no events, and what it says of the rest is one part, its level and season.

    Returns
    -------
    pandas.DataFrame
        Columns `PART_COLUMNS`, the parts of a forecast together and in the order of `_KINDS`.
    """
    shown = stacked([run.parts, _reconciliation_parts(run), _judgement_parts(run.judgements)])
    parts = shown if model == COMBINATION else _member_parts(run, model)
    own = parts[parts["issued"] == issued]
    place = own["kind"].map(_KINDS.index)
    ordered = own.assign(place=place).sort_values([*_CELL, "place"], kind="stable").reset_index(drop=True)
    return with_tonnes(ordered)


ROUNDED = 1e-6
"""Log by which the structural model's parts may miss its median where that is more than nothing."""

_WITHOUT_BOUNDS = (math.nan, math.nan, "")
"""No interval, and nothing that a part rests on."""


def _judgement_parts(judgements: pd.DataFrame) -> pd.DataFrame:
    """The log of the judged median over the model's."""
    said = ("judgement", "judgement")
    rows = [
        (row.product, row.destination, row.issued, row.month, *said, math.log(row.judged_t / row.model_t),
         *_WITHOUT_BOUNDS)
        for row in records(judgements)
    ]  # fmt: skip
    return RUN_TABLES["parts"].from_rows(rows)


def _reconciliation_parts(run: Forecasts) -> pd.DataFrame:
    """The log of the reconciled median of the rest of the world over its own, where both are above zero.

    A forecast that was judged is judged as the model has it.
    """
    cell = [*_CELL[:2], "issued", "month"]
    judged = pd.MultiIndex.from_frame(run.judgements[cell])
    both = _reconciled_rest(run).merge(
        run.forecasts[run.forecasts["model"] == COMBINATION], on=cell, suffixes=("", "_own")
    )
    both = both[~pd.MultiIndex.from_frame(both[cell]).isin(judged)]
    rows = [
        (row.product, row.destination, row.issued, row.month, "adding up with the total", "reconciliation",
         math.log(max(row.volume_t, LEAST_T) / max(row.volume_t_own, LEAST_T)), *_WITHOUT_BOUNDS)
        for row in records(both)
    ]  # fmt: skip
    return RUN_TABLES["parts"].from_rows(rows)


def _reconciled_rest(run: Forecasts) -> pd.DataFrame:
    rows = run.reconciled
    return rows[(rows["destination"] == REST_OF_WORLD) & (rows["model"] == COMBINATION)]


def _member_parts(run: Forecasts, model: str) -> pd.DataFrame:
    """Parts of the medians of a model: days of the month, episodes where it knows them, and its view of the rest."""
    entry = REGISTRY[model]
    kinds = {"calendar", "episode", *(("season", LEVEL_PART, "floor") if entry.stage else ())} - (
        {"episode"} if entry.benchmark else set()
    )
    cell = [*_CELL[:2], "issued", "month"]
    own = run.forecasts[run.forecasts["model"] == model]
    there = pd.MultiIndex.from_frame(run.parts[cell].astype(object)).isin(
        pd.MultiIndex.from_frame(own[cell].astype(object))
    )
    own_kind = run.parts["kind"].isin(kinds) | ((run.parts["name"] == NO_TRADE_PART) & entry.stage)
    known = run.parts[there & own_kind & ((run.parts["name"] != LUNAR_NEW_YEAR) | entry.stage)]
    sums = known.groupby(cell, observed=True)["log"].agg(math.fsum)
    rest = ("what rounds to nothing", "combination") if entry.stage else (f"level and season of {model}", LEVEL_PART)
    rows = []
    for row in records(own):
        key = (row.product, row.destination, row.issued, row.month)
        if key not in sums.index:
            continue
        log = math.log(max(row.volume_t, LEAST_T)) - sums[key]
        if not entry.stage or abs(log) > ROUNDED:
            rows.append((*key, *rest, log, *_WITHOUT_BOUNDS))
    return stacked([known, RUN_TABLES["parts"].from_rows(rows)])


def shown_medians(run: Forecasts, issued: date, model: str = COMBINATION) -> dict[SeriesMonth, float]:
    """Tonnes by product, destination and month: medians of a model, or the combination's as they are shown."""
    rows = run.forecasts[(run.forecasts["model"] == model) & (run.forecasts["issued"] == issued)]
    found = {(row.product, row.destination, row.month): row.volume_t for row in records(rows)}
    if model != COMBINATION:
        return found
    rest, judged = (table[table["issued"] == issued] for table in (_reconciled_rest(run), run.judgements))
    found |= {(row.product, row.destination, row.month): row.volume_t for row in records(rest)}
    return found | {(row.product, row.destination, row.month): row.judged_t for row in records(judged)}


def as_objects(
    parts: pd.DataFrame,
    medians: Mapping[SeriesMonth, float],
    names: Mapping[str, str],
    model: str = COMBINATION,
    called: EventNames | None = None,
) -> Iterator[dict[str, Any]]:
    """An object per product, destination and month: ``forecast_t`` and its ``parts``, ready for JSON.

    A part of an episode has ``lower_80`` and ``upper_80`` of its log, and ``rests_on``, the names of the episodes that
    it is learned from; those of other parts are null and empty. ``title`` is a part's ``name`` as people say it,
    ``description`` what the calendar says of an event, ``measure`` its kind (``diversion`` of what it diverts), and
    ``against_kind`` whether it works the other way than that, where ``called`` knows it.
    """
    for key, own in parts.groupby(_CELL, sort=False, observed=True):
        product, destination, month = cast(SeriesMonth, key)
        yield {
            "product": product,
            "destination": destination,
            "name": names.get(destination, destination),
            "month": str(month),
            "model": model,
            "forecast_t": medians[product, destination, month],
            "parts": [_as_object(row, called) for row in records(own)],
        }


def _as_object(row: Any, called: EventNames | None) -> dict[str, Any]:
    bounds = {name: None if pd.isna(getattr(row, name)) else float(getattr(row, name)) for name in BOUND_COLUMNS}
    rests_on = [] if pd.isna(row.rests_on) or not row.rests_on else str(row.rests_on).split(";")
    numbers = {"tonnes": float(row.tonnes), "log": float(row.log), **bounds}
    name, of_event = str(row.name), called is not None and row.kind == "episode"
    title = called(name) if called is not None and of_event else name if row.kind == "episode" else spoken(name)
    description = called.description(name) if called is not None and of_event else ""
    kind = called.kind(name) if called is not None and of_event else ""
    against = called is not None and of_event and called.against_kind(name, float(row.log))
    said = {"title": title, "description": description, "measure": kind, "against_kind": against}
    return {"name": name, "kind": str(row.kind), **said, **numbers, "rests_on": rests_on}


def waterfall(tonnes: np.ndarray) -> np.ndarray:
    """Where the bar of each part begins and ends: shape (parts, 2), the first from zero.

    Examples
    --------
    >>> waterfall(np.array([100.0, -30.0, 10.0])).tolist()
    [[0.0, 100.0], [100.0, 70.0], [70.0, 80.0]]
    """
    ends = np.cumsum(tonnes)
    return np.column_stack([np.append(0.0, ends[:-1]), ends])
