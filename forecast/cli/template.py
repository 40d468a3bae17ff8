"""``forecast template``: an example file of each kind that is read in its own columns, to fill in or to try with."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.console import plain_refusals, say
from forecast.cli.options import Quiet
from forecast.tables.schema import EVENTS, EXPORTS, PERIOD_TOTALS, SCENARIOS, WORLD, TableSchema

Row = Mapping[str, object]
"""Cells of a row by column; those that are left out are empty."""

MADE_UP = "made up, an example"
_YEARS = (2023, 2024, 2025)
_TONNES = {"USA": 200.0, "DEU": 300.0}
_REST = 500.0


def _exports() -> list[Row]:
    """Three years of two destinations and the total, which a licence halves from April 2025; one figure is revised."""
    rows = []
    for place in range(12 * len(_YEARS)):
        year, month = _YEARS[place // 12], place % 12 + 1
        scale = (1 + 0.1 * math.sin(place) + 0.05 * math.cos(2.5 * place)) * (0.5 if place >= 27 else 1.0)
        tonnes = {code: round(scale * usual, 1) for code, usual in _TONNES.items()}
        tonnes[WORLD] = round(sum(tonnes.values()) + _REST * scale, 1)
        dated = {"month": f"{year}-{month:02}", "released": f"{year + month // 12}-{month % 12 + 1:02}-20"}
        rows += [_volume(code, volume, **dated) for code, volume in tonnes.items()]
    revised = {**rows[-5], "volume_t": round(1.03 * float(str(rows[-5]["volume_t"])), 1), "released": "2026-01-20"}
    return [*rows, {**revised, "status": "revised"}]


def _totals() -> list[Row]:
    """Half a year of a destination of which no single month is known."""
    return [_volume("JPN", 412.0, start="2025-01", end="2025-06", released="2025-07-20")]


def _volume(destination: str, tonnes: float, **days: str) -> Row:
    about = {"status": "reported", "precision_t": 0.1, "source": MADE_UP}
    return {"product": "widgets", "destination": destination, "volume_t": tonnes, **days, **about}


def _events() -> list[Row]:
    """A licence without end, and a truce whose end is scheduled."""
    licence = {"kind": "licensing", "destinations": "ALL", "announced": "2025-04-04", "effective": "2025-04-04"}
    truce = {"kind": "truce", "destinations": "USA", "announced": "2025-10-30", "effective": "2025-11-10"}
    ends = {"ends": "2026-03-10", "ends_announced": "2025-10-30", "ends_status": "scheduled"}
    return [
        _event("licensing-2025-04-widgets", "Licence for each shipment", licence),
        _event("truce-2025-11-usa", "For four months, if it is kept", truce | ends),
    ]


def _scenarios() -> list[Row]:
    """A ban that may come, and the truce of the calendar that may lapse on its scheduled day."""
    ban = {"kind": "ban", "destinations": "DEU", "announced": "2026-02-02", "effective": "2026-02-10"}
    lapse = {"kind": "lapse", "destinations": "USA", "announced": "2025-10-30", "effective": "2026-03-10"}
    return [
        _event("ban-2026-02-deu", "It may be banned", ban | {"probability": 0.2}),
        _event("truce-2025-11-usa", "The truce may lapse", lapse | {"probability": 0.4}),
    ]


def _event(name: str, description: str, more: Row) -> Row:
    return {"event": name, "products": "widgets", "source": MADE_UP, "description": description, **more}


TEMPLATES: dict[str, tuple[TableSchema, Callable[[], list[Row]]]] = {
    "exports": (EXPORTS, _exports),
    "events": (EVENTS, _events),
    "scenario": (SCENARIOS, _scenarios),
    "totals": (PERIOD_TOTALS, _totals),
}
"""Kinds of files: the schema of each and the rows of its example, which belong to those of the others."""

Kinds = Annotated[
    list[str] | None,
    typer.Argument(metavar=f"[{'|'.join(TEMPLATES)}]...", help="The kinds of files: figures, policy events, events "
                   "that may happen, and volumes of several months together, which read_period_totals reads from "
                   "Python. Default: all."),
]  # fmt: skip
Place = Annotated[
    Path, typer.Option("--output", metavar="FOLDER", help="Folder to write into; no file in it is replaced.")
]


def write_templates(kinds: Kinds = None, output: Place = Path(), quiet: Quiet = False) -> None:
    """Write example files in the columns that the other commands read, to fill in with figures of your own."""
    with plain_refusals():
        from forecast.cli.selection import known_words
        from forecast.tables.run_folder import OutputError, write_page

        asked = known_words(list(dict.fromkeys(kinds or TEMPLATES)), list(TEMPLATES), "kind")
        paths = {kind: output / f"{kind}.csv" for kind in asked}
        taken = [path for path in paths.values() if os.path.lexists(path)]
        if taken:  # all are written or none
            raise OutputError(f"{taken[0]}: expected a free name, found a file or a link. Move it or choose another.")
        for kind, path in paths.items():
            write_page(path, template_text(kind), replace=False)
            if not quiet:
                say(f"Written: {path}")


def template_text(kind: str) -> str:
    """The example file of one of `TEMPLATES` as CSV, with every column of its schema.

    Examples
    --------
    >>> template_text("scenario").partition(",")[0]
    'event'
    """
    import pandas as pd

    schema, rows = TEMPLATES[kind]
    return pd.DataFrame(rows(), columns=schema.columns).to_csv(index=False, lineterminator="\n")
