"""``forecast brief``: a `next` run as a page to send round."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.console import plain_refusals, silent_libraries
from forecast.cli.inputs import Given, names, read, with_rest
from forecast.cli.options import Quiet

NextFolder = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="The folder of a next run. Default: the newest output/next-*.")
]
BriefPage = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="The page to write. Default: brief.html in RUN.")
]


def brief(folder: NextFolder = None, output: BriefPage = None, quiet: Quiet = False) -> None:
    """Write the briefing of a forecast: one HTML page with tables and charts that opens without a network."""
    with plain_refusals(), silent_libraries():
        from forecast.report.brief.page import brief_page
        from forecast.report.outlook import outlook
        from forecast.tables.run_folder import OutputError, read_about, read_run

        folder = folder or newest(Path("output"))
        about, run = read_about(folder), read_run(folder)
        if about["command"] != "next":
            raise OutputError(f"{folder}: expected a run of forecast next, found one of {about['command']}.")
        arguments, issued = about["arguments"], date.fromisoformat(about["issued"])
        given = Given.of(arguments["exports"], arguments["events"])
        _check_inputs(folder, given, about["inputs"])
        tables = with_rest(read(given), issued)
        from forecast.realtime.data import Data

        known = Data(tables.exports, tables.events, tables.groups, tables.totals).as_of(issued)
        shown = "combination" if "combination" in arguments["models"] else arguments["models"][0]
        found = [
            outlook(tables.exports, tables.events, tables.groups, run, product=product, issued=issued, model=shown,
                    names=names(tables.places), record=tables.record)
            for product in about["cutoffs"]
        ]  # fmt: skip
        page = output or folder / "brief.html"
        page.write_text(brief_page(found, known.volumes, about), encoding="utf-8", newline="\n")
        if not quiet:
            typer.echo(f"Brief: {page}")


def newest(place: Path) -> Path:
    """The run of the latest issue day among ``next-*`` in a folder.

    Raises
    ------
    OutputError
        When there is none.
    """
    from forecast.tables.run_folder import OutputError

    runs = sorted(place.glob("next-*"))
    if not runs:
        raise OutputError(
            f"{place}: expected a run next-*, found none. Run forecast next, or name the folder of a run."
        )
    return runs[-1]


def _check_inputs(folder: Path, given: Given, inputs: dict[str, str]) -> None:
    """Nothing where the files are those that the run was made from."""
    import hashlib

    from forecast.tables.run_folder import OutputError

    for name, path in given.paths().items():
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != inputs.get(name):
            raise OutputError(f"{folder}: expected {name} as the run read it, found another. Run forecast next again.")
