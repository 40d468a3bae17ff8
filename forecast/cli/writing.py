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

    return sums(run, tables.exports, horizon)


def tables_of_sums(sums: Sums | None) -> dict[str, pd.DataFrame]:
    """``sums`` where several months are forecast, and ``sums_omitted`` where some sums are not among them."""
    if sums is None:
        return {}
    return {"sums": sums.table} | ({"sums_omitted": sums.omitted} if len(sums.omitted) else {})
