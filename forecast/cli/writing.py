"""Tables of a run beyond those that every run has, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from forecast.cli.inputs import Tables
    from forecast.ensemble.aggregates import Sums
    from forecast.tables.run import Forecasts


def write_tables(folder: Path, tables: Mapping[str, pd.DataFrame]) -> None:
    """A CSV file in ``folder`` for each table, by its name."""
    from forecast.tables.frames import as_text

    for name, table in tables.items():
        as_text(table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")


def sums_of(run: Forecasts, tables: Tables, horizon: int) -> Sums | None:
    """What is known of several months together, where several are forecast."""
    if horizon == 1:
        return None
    from forecast.ensemble.aggregates import sums

    return _without_rest(sums(run, tables.exports, horizon), run)


def _without_rest(found: Sums, run: Forecasts) -> Sums:
    """The sums without those of the rest of the world where its months are shown as they add up with the total.

    A sum is of months by themselves, and would not be that of the months that are shown.
    """
    import pandas as pd

    from forecast.ensemble.aggregates import Sums
    from forecast.tables.schema import OMITTED_COLUMNS, REST_OF_WORLD

    key = ["product", "destination", "model", "issued"]
    rest = run.reconciled[run.reconciled["destination"] == REST_OF_WORLD]
    shown = pd.MultiIndex.from_frame(found.table[key].astype(object)).isin(
        pd.MultiIndex.from_frame(rest[key].astype(object))
    )
    left = found.table[shown].assign(reason="its months are shown as they add up with World")
    omitted = pd.concat([found.omitted, left[OMITTED_COLUMNS]], ignore_index=True) if shown.any() else found.omitted
    return Sums(found.table[~shown].reset_index(drop=True), omitted)


def tables_of_sums(sums: Sums | None) -> dict[str, pd.DataFrame]:
    """``sums`` where several months are forecast, and ``sums_omitted`` where some sums are not among them."""
    if sums is None:
        return {}
    return {"sums": sums.table} | ({"sums_omitted": sums.omitted} if len(sums.omitted) else {})
