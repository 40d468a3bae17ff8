"""What the store says, as people read it: what an update did, what changed and why, the track record, revisions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.ensemble.judgement import JUDGED
from forecast.registry import COMBINATION
from forecast.report.brief.tables import contributions
from forecast.report.scoreboard import SHOWN_SLICES
from forecast.report.text import NEXT_TO_NOTHING, UNKNOWN, change, digits, moved_by, spoken
from forecast.tables.frames import records

SHOWN_REVISIONS = 20


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], text: int = 1) -> Table:
    """Rows under headings, the first ``text`` columns to the left."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="left" if place < text else "right", no_wrap=place < text)
    for row in rows:
        table.add_row(*row)
    return table


def _title(console: Console, text: str, under: str = "") -> None:
    console.print(Text(text, style="bold"))
    if under:
        console.print(Text(under, style="dim"))
    console.print()


def _place(code: str, model: str, names: Mapping[str, str]) -> str:
    """A destination by name, with a word where its forecast was judged."""
    return f"{names.get(code, code)} ({model})" if model == JUDGED else names.get(code, code)


# Forecasts and actuals ------------------------------------------------------------------------------------------------


def print_scored(scored: pd.DataFrame, shown: Sequence[str], names: Mapping[str, str], console: Console) -> None:
    """Print what was issued of the months that are out by now, one month ahead, by models ``shown``.

    Where there are several products each row names its own.
    """
    rows = scored[scored["model"].isin(shown) & scored["horizon"].eq(1)]
    if rows.empty:
        return
    _title(console, "What was issued, and the actual", "one month ahead; volumes in tonnes")
    several = rows["product"].nunique() > 1
    cells = [
        [
            *([spoken(row.product)] if several else []), _place(row.destination, row.model, names), str(row.month),
            digits(row.volume_t), f"{digits(row.lower_80)} to {digits(row.upper_80)}", digits(row.actual_t),
            _inside(row), change(row.error),
        ]
        for row in records(rows)
    ]  # fmt: skip
    headings = ("destination", "month", "issued", "80 % interval", "actual", "inside", "error")
    console.print(_table([*(["product"] if several else []), *headings], cells, 1 + several))
    console.print()


def _inside(row: object) -> str:
    inside = [level for level in (80, 95) if getattr(row, f"inside_{level}")]
    return f"{inside[0]} %" if inside else "outside"


def print_record(record: pd.DataFrame, minimum: int, console: Console, shown: Sequence[str]) -> None:
    """Print coverage with Wilson intervals and skill against naive, by product, model and phase, one month ahead.

    A sentence says first how often the intervals of the first of the models ``shown`` held; they stand in that order.
    """
    places = {name: place for place, name in enumerate(shown)}
    own = record[record["model"].isin(list(places))]
    own = own.sort_values("model", key=lambda column: column.map(places), kind="stable")
    if len(own):
        console.print(Text(held_sentence(own, shown[0])))
        console.print()
    for product in [name for name in dict.fromkeys(record["product"]) if name in set(own["product"])]:
        about = f"one month ahead; shares with 95 % Wilson intervals, nothing below n = {minimum}"
        _title(console, f"Track record of {spoken(product)}", about)
        rows = own[own["product"] == product]
        cells = [
            [
                spoken(row.model),
                SHOWN_SLICES.get(row.slice, row.slice),
                str(row.n),
                _held(row, 80),
                _held(row, 95),
                _skill(row.skill),
            ]
            for row in records(rows)
        ]
        console.print(_table(("model", "months", "n", "inside 80 %", "inside 95 %", "skill against naive"), cells, 2))
        console.print()


def held_sentence(record: pd.DataFrame, model: str) -> str:
    """How often intervals of a model held over all products, one month ahead.

    Examples
    --------
    >>> row = {"product": "magnets", "model": "combination", "slice": "all", "n": 9, "held_80": 7, "held_95": 8}
    >>> held_sentence(pd.DataFrame([row, row | {"product": "gallium"}]), "combination")
    'The combination, one month ahead: 14 of 18 actuals inside the 80 % interval, 16 of 18 inside the 95 % interval.'
    """
    own = record[(record["model"] == model) & (record["slice"] == "all")]
    n = own["n"].sum()
    held = [f"{own[f'held_{level}'].sum()} of {n}" for level in (80, 95)]
    inside = f"{held[0]} actuals inside the 80 % interval, {held[1]} inside the 95 % interval"
    return f"{'The ' if model == COMBINATION else ''}{spoken(model)}, one month ahead: {inside}."


def _held(row: object, level: int) -> str:
    share, lower, upper = (getattr(row, f"{name}_{level}") for name in ("coverage", "lower", "upper"))
    held, n = getattr(row, f"held_{level}"), getattr(row, "n")  # noqa: B009
    return UNKNOWN if math.isnan(share) else f"{held} of {n} ({lower:.0%} to {upper:.0%})"


def _skill(skill: float) -> str:
    return "-" if math.isnan(skill) else f"{skill:+.0%}"


# What changed --------------------------------------------------------------------------------------------------------


def print_what_changed(changes: pd.DataFrame, names: Mapping[str, str], console: Console) -> None:
    """Print what moved each forecast since the last issue, and by how much which cause did."""
    if changes.empty:
        return
    before, issued = changes["before"].iloc[0], changes["issued"].iloc[0]
    touched = {product: own for product, own in changes.groupby("product", sort=False) if contributions(own)}
    causes = contributions(changes)
    untouched = [spoken(str(name)) for name in dict.fromkeys(changes["product"]) if name not in touched]
    if untouched:
        console.print(Text(f"Nothing has moved the forecasts of {', '.join(untouched)} since the issue of {before}."))
        console.print()
    for product, own in touched.items():
        about = f"from the issue of {before} to that of {issued}; tonnes, contributions add up to the change"
        _title(console, f"What changed of {spoken(str(product))}", about)
        headings = ("destination", "month", "before", "now", "change", *(spoken(cause) for cause in causes))
        console.print(_table(headings, _change_cells(own, causes, names)))
        console.print()


def _change_cells(own: pd.DataFrame, causes: Sequence[str], names: Mapping[str, str]) -> list[list[str]]:
    rows = []
    for (code, model, month), cell in own.groupby(["destination", "model", "month"], sort=False):
        before, after = cell["before_t"].iloc[0], cell["after_t"].iloc[0]
        parts = cell.set_index("contribution")["change_t"]
        name = _place(str(code), str(model), names)
        by = change(after / before - 1) if abs(after - before) > NEXT_TO_NOTHING * before else "none"
        rows.append(
            [name, str(month), digits(before), digits(after), by, *(moved_by(parts[name], before) for name in causes)]
        )
    return rows


# Revisions -----------------------------------------------------------------------------------------------------------


def print_revisions(revisions: pd.DataFrame, names: Mapping[str, str], console: Console) -> None:
    """Print the cells whose figure changed, the latest first."""
    _title(console, "Figures that were revised", "tonnes; days between the first release and the latest")
    rows = revisions.sort_values("latest_released", ascending=False, kind="stable").head(SHOWN_REVISIONS)
    cells = [
        [
            spoken(row.product), names.get(row.destination, row.destination), str(row.month), digits(row.first_t),
            str(row.first_released), "withdrawn" if math.isnan(row.latest_t) else digits(row.latest_t),
            str(row.latest_released), "-" if math.isnan(row.change) else change(row.change), str(row.days),
        ]
        for row in records(rows)
    ]  # fmt: skip
    headings = ("product", "destination", "month", "first", "released", "latest", "released", "change", "days")
    console.print(_table(headings, cells, 2))
    if len(revisions) > SHOWN_REVISIONS:
        console.print(f"and {len(revisions) - SHOWN_REVISIONS} earlier ones.")
