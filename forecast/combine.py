"""One forecast out of several: the median in logs of the members, bound by bound."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from forecast.tables import CORRELATION_COLUMNS

MEMBERS = ("theta", "arima", "prophet", "pooled")
STAND_IN = "naive"
"""Used alone where no member could be fitted."""

VOLUMES = ["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"]
PAIR = ["product", "destination", "issued", "month", "other"]
CELL = ["product", "destination", "issued", "cutoff", "month", "horizon", "last_known"]


def combination(forecasts: pd.DataFrame, members: Sequence[str] = MEMBERS) -> pd.DataFrame:
    """Rows of model ``combination``: the median in logs of the members' rows of each cell, bound by bound.

    ``forecasts`` holds rows of several models in the forecasts format. With an even number of members the median is
    the geometric mean of the middle two, in tonnes. A cell without a member takes the naive row; a cell with neither
    has no row.

    References
    ----------
    Petropoulos & Svetunkov (2020), https://doi.org/10.1016/j.ijforecast.2019.01.006

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({name: ["x"] * 2 for name in CELL} | {"model": ["theta", "arima"]})
    >>> rows = rows.assign(volume_t=[100.0, 400.0], lower_80=1.0, upper_80=4.0, lower_95=1.0, upper_95=9.0)
    >>> combination(rows)[["model", "volume_t"]].values.tolist()
    [['combination', 200.0]]
    """
    rows = _stood_in(forecasts, CELL, members)
    if rows.empty:
        return rows
    cells = rows.groupby(CELL, sort=False).ngroup().to_numpy()
    combined = rows[CELL].iloc[np.unique(cells, return_index=True)[1]].reset_index(drop=True)
    combined["model"] = "combination"
    for name in VOLUMES:
        combined[name] = _median_in_logs(cells, rows[name].to_numpy())
    return combined


def combined_correlations(correlations: pd.DataFrame, members: Sequence[str] = MEMBERS) -> pd.DataFrame:
    """Rows of model ``combination``: the mean correlation of the members' errors in each pair of months.

    ``correlations`` has the columns `forecast.tables.CORRELATION_COLUMNS`. The mean of correlation matrices is one. A
    pair without a member takes that of the naive model, as `combination` does. It is an approximation: a median of
    forecasts has no joint distribution of its own.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({name: ["x"] * 2 for name in PAIR} | {"model": ["theta", "arima"]})
    >>> combined_correlations(rows.assign(correlation=[0.2, 0.6]))[["model", "correlation"]].values.tolist()
    [['combination', 0.4]]
    """
    rows = _stood_in(correlations, PAIR, members)
    if rows.empty:
        return rows
    means = rows.groupby(PAIR, sort=False)["correlation"].mean()
    combined: pd.DataFrame = means.reset_index().assign(model="combination")[CORRELATION_COLUMNS]
    return combined


def _stood_in(rows: pd.DataFrame, cell: list[str], members: Sequence[str]) -> pd.DataFrame:
    """The rows of members, and those of the stand-in for each cell without any."""
    own = rows[rows["model"].isin(members)]
    covered = pd.MultiIndex.from_frame(own[cell]).unique()
    stand_in = rows[rows["model"] == STAND_IN]
    alone = ~pd.MultiIndex.from_frame(stand_in[cell]).isin(covered)
    return pd.concat([own, stand_in[alone]])


def _median_in_logs(cells: np.ndarray, volumes: np.ndarray) -> np.ndarray:
    """The median in logs of ``volumes`` (tonnes, zero allowed) within each cell; cells are numbered 0, 1, ..."""
    order = np.lexsort((volumes, cells))
    ordered, counts = volumes[order], np.bincount(cells)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    low, high = ordered[starts + (counts - 1) // 2], ordered[starts + counts // 2]
    return np.where(low == high, low, np.sqrt(low * high))
