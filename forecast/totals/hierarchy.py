"""The total, its parts and the rest of the world together: reconciled forecasts, or a sum where there is no total."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.realtime.data import Data
from forecast.realtime.rest_of_world import separate_destinations, without_overlap
from forecast.registry import COMBINATION, MEMBERS
from forecast.tables.frames import stacked
from forecast.tables.quantiles import PROBABILITIES, VOLUME_QUANTILES
from forecast.tables.schema import REST_OF_WORLD, RUN_TABLES, WORLD
from forecast.totals.reconciliation import joint_draws, reconcile, shrunk_correlation

SUM = "SUM"
"""The sum over the destinations on file, where there is no total."""

LEAST_ORIGINS = 6
"""Origins with an actual without which errors of two series count as unrelated."""

_CELL = ["product", "issued", "cutoff", "month", "horizon"]


def reconciled_forecasts(combined: pd.DataFrame, earlier: pd.DataFrame, data: Data) -> pd.DataFrame:
    """Forecasts of total and parts that add up draw by draw: the table ``reconciled`` of a run.

    ``combined`` holds the rows of the combination, ``earlier`` those of its members on earlier origins as well, from
    whose errors the correlations between destinations come. Only products with a rest of the world
    (`forecast.realtime.rest_of_world`) have a total to be reconciled with; of others with several destinations and no
    total a row `SUM` is made.

    Returns
    -------
    pandas.DataFrame
        Quantiles in tonnes of the reconciled draws, a row per destination and month; ``parts`` counts what is summed.
    """
    found = [RUN_TABLES["reconciled"].empty()]
    for key, rows in combined.groupby(_CELL, sort=True):
        cell: dict[str, Any] = dict(zip(_CELL, key, strict=True))
        parts = _parts(list(rows["destination"]), str(cell["product"]), cell["issued"], data)
        total = WORLD if REST_OF_WORLD in parts else SUM
        if len(parts) < 2 or total not in (SUM, *rows["destination"]):
            continue
        order = [*parts, WORLD] if total == WORLD else parts
        own = rows.set_index("destination").loc[order, list(VOLUME_QUANTILES)].to_numpy(dtype=float)
        correlation = error_correlation(earlier, data, cell, order)
        quantiles = reconcile(own, correlation) if total == WORLD else _of_sum(own, correlation)
        found.append(_table(cell, order if total == WORLD else [SUM], quantiles, len(parts)))
    return stacked(found)


def _of_sum(quantiles: np.ndarray, correlation: np.ndarray) -> np.ndarray:
    """Quantiles (1 x quantile) of the sum of series with the marginal ``quantiles``."""
    draws = joint_draws(quantiles, correlation).sum(axis=1)
    return np.asarray(np.quantile(draws, PROBABILITIES, method="hazen")[None])


def _table(cell: Mapping[str, Any], order: list[str], quantiles: np.ndarray, parts: int) -> pd.DataFrame:
    table = pd.DataFrame(quantiles, columns=list(VOLUME_QUANTILES)).assign(destination=order, model=COMBINATION)
    for name, value in {**cell, "parts": parts}.items():
        table[name] = [value] * len(table)
    return table[RUN_TABLES["reconciled"].columns]


def _parts(codes: list[str], product: str, issued: date, data: Data) -> list[str]:
    """The destinations that add up: those apart from the rest, and it; without a total all that do not overlap."""
    if REST_OF_WORLD in codes:
        apart = apart_from_rest(data, product, issued)
        return [*apart, REST_OF_WORLD] if set(apart) <= set(codes) else []
    if WORLD in codes:
        return []
    return without_overlap(codes, data.groups)


def apart_from_rest(data: Data, product: str, issued: date) -> list[str]:
    """The destinations that the rest of the world of a product leaves out, as known on a day; none without a rest."""
    wide = data.as_of(issued).volumes.get(product)
    if wide is None or REST_OF_WORLD not in wide:
        return []
    rows = wide.drop(columns=REST_OF_WORLD).melt(value_name="volume_t", ignore_index=False).dropna().reset_index()
    return separate_destinations(rows.assign(product=product, released=issued), data.groups)


def error_correlation(earlier: pd.DataFrame, data: Data, cell: Mapping[str, Any], order: list[str]) -> np.ndarray:
    """Correlation between destinations of the members' mean errors (logs) in months known on the issue day."""
    issued, product = cell["issued"], cell["product"]
    rows = earlier[
        (earlier["product"] == product)
        & earlier["model"].isin(MEMBERS)
        & earlier["destination"].isin(order)
        & (earlier["horizon"] == 1)
        & (earlier["issued"] < issued)
    ]
    if rows["issued"].nunique() < LEAST_ORIGINS:
        return np.eye(len(order))
    known = data.as_of(issued).volumes[product]
    row = rows["month"].array.asi8 - known.index[0].ordinal
    column = known.columns.get_indexer(pd.Index(rows["destination"]))
    inside = (row >= 0) & (row < len(known)) & (column >= 0)
    actual = np.where(inside, known.to_numpy()[np.where(inside, row, 0), np.where(inside, column, 0)], np.nan)
    both = (actual > 0) & (rows["volume_t"] > 0).to_numpy()
    error = pd.Series(np.log(actual[both] / rows["volume_t"].to_numpy()[both]))
    keys = [rows["issued"].to_numpy()[both], rows["destination"].to_numpy()[both]]
    by_origin = error.groupby(keys).mean().unstack().reindex(columns=order)
    return shrunk_correlation(by_origin.to_numpy(dtype=float))
