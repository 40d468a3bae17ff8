"""One table of several files: figures that agree are one, later ones revise earlier ones, the rest is a question."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from forecast.sources.extract import KEY, UNUSED_COLUMNS, unused_rows
from forecast.tables.read import TableError

AGREEMENT = 1e-6
"""Relative difference up to which two figures of one month are the same, rounding apart."""

MOST_QUESTIONS = 3
"""Conflicts that are spelt out."""


@dataclass(frozen=True)
class Joined:
    """Rows with one figure per key, those that were left out, and what was done in words."""

    rows: pd.DataFrame
    unused: pd.DataFrame
    notes: list[str]


def joined_sources(rows: pd.DataFrame) -> Joined:
    """``rows`` of all files (columns of a `Reading`) as one table.

    Rows of one key that agree are joined. Where they differ, figures with another stated release are vintages; a
    figure whose release is a rule's gives way to one of a stated later release.

    Raises
    ------
    TableError
        Where figures of one key differ and nothing says which is later: both numbers, and the way out.
    """
    repeated = rows.duplicated(KEY, keep=False)
    if not repeated.any():
        return _without_echoes(rows, pd.DataFrame(columns=UNUSED_COLUMNS), [])
    first = rows[repeated].groupby(KEY, sort=False, observed=True)["volume_t"].transform("first")
    scale = pd.concat([first.abs(), rows.loc[repeated, "volume_t"].abs()], axis=1).max(axis=1)
    here = rows.loc[repeated, "volume_t"]
    differ = ((here - first).abs() > AGREEMENT * scale) | (here.isna() != first.isna())
    if differ.any():
        raise TableError(*_questions(rows[repeated], differ))
    again = rows.duplicated(KEY)
    notes = [f"{int(again.sum()):,} figures stand in the files more than once and agree: each is used once."]
    return _without_echoes(rows[~again], unused_rows("", rows[again], "the same figure stands already above"), notes)


def _without_echoes(rows: pd.DataFrame, unused: pd.DataFrame, notes: list[str]) -> Joined:
    """Vintages that repeat the figure of the release before are left out; the others revise it."""
    key = KEY[:-1]
    several = rows.duplicated(key, keep=False)
    if not several.any():
        return Joined(rows, unused, notes)
    ordered = rows[several].assign(released=rows["released"].astype(str)).sort_values("released", kind="stable")
    before = ordered.groupby(key, sort=False, observed=True)["volume_t"].shift()
    echo = (ordered["volume_t"] - before).abs() <= AGREEMENT * before.abs()
    revised = int((~echo & before.notna() & ordered["volume_t"].notna()).sum())
    withdrawn = int(ordered["volume_t"].isna().sum())
    if withdrawn:
        notes = [*notes, f"{withdrawn:,} figures are withdrawn by a later release: unknown from its day on."]
    if revised:
        notes = [*notes, f"{revised:,} figures are revised by a later release: both are kept, each from its own day."]
    again = ordered.index[echo]
    reason = "a later release repeats the figure"
    return Joined(rows.drop(index=again), pd.concat([unused, unused_rows("", rows.loc[again], reason)]), notes)


def _tonnes(volume: float) -> str:
    return f"{volume:g} t" if volume == volume else "withdrawn"


def _questions(rows: pd.DataFrame, differ: pd.Series) -> list[str]:
    """A sentence for the first conflicts, and how many there are."""
    said = []
    for _, one in rows[differ].head(MOST_QUESTIONS).iterrows():
        same = rows[(rows[KEY] == one[KEY]).all(axis=1)].iloc[0]
        where = f"{same['file']} row {same['row']}" if same["file"] != one["file"] else f"row {same['row']}"
        said.append(
            f"{one['file']} row {one['row']}: {one['product']} {one['destination']} {one['month']} is "
            f"{_tonnes(one['volume_t'])} here "
            f"and {_tonnes(same['volume_t'])} in {where}. Which holds?"
        )
    count = int(differ.sum())
    more = f" ({count:,} such figures)" if count > MOST_QUESTIONS else ""
    said.append(
        f"Figures of one month differ{more}: leave out one file, import the newer with --released YYYY-MM-DD so that "
        "it revises "
        "the older, or download without the breakdown that makes several rows of one month."
    )
    return said
