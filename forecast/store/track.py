"""The track record: what was issued, the actual once it is out, inside the interval or not, and skill against naive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import pandas as pd

from forecast.registry import STAND_IN
from forecast.scoring.scores import Vintage, add_actuals
from forecast.store.database import Store
from forecast.store.issued import issued_forecasts
from forecast.store.vintages import exports_as_of
from forecast.tables.quantiles import LEVELS
from forecast.tables.schema import FIGURE_KEY

MINIMUM = 8
"""Forecasts with an actual below which no share and no skill is stated."""

Z_95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""

SERIES = ["product", "destination", "model"]
TRACKED_COLUMNS = [
    *SERIES, "issue", "issued", "made", "cutoff", "month", "horizon", "volume_t", "lower_80", "upper_80", "lower_95",
    "upper_95", "phase", "actual_t", "out", "live", "counts", "inside_80", "inside_95", "error", "naive_t",
]  # fmt: skip
RECORD_COLUMNS = [
    "product", "model", "slice", "n", "held_80", "coverage_80", "lower_80", "upper_80", "held_95", "coverage_95",
    "lower_95", "upper_95", "n_skill", "skill",
]  # fmt: skip


def track(store: Store, day: date, vintage: Vintage = "latest") -> pd.DataFrame:
    """Every issued forecast of a month whose actual was out by ``day``: columns `TRACKED_COLUMNS`, in order of issue.

    ``actual_t`` is the ``latest`` or ``first`` vintage by then, ``out`` the day of its first release, ``error``
    forecast / actual - 1 (NaN where the actual is zero), ``naive_t`` the naive forecast of the same issue. A forecast
    is ``live`` where it was put into the store before its month was out. Of several issues of one series, model, month
    and cutoff the first live one ``counts``: it alone enters the record.
    """
    known = exports_as_of(store, day)
    rows = issued_forecasts(store)
    rows = rows[np.array([issued <= day for issued in rows["issued"]], dtype=bool)]
    rows = add_actuals(rows, known, vintage)
    first = known.groupby(FIGURE_KEY)["released"].min().rename("out").reset_index()
    rows = rows.merge(first, on=FIGURE_KEY, how="left")
    rows = rows[rows["actual_t"].notna()].reset_index(drop=True)
    live = [made < out for made, out in zip(rows["made"], rows["out"], strict=True)]
    rows = rows.assign(live=np.array(live, dtype=bool))
    again = rows[rows["live"]].duplicated([*SERIES, "month", "cutoff"]).reindex(rows.index, fill_value=True)
    inside = {
        f"inside_{level}": rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"]) for level in LEVELS
    }
    positive = rows["actual_t"].where(rows["actual_t"] > 0)
    rows = rows.assign(counts=~again.astype(bool), **inside, error=rows["volume_t"] / positive - 1)
    return rows.merge(_naive(rows), on=["issue", *FIGURE_KEY], how="left")[TRACKED_COLUMNS]


def _naive(rows: pd.DataFrame) -> pd.DataFrame:
    """The naive forecast of each issue and cell."""
    naive = rows.loc[rows["model"] == STAND_IN, ["issue", *FIGURE_KEY, "volume_t"]]
    return naive.rename(columns={"volume_t": "naive_t"})


def record(tracked: pd.DataFrame, minimum: int = MINIMUM, horizon: int | None = 1) -> pd.DataFrame:
    """Coverage and skill so far by product, model and slice (``all``, ``phase=...``): columns `RECORD_COLUMNS`.

    Only rows of `track` that count, of one ``horizon`` (None: of all, of which those of one month hang together).
    Shares have Wilson intervals of 95 %; ``skill`` is 1 - MAE / MAE of naive over the ``n_skill`` rows with a naive
    forecast beside them. With fewer than ``minimum`` rows shares and skill are NaN.

    References
    ----------
    Wilson (1927), https://doi.org/10.1080/01621459.1927.10502953
    """
    chosen = tracked[tracked["counts"] & (tracked["horizon"].eq(horizon) if horizon is not None else True)]
    rows = [
        {"product": product, "model": model, "slice": name, **_measured(own, minimum)}
        for product, model, name, own in _slices(chosen)
    ]
    return pd.DataFrame(rows, columns=RECORD_COLUMNS)


def _slices(rows: pd.DataFrame) -> Iterator[tuple[object, object, str, pd.DataFrame]]:
    """Each product and model as a whole, then by phase."""
    for (product, model), own in rows.groupby(["product", "model"], sort=False):
        yield product, model, "all", own
        for phase, part in own.groupby("phase", observed=True):
            yield product, model, f"phase={phase}", part


def _measured(rows: pd.DataFrame, minimum: int) -> dict[str, float]:
    measured: dict[str, float] = {"n": len(rows)}
    for level in LEVELS:
        held = int(rows[f"inside_{level}"].sum())
        lower, upper = wilson_interval(held, len(rows))
        shares = (held / len(rows), lower, upper) if len(rows) >= minimum else (math.nan,) * 3
        names = (f"coverage_{level}", f"lower_{level}", f"upper_{level}")
        measured |= {f"held_{level}": held, **dict(zip(names, shares, strict=True))}
    beside = rows[rows["naive_t"].notna()]
    errors = [(beside[name] - beside["actual_t"]).abs().sum() for name in ("volume_t", "naive_t")]
    enough = len(beside) >= minimum and errors[1] > 0
    return measured | {"n_skill": len(beside), "skill": 1 - errors[0] / errors[1] if enough else math.nan}


def wilson_interval(held: int, n: int) -> tuple[float, float]:
    """The Wilson score interval of 95 % of a share ``held`` of ``n``; all of [0, 1] for none.

    Examples
    --------
    >>> [round(bound, 4) for bound in wilson_interval(8, 10)]
    [0.4902, 0.9433]
    """
    if n == 0:
        return 0.0, 1.0
    share, z2 = held / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - half), min(1.0, middle + half)


def running(tracked: pd.DataFrame, products: Sequence[str], model: str, minimum: int = MINIMUM) -> pd.DataFrame:
    """The record of one model, one month ahead, after each month: ``product, month`` and `record`'s from ``n`` on."""
    rows = []
    for product in products:
        of_model = tracked["product"].eq(product) & tracked["model"].eq(model) & tracked["horizon"].eq(1)
        own = tracked[tracked["counts"] & of_model]
        for month in sorted(own["month"].unique()):
            rows.append({"product": product, "month": month, **_measured(own[own["month"] <= month], minimum)})
    return pd.DataFrame(rows, columns=["product", "month", *RECORD_COLUMNS[3:]])


def held_record(tracked: pd.DataFrame, minimum: int = MINIMUM) -> pd.DataFrame:
    """How often intervals held one month ahead, as `forecast.report.track_record` has it, from ``minimum`` rows on."""
    rows = tracked[tracked["counts"] & tracked["horizon"].eq(1)]
    found = []
    for key, own in rows.groupby(SERIES, sort=True):
        span = {"first_month": own["month"].min(), "last_month": own["month"].max()}
        for level in LEVELS if len(own) >= minimum else ():
            held = {"level": level, "held": int(own[f"inside_{level}"].sum()), "n": len(own)}
            found.append(dict(zip(SERIES, key, strict=True)) | held | span)
    return pd.DataFrame(found, columns=[*SERIES, "level", "held", "n", "first_month", "last_month"])
