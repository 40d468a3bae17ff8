"""An outlook as text: for a terminal or a pipe, and as Markdown to paste."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from forecast.report.outlook import COMBINED, Outlook, recent
from forecast.report.text import UNKNOWN, change, digits, spoken
from forecast.safety.inert import markdown
from forecast.tables.frames import records

ROOMY = 118
"""Columns of a terminal from which events and notes stand in the table; below, they follow it."""

PIPED = 140
"""Width where the output is no terminal."""

UNBOUNDED = 10_000

EVENTS_WIDTH = 46

NOT_RECENT = "No recent figures: the last one is a year old or older"

SHORT_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def print_outlook(found: Outlook, console: Console) -> None:
    """Print an outlook; numbers are never cut, whatever the width of ``console``."""
    roomy = console.width >= ROOMY
    title, subtitle = headline(found)
    is_recent = recent(found)
    console.print(Text(title, style="bold"))
    console.print(Text(subtitle, style="dim"))
    console.print()
    for caption, rows in (("", found.rows[is_recent]), (NOT_RECENT, found.rows[~is_recent])):
        if len(rows):
            if caption:
                console.print(Text(caption, style="dim"))
            table, left_out = _fitting(rows, console, roomy=roomy)
            console.print(_uncut(table, console), crop=False, end="")
            if left_out:
                console.print(Text(f"Not shown on a screen of this width: {', '.join(left_out)}.", style="dim"))
            console.print()
    if len(found.together):
        console.print(_uncut(_sums_table(found.together), console), crop=False, end="")
        console.print()
    console.print(_remarks(found, roomy=roomy))
    console.print()


LEFT_OUT_FIRST = ("on year", "on month", "of month", "last actual")
"""Columns that a narrow screen goes without, in this order; forecast and interval always stand there."""


NARROWEST = 60
"""Columns of a screen below which nothing is left out, and lines are longer than it."""


def _fitting(rows: pd.DataFrame, console: Console, *, roomy: bool) -> tuple[Table, list[str]]:
    """The table with as many columns as fit, and the names of those that do not."""
    for count in range(len(LEFT_OUT_FIRST) + 1 if console.width >= NARROWEST else 1):
        table = _table(rows, roomy=roomy, without=LEFT_OUT_FIRST[:count])
        lines = Segment.split_lines(console.render(_uncut(table, console)))
        if max(map(Segment.get_line_length, lines)) <= console.width:
            break
    return table, [name for name in columns(rows) if name in LEFT_OUT_FIRST[:count]]


def _uncut(table: Table, console: Console) -> Segments:
    """The table as wide as its numbers need, even where that is wider than ``console``."""
    least = Measurement.get(console, console.options.update(max_width=UNBOUNDED), table).minimum
    return Segments(console.render(table, console.options.update(width=max(console.width, least))))


def with_whole_words(table: Table, width: int) -> Table:
    """The table with columns that break no word, where it has to be narrower than its text and words leave room.

    Columns begin as wide as their longest word, or their longest line where they do not wrap, and share what is left.
    """
    texts = [[str(cell) for cell in (column.header, *column.cells)] for column in table.columns]
    most = [max(len(line) for text in own for line in text.split("\n")) for own in texts]
    words = [max((len(word) for text in own for word in text.split()), default=0) for own in texts]
    widths = [longest if column.no_wrap else word
              for column, word, longest in zip(table.columns, words, most, strict=True)]  # fmt: skip
    room = width - (len(widths) - 1) * (2 if table.box else 1)  # padding, and what stands between columns
    spare = room - sum(widths)
    if spare < 0 or sum(most) <= room:
        return table
    while spare and widths != most:
        narrow = [place for place, longest in enumerate(most) if widths[place] < longest]
        for place in narrow[:spare]:
            widths[place] += 1
        spare -= len(narrow[:spare])
    for column, own in zip(table.columns, widths, strict=True):
        column.width = own
    return table


def headline(found: Outlook) -> tuple[str, str]:
    """What is forecast for when, and how to read it."""
    months = found.rows["month"].drop_duplicates().astype(str).tolist() or [str(found.cutoff + 1)]
    span = " and ".join(months) if len(months) < 3 else f"{min(months)} to {max(months)}"
    title = f"Exports of {spoken(found.product)}: forecast for {span}"
    model = f"the median of {spoken(found.model)}" if found.model != COMBINED else "the median"
    return title, f"issued {found.issued}, figures up to {found.cutoff}; volumes in tonnes, the forecast is {model}"


def columns(rows: pd.DataFrame) -> list[str]:
    """The headings of the table; several months forecast need a column that says which, judged ones the model's."""
    of_month = ["for month"] if rows["month"].nunique() > 1 else []
    held = ["80 % held"] if rows["held"].any() else []
    judged = ["the model"] if rows["model_t"].notna().any() else []
    return [
        "destination", "last actual", "of month", *of_month, "forecast", *judged, "80 % interval", *held, "on month",
        "on year", "events acting", "notes",
    ]  # fmt: skip


def cells(rows: pd.DataFrame) -> Iterator[list[str]]:
    """The text of every cell, under `columns`; what a row would repeat of its destination is left out."""
    several, record, former = rows["month"].nunique() > 1, rows["held"].any(), None
    said: tuple[str, ...] = ()
    judged = bool(rows["model_t"].notna().any())
    for row in records(rows):
        first, about = row.destination != former, (_kinds(row), ", ".join(row.notes))
        actual = [str(row.name), digits(row.last_t), str(row.last_month)] if first else ["", "", ""]
        interval = f"{digits(row.lower_80)} to {digits(row.upper_80)}"
        held = [row.held or (UNKNOWN if first else "")] if record else []
        numbers = [*_forecast(row, judged=judged), interval, *held, change(row.on_month), change(row.on_year)]
        of_month = [str(row.month)] if several else []
        yield [*actual, *of_month, *numbers, *(about if first else _what_differs(about, said))]
        former, said = row.destination, about


def _what_differs(texts: Sequence[str], above: Sequence[str]) -> Iterator[str]:
    """Texts that differ from those of the row above, and nothing for those that would repeat them."""
    for text, former in zip(texts, above, strict=True):
        yield "" if text == former else text or UNKNOWN


def _forecast(row: Any, *, judged: bool) -> list[str]:
    """The forecast, and where any is judged what the model says beside it."""
    is_judged = not pd.isna(row.model_t)
    number = f"judged {digits(row.volume_t)}" if is_judged else digits(row.volume_t)
    return [number, *([digits(row.model_t) if is_judged else ""] if judged else [])]


SUM_HEADINGS = ["destination", "months together", "forecast", "80 % interval"]


def sum_cells(together: pd.DataFrame) -> Iterator[list[str]]:
    """The text of every cell of the sums, under `SUM_HEADINGS`; a destination is named once."""
    former = None
    for row in records(together):
        name = str(row.name) if row.destination != former else ""
        interval = f"{digits(row.lower_80)} to {digits(row.upper_80)}"
        yield [name, months_together(row.start, row.end, row.known), digits(row.volume_t), interval]
        former = row.destination


def months_together(start: pd.Period, end: pd.Period, known: Any) -> str:
    """Several months as people say them, and up to which of them the figures are known.

    Examples
    --------
    >>> months_together(pd.Period("2026-09"), pd.Period("2026-11"), None)
    'Sep to Nov 2026'
    >>> months_together(pd.Period("2026-11"), pd.Period("2027-01"), None)
    'Nov 2026 to Jan 2027'
    >>> months_together(pd.Period("2026-07"), pd.Period("2026-09"), pd.Period("2026-08"))
    'Jul to Sep 2026, known to Aug'
    """
    year = f" {start.year}" if start.year != end.year else ""
    until = "" if pd.isna(known) else f", known to {SHORT_MONTHS[known.month - 1]}"
    return f"{SHORT_MONTHS[start.month - 1]}{year} to {SHORT_MONTHS[end.month - 1]} {end.year}{until}"


def _kinds(row: Any) -> str:
    """The kinds acting, in brackets where their effect is not estimated."""
    texts = [f"({spoken(kind)})" if kind in row.unestimated else spoken(kind) for kind in row.events]
    return ", ".join(texts) or UNKNOWN


def _sums_table(together: pd.DataFrame) -> Table:
    table = _plain_table()
    for name in SUM_HEADINGS:
        table.add_column(name, justify="right" if name in SUM_HEADINGS[2:] else "left", no_wrap=True)
    for code, texts in zip(together["destination"], sum_cells(together), strict=True):
        table.add_row(*texts, style="bold" if code == "WLD" else "")
    return table


def _plain_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="", show_edge=False)


def _table(rows: pd.DataFrame, *, roomy: bool, without: Sequence[str]) -> Table:
    table = _plain_table()
    names = columns(rows)
    shown = [place for place, name in enumerate(names) if name not in without and (roomy or place < len(names) - 2)]
    for place in shown:
        table.add_column("\n".join(names[place].rsplit(" ", 1)), **_layout(names[place]))
    for code, texts in zip(rows["destination"], cells(rows), strict=True):
        table.add_row(*(texts[place] for place in shown), style="bold" if code == "WLD" else "")
    return table


def _layout(name: str) -> dict[str, Any]:
    if name == "events acting":
        return {"max_width": EVENTS_WIDTH, "style": "not bold"}
    if name == "notes":
        return {"style": "dim"}
    return {"min_width": len(name)} if name == "destination" else {"no_wrap": True, "justify": "right"}


def _remarks(found: Outlook, *, roomy: bool) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, line in _lines(found, roomy=roomy):
        grid.add_row(label, Text(line))
    return grid


def _lines(found: Outlook, *, roomy: bool) -> Iterator[tuple[str, str]]:
    """(label, line) of every remark, the label on its first line alone; events and notes too where not in the table."""
    if not roomy:
        beside = list(_beside(found.rows))
        yield from [*beside, *([("", "")] if beside else [])]
    for remark in found.remarks:
        yield from zip([remark.label, *[""] * (len(remark.lines) - 1)], remark.lines, strict=True)


def _beside(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """What acts on each destination and its notes, where there is any: by month where months differ."""
    for name, own in rows.groupby("name", sort=False):
        said = {row.month: " - ".join(filter(None, [_kinds(row) if row.events else "", ", ".join(row.notes)]))
                for row in records(own)}  # fmt: skip
        alike = len(set(said.values())) == 1
        lines = [text if alike else f"{month}: {text}" for month, text in said.items() if text][: 1 if alike else None]
        yield from zip([str(name), *[""] * len(lines)], lines, strict=False)


def as_markdown(found: Outlook) -> str:
    """An outlook as a Markdown table with its remarks as a list.

    Ends with a line break.
    """
    title, subtitle = map(markdown, headline(found))
    is_recent = recent(found)
    body = _in_markdown(found.rows[is_recent])
    if not is_recent.all():
        body += ["", f"{NOT_RECENT}.", "", *_in_markdown(found.rows[~is_recent])]
    sums = _sums_in_markdown(found.together) if len(found.together) else []
    remarks = [f"- {remark.label}: {markdown('; '.join(remark.lines))}" for remark in found.remarks]
    return "\n".join([f"## {title}", "", f"{subtitle[0].upper()}{subtitle[1:]}.", "", *body, "", *sums, *remarks, ""])


def _in_markdown(rows: pd.DataFrame) -> list[str]:
    """The lines of a table."""
    names = columns(rows)
    left = ("destination", "events acting", "notes")
    rules = ["---" if name in left else "---:" for name in names]
    return [f"| {' | '.join(texts)} |" for texts in [names, rules, *map(_inert, cells(rows))]]


def _inert(texts: list[str]) -> list[str]:
    return [*map(markdown, texts)]


def _sums_in_markdown(together: pd.DataFrame) -> list[str]:
    rules = ["---", "---", "---:", "---:"]
    return [*(f"| {' | '.join(texts)} |" for texts in [SUM_HEADINGS, rules, *map(_inert, sum_cells(together))]), ""]
