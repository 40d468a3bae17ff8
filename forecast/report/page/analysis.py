"""What a backtest found, as tables: who did better, when what was seen, what held, what was missed and why.

Every function takes a `Replay` and returns a table; `forecast.report.page.text` puts them into sentences.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import beta

from forecast.realtime.calendar import closed
from forecast.realtime.events import ACTING_KINDS, acts_on, known_events
from forecast.realtime.phases import PHASES
from forecast.registry import MEMBERS
from forecast.report.acting import acting_in, ended_before
from forecast.report.page.run_tables import Replay, actuals_of
from forecast.report.text import UNKNOWN
from forecast.scoring.scores import scores
from forecast.scoring.significance import Measure, significance
from forecast.sources.plain import read_groups
from forecast.tables.frames import records
from forecast.tables.quantiles import LEVELS, MEDIAN, VOLUME_QUANTILES
from forecast.tables.schema import EVENTS

NEXT_MONTH = "horizon=1"
"""The slice that claims rest on: one month ahead, the tests keep their size."""

BASELINE = "naive"
WITHOUT = " without events"

ADDED_COLUMNS = ["product", "model", "slice", "n", "months", "with", "without", "p_value", "verdict"]
MONTHS_NEAR = 3
"""An event is near in the month of its announcement, in that of its effect, and in so many months after either."""

_NO_EXPORTS = pd.DataFrame(columns=["product", "destination", "month", "volume_t", "released"])
EXPECTED_SHARES = (0.025, 0.075, 0.40, 0.40, 0.075, 0.025)
"""What part of the actuals should fall below, between and above the five bounds."""


# Destinations and months ----------------------------------------------------------------------------------------------


def main_destinations(replay: Replay, product: str, most: int = 8, least: int = 3) -> list[str]:
    """Destinations with ``least`` scored months or more: ``WLD``, then those with the most months, the larger first."""
    rows = replay.scored[(replay.scored["product"] == product) & (replay.scored["model"] == replay.shown)]
    sizes = rows.groupby("destination")["actual_t"].agg(["size", "sum"])
    ordered = sizes[sizes["size"] >= least].sort_values(["size", "sum"], ascending=False).index.tolist()
    total = [code for code in ordered if code == "WLD"]
    return (total + [code for code in ordered if code != "WLD"])[:most]


def series_rows(replay: Replay, product: str, destination: str, model: str | None = None) -> pd.DataFrame:
    """The scored forecasts of one series, by month; of a month forecast at several horizons the nearest one."""
    rows = replay.scored
    rows = rows[(rows["product"] == product) & (rows["destination"] == destination)]
    rows = rows[rows["model"] == (model or replay.shown)]
    return rows.sort_values(["month", "horizon"]).drop_duplicates("month").reset_index(drop=True)


# Calendar -------------------------------------------------------------------------------------------------------------


def calendar_of(replay: Replay, product: str) -> pd.DataFrame:
    """Events of kinds that act, on a product, by day of effect, numbered from 1 in column ``number``.

    Those that take effect from half a year before the first month forecast to the end of the last one, and touch a
    destination of the run. Empty where the calendar is not at hand.
    """
    rows = replay.forecasts[replay.forecasts["product"] == product]
    if replay.events is None:
        return EVENTS.empty().assign(number=pd.Series([], dtype=int))
    first, last = (rows["month"].min() - 6).start_time.date(), rows["month"].max().end_time.date()
    events = replay.events[replay.events["kind"].isin(ACTING_KINDS)]
    events = events[events["effective"].between(first, last)]
    codes, groups = rows["destination"].unique(), read_groups()
    touching = [any(acts_on(event, product, code, groups) for code in codes) for _, event in events.iterrows()]
    events = events[np.array(touching, dtype=bool)].sort_values(["effective", "announced"], kind="stable")
    return events.reset_index(drop=True).assign(number=range(1, len(events) + 1))


def calendar_on(calendar: pd.DataFrame, product: str, destination: str) -> pd.DataFrame:
    """The events of a calendar (`calendar_of`) that act on one destination, in whole or in part."""
    groups = read_groups()
    acting = [acts_on(event, product, destination, groups) for _, event in calendar.iterrows()]
    return calendar[np.array(acting, dtype=bool)]


def known_and_acting(calendar: pd.DataFrame, issued: date, month: pd.Period) -> list[str]:
    """Events known on ``issued`` that act, or were then thought to act, on ``month``, in force or by their end."""
    known = closed(records(known_events(calendar, issued)))
    acting = {row.event for row in (*acting_in(known, month), *ended_before(known, month))}
    return [str(row.event) for row in known if row.event in acting]


def announced_later(calendar: pd.DataFrame, issued: date, month: pd.Period) -> list[str]:
    """Events that took effect by the end of ``month`` and were announced after ``issued``: nobody could see them."""
    later = calendar[(calendar["announced"] > issued) & (calendar["effective"] <= month.end_time.date())]
    return later["event"].astype(str).tolist()


# Who did better -------------------------------------------------------------------------------------------------------


def standings(replay: Replay, product: str, label: str = NEXT_MONTH) -> pd.DataFrame:
    """A row per model of one product and slice: ``n, mae_t, wape, bias, wis``, coverage, and the tests against naive.

    ``skill`` (a fraction), ``p_value`` and ``verdict`` compare absolute errors, those ending in ``_wis`` the weighted
    interval score, each on the rows that both models have; empty where there was no test.
    """
    rows = replay.scores[(replay.scores["product"] == product) & (replay.scores["slice"] == label)]
    rows = rows[["model", "n", "mae_t", "wape", "bias", "wis", "coverage_80", "coverage_95"]]
    for measure, suffix in {"mae_t": "", "wis": "_wis"}.items():
        rows = rows.merge(_tests(replay, product, label, measure, suffix), on="model", how="left")
    rank = {name: place for place, name in enumerate(replay.models)}
    return rows.sort_values("model", key=lambda names: names.map(rank)).reset_index(drop=True)


def _tests(replay: Replay, product: str, label: str, measure: str, suffix: str) -> pd.DataFrame:
    tests = replay.significance
    chosen = (tests["product"] == product) & (tests["slice"] == label) & (tests["measure"] == measure)
    chosen &= tests["against"] == BASELINE
    own = tests.loc[chosen, ["model", "skill", "p_value", "verdict"]]
    return own.rename(columns={name: f"{name}{suffix}" for name in ("skill", "p_value", "verdict")})


def best_model(replay: Replay, product: str, label: str = NEXT_MONTH) -> str | None:
    """The model with the greatest skill against naive, among those that forecast at least half as often as the most.

    None where nothing was tested, naive itself where nothing beat it.
    """
    table = standings(replay, product, label)
    fair = table[(table["n"] >= table["n"].max() / 2) & table["skill"].notna()]
    if fair.empty:
        return None
    best = fair.loc[fair["skill"].idxmax()]
    return str(best["model"]) if best["skill"] > 0 else BASELINE


def added_by_events(replay: Replay, measure: Measure = "mae_t") -> pd.DataFrame:
    """Every model with events against itself without: ``product, model, slice, n, months, with, without, verdict``.

    On the rows that both runs have; ``with`` and ``without`` are mean losses in tonnes. Models without events
    (naive and the like) are absent, since both runs give the same. Empty where there is no run without events.
    """
    return _added_by_events(replay, measure).copy()


@lru_cache(maxsize=4)
def _added_by_events(replay: Replay, measure: Measure) -> pd.DataFrame:
    """Of all products at once, for the pages that ask product by product."""
    if replay.without_events is None:
        return pd.DataFrame(columns=ADDED_COLUMNS)
    key = ["product", "destination", "model", "issued", "month"]
    phase = replay.scored[[*key, *({"phase"} & set(replay.scored))]]
    without = replay.without_events.scored.drop(columns="phase", errors="ignore").merge(phase, on=key)
    parts = [
        _against_itself(replay.scored[replay.scored["model"] == model], without[without["model"] == model], measure)
        for model in replay.models
    ]
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[ADDED_COLUMNS] if filled else pd.DataFrame(columns=ADDED_COLUMNS)


def _against_itself(rows: pd.DataFrame, without: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    cell = ["product", "destination", "issued", "month"]
    both = rows.merge(without[cell], on=cell)
    other = without.merge(rows[cell], on=cell).assign(model=lambda table: table["model"] + WITHOUT)
    if np.allclose(both["volume_t"], other["volume_t"], rtol=1e-9):
        return pd.DataFrame()
    named = pd.concat([both, other], ignore_index=True)
    phase = named.get("phase")
    tests = significance(named, _NO_EXPORTS, against=str(other["model"].iloc[0]), measure=measure, phase=phase)
    losses = scores(named, _NO_EXPORTS, phase).set_index(["product", "slice", "model"])[measure]
    sides = {"with": tests["model"], "without": tests["against"]}
    keys = {side: zip(tests["product"], tests["slice"], model, strict=True) for side, model in sides.items()}
    return tests.assign(**{side: [losses[key] for key in own] for side, own in keys.items()})


# Calibration ----------------------------------------------------------------------------------------------------------


def interval_counts(rows: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """How often each interval held: ``by``, ``level``, ``held``, ``n``, ``low``, ``high``.

    ``low`` and ``high`` bound the true frequency with 95 % confidence (`binomial_interval`). ``rows`` are scored.
    """
    parts = []
    for level in LEVELS:
        inside = rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"])
        counted = inside.groupby([rows[name] for name in by], observed=True).agg(held="sum", n="size").reset_index()
        parts.append(counted.assign(level=level))
    counts = pd.concat(parts, ignore_index=True)
    bounds = [binomial_interval(k, n) for k, n in zip(counts["held"], counts["n"], strict=True)]
    return counts.assign(low=[low for low, _ in bounds], high=[high for _, high in bounds])


def binomial_interval(held: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Bounds of a frequency seen ``held`` of ``n`` times, by Clopper and Pearson: never too narrow.

    It takes the forecasts as independent; those of one month are not, so the truth is wider.

    References
    ----------
    Clopper and Pearson (1934), doi 10.1093/biomet/26.4.404.

    Examples
    --------
    >>> [round(bound, 3) for bound in binomial_interval(8, 10)]
    [0.444, 0.975]
    """
    tail = (1 - confidence) / 2
    low = float(beta.ppf(tail, held, n - held + 1)) if held else 0.0
    high = float(beta.ppf(1 - tail, held + 1, n - held)) if held < n else 1.0
    return low, high


def where_actuals_fell(rows: pd.DataFrame) -> pd.DataFrame:
    """The actuals by place among the five bounds, lowest first: ``place, count, expected`` (expected count).

    An actual on a bound counts as inside of it.
    """
    y = rows["actual_t"].to_numpy()[:, None]
    bounds = rows[list(VOLUME_QUANTILES)].to_numpy()
    below = np.column_stack([y < bounds[:, :MEDIAN], y <= bounds[:, MEDIAN:]])
    position = 5 - below.sum(axis=1)
    names = ["below 95 %", "80 to 95 %, low", "low half of 80 %", "high half of 80 %", "80 to 95 %, high", "above 95 %"]
    counts = np.bincount(position, minlength=6)
    return pd.DataFrame({"place": names, "count": counts, "expected": np.array(EXPECTED_SHARES) * len(rows)})


# What was seen, and what was missed -----------------------------------------------------------------------------------


def seen_when(replay: Replay, product: str, destination: str) -> pd.DataFrame:
    """One row per month with an event near (`MONTHS_NEAR`), as the shown model saw it on its issue day, oldest first.

    ``issued``, the last figure known (``last_known``, ``last_t``), the forecast with its bounds, ``actual_t``, the
    events ``known`` to act in the month, and those announced too late (``unseen``).
    """
    rows = series_rows(replay, product, destination)
    calendar = calendar_on(calendar_of(replay, product), product, destination)
    volumes = actuals_of(replay, product, destination)
    seen = [_seen(row, calendar, volumes) for row in records(rows)]
    table = rows.assign(**{name: [one[name] for one in seen] for name in ("last_t", "known", "unseen")})
    days = [*calendar["announced"], *calendar["effective"]]
    near = {pd.Period(day, "M") + after for day in days for after in range(MONTHS_NEAR + 1)}
    return table[table["month"].isin(near)].reset_index(drop=True)


def _seen(row: Any, calendar: pd.DataFrame, volumes: pd.Series) -> dict[str, Any]:
    return {
        "last_t": float(volumes.get(row.last_known, np.nan)),
        "known": known_and_acting(calendar, row.issued, row.month),
        "unseen": announced_later(calendar, row.issued, row.month),
    }


def worst_misses(replay: Replay, most: int = 10) -> pd.DataFrame:
    """The largest misses of the shown model, with what was known on their day.

    Ranked by ``miss``: the absolute error over the mean actual of the series in this run, so that a small destination
    counts like a large one; series with fewer than three actuals, or none above zero, are left out. Other columns as in
    `seen_when`.
    """
    rows = replay.scored[replay.scored["model"] == replay.shown]
    actuals = rows.groupby(["product", "destination"])["actual_t"]
    mean, count = actuals.transform("mean"), actuals.transform("size")
    rows = rows.assign(miss=(rows["volume_t"] - rows["actual_t"]).abs() / mean)
    rows = rows[(count >= 3) & (mean > 0)].nlargest(most, "miss").reset_index(drop=True)
    seen = [_seen(row, *_surroundings(replay, row)) for row in records(rows)]
    return rows.assign(**{name: [one[name] for one in seen] for name in ("last_t", "known", "unseen")})


def _surroundings(replay: Replay, row: Any) -> tuple[pd.DataFrame, pd.Series]:
    calendar = calendar_on(calendar_of(replay, row.product), row.product, row.destination)
    return calendar, actuals_of(replay, row.product, row.destination)


def factors(rows: pd.DataFrame) -> np.ndarray:
    """Forecast over actual of every row; where nothing came infinite, or NaN if as good as nothing was forecast.

    Nothing is a thousandth of the row's upper bound.

    Examples
    --------
    >>> rows = pd.DataFrame({"volume_t": [60.0, 8.0, 0.001], "actual_t": [30.0, 0.0, 0.0], "upper_95": 100.0})
    >>> factors(rows).tolist()
    [2.0, inf, nan]
    """
    forecast_t, actual_t = rows["volume_t"].to_numpy(), rows["actual_t"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = forecast_t / actual_t
    return np.where((actual_t == 0) & (forecast_t <= 1e-3 * rows["upper_95"].to_numpy()), np.nan, factor)


def miss_factors(replay: Replay, product: str, destination: str) -> pd.DataFrame:
    """Forecast over actual by model (row) and month (column): 2 is twice too much; NaN without forecast or actual.

    Where nothing was exported as in `factors`.
    """
    rows = [series_rows(replay, product, destination, model).assign(model=model) for model in replay.models]
    table = pd.concat(rows, ignore_index=True)
    wide = table.assign(factor=factors(table)).pivot(index="model", columns="month", values="factor")
    return wide.reindex([model for model in replay.models if model in wide.index])


def learned_by_phase(replay: Replay, product: str) -> pd.DataFrame:
    """What the combination learned from earlier forecasts, a row per phase of the months forecast; empty without any.

    ``n`` forecasts, of which ``learned`` had intervals that earlier ones had widened or narrowed, and ``moved`` a
    median moved since errors repeated; ``cells`` the most earlier forecasts that any of them rests on; the mean
    weights of the models, and the median factors of the intervals.
    """
    rows = replay.calibration[replay.calibration["product"] == product]
    counted = rows.groupby("phase").agg(
        n=("cells", "size"),
        learned=("cells", lambda cells: int((cells > 0).sum())),
        moved=("shift", lambda shifts: int((shifts != 0).sum())),
        cells=("cells", "max"),
        **{f"weight_{name}": (f"weight_{name}", "mean") for name in MEMBERS},
        **{name: (name, "median") for name in map(str, rows) if name.startswith("factor_")},
    )
    return counted.reindex([phase for phase in PHASES if phase in counted.index]).reset_index()


# Failures and drops ---------------------------------------------------------------------------------------------------


def failures_by_series(replay: Replay) -> pd.DataFrame:
    """Failures by series and model: ``product, destination, model, origins, reason`` (of the last origin)."""
    rows = replay.failures
    if rows.empty:
        return pd.DataFrame(columns=["product", "destination", "model", "origins", "reason"])
    counted = rows.groupby(["product", "destination", "model"], sort=True).agg(
        origins=("issued", "nunique"), reason=("reason", "last")
    )
    return counted.reset_index()


def drops_by_event(replay: Replay) -> pd.DataFrame:
    """Events without an estimated effect: ``product, event, reason, series, origins``."""
    rows = replay.dropped
    if rows.empty:
        return pd.DataFrame(columns=["product", "event", "reason", "series", "origins"])
    counted = rows.groupby(["product", "event", "reason"], sort=True).agg(
        series=("destination", "nunique"), origins=("issued", "nunique")
    )
    return counted.reset_index()


def count_words(names: Iterable[str]) -> str:
    """Names joined by commas, or a dash for none."""
    return ", ".join(names) or UNKNOWN
