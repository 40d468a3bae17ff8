"""Cells that stand in the first row of a block alone, as merged ones do, in the rows below it as well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from forecast.sources.files.sheet import Table
from forecast.sources.meaning.breakdowns import names_total
from forecast.vocabulary.countries import listed

LEAST_EMPTY = 0.5
"""Share of rows with figures that are empty in a column from which on its cells may be carried down."""


def carried_down(table: Table, keys: Sequence[str], volume: str) -> tuple[Table, list[str]]:
    """The table with the columns ``keys`` filled down where each block has them in its first row, and a word on it.

    That is so where the first row has them, at least `LEAST_EMPTY` of the others do not, each cell differs from the
    one above it, and no figure stands twice once they are filled. A row called total that is alone is not filled.

    Examples
    --------
    >>> cells = pd.DataFrame({"Month": ["2025-05", "", "2025-06", ""], "To": ["A", "B"] * 2, "t": ["1", "2", "3", "4"]})
    >>> table, said = carried_down(Table("f.csv", cells), ["Month", "To"], "t")
    >>> table.cells["Month"].tolist(), said
    (['2025-05', '2025-05', '2025-06', '2025-06'], ['Cells carried down from the row above: Month.'])
    """
    names = [name for name in keys if name]
    if not any("" in table.coded(name).cat.categories for name in names):
        return table, []
    figure = table.coded(volume).astype(str).to_numpy() != ""
    cells = table.cells[names].astype(str).apply(lambda column: column.str.strip())
    gaps = {name: (cells[name] == "").to_numpy() & figure for name in names}
    open_to = [
        name
        for name in names
        if len(cells) and not gaps[name][figure][:1].any() and gaps[name].sum() >= LEAST_EMPTY * figure.sum() > 0
    ]
    blocks = [name for name in open_to if _begins_blocks(cells, open_to, gaps, name)]
    if not blocks:
        return table, []
    alone = _lone_totals(cells, gaps[blocks[0]])
    filled = cells.copy()
    for name in blocks:
        filled[name] = cells[name].where((cells[name] != "") | alone | ~figure).replace("", np.nan).ffill()
        filled[name] = filled[name].fillna("").where(~(alone | ~figure), cells[name])
    others = [name for name in table.headings if name not in (*names, volume)]
    rows = pd.concat([filled, table.cells[others].astype(str)], axis=1)[figure & ~alone.to_numpy()]
    if rows.duplicated().any():
        return table, []
    whole = table.cells.assign(**{name: filled[name] for name in blocks})
    return replace(table, cells=whole), [f"Cells carried down from the row above: {listed(blocks)}."]


def _begins_blocks(cells: pd.DataFrame, open_to: Sequence[str], gaps: dict[str, np.ndarray], name: str) -> bool:
    """Whether cells of a column, with those of columns that are empty in the same rows, differ from those above."""
    together = [other for other in open_to if (gaps[other] == gaps[name]).all()]
    there = cells.loc[(cells[name] != "").to_numpy(), together]
    return len(there) < 2 or not bool((there == there.shift()).all(axis=1).any())


def _lone_totals(cells: pd.DataFrame, gap: np.ndarray) -> pd.Series:
    """Rows called total in a key, if not every other block at least has one."""
    total = cells.apply(lambda column: column.map(names_total)).any(axis=1) & gap
    blocks = max(1, int((~gap).sum()))
    lone: bool = bool(total.sum() * 2 < blocks or total.sum() == 1)
    return pd.Series(total.to_numpy() & lone, index=cells.index)
