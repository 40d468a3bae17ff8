"""``forecast analogues``: past measures like one of the calendar, and what volumes did since."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.console import plain_refusals, screen, silent_libraries
from forecast.cli.inputs import Given, names, read
from forecast.cli.options import SHIPPED, Events, Exports, Issued, StoreOfInputs, words
from forecast.cli.selection import chosen

EventName = Annotated[
    str, typer.Argument(metavar="EVENT", help="The name of an event of the calendar, such as licensing-2025-04-ree.")
]
AnalogueProducts = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="NAME", help="Products to show, separated by commas or repeated. Default: all on "
                 "file."),
]  # fmt: skip
SeriesBeside = Annotated[
    str,
    typer.Option("--experience", metavar="WHAT", help="Where past measures are sought beside the files given: "
                 "'shipped', in the packaged series of all products that your files do not have; a FILE of exports in "
                 "their place; 'none', in your files alone."),
]  # fmt: skip
Most = Annotated[int, typer.Option("--most", min=1, max=100, metavar="N", help="Past measures to show.")]
AnaloguesFile = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="CSV file for the rows. Default: none is written.")
]


def past_measures(
    event: EventName,
    exports: Exports = None,
    events: Events = None,
    product: AnalogueProducts = None,
    issued: Issued = None,
    most: Most = 5,
    experience: SeriesBeside = SHIPPED,
    store: StoreOfInputs = None,
    output: AnaloguesFile = None,
) -> None:
    """Show the past measures most like an event, and what volumes did in the months since each took effect."""
    with plain_refusals(), silent_libraries():
        from forecast.realtime.data import Data
        from forecast.report.agenda import EventNames
        from forecast.report.analogues import AnalogueError, analogues, print_analogues
        from forecast.tables.run_folder import OutputError, write_page

        tables = read(Given.of(exports, events, experience, store))
        choice = chosen(tables, words(product), [], [], issued)
        shown = [*choice.products, *([] if product else tables.learned)]
        own = tables.exports[tables.exports["product"].isin(shown)]
        try:
            found = analogues(Data(own, tables.events, tables.groups, None), event, choice.issued, most)
        except AnalogueError as error:
            raise OutputError(str(error)) from error
        if output is not None:
            from forecast.tables.frames import as_text

            write_page(output, as_text(found).to_csv(index=False, lineterminator="\n"))
        spoken = names(tables.places)
        print_analogues(found, spoken, screen(), EventNames.of(tables.events, spoken))
