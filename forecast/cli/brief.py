"""``forecast brief``: a `next` run as a page to send round."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.console import plain_refusals, silent_libraries
from forecast.cli.inputs import Given, Tables, names, read, with_rest
from forecast.cli.options import PRIORS, Quiet

if TYPE_CHECKING:
    import pandas as pd

    from forecast.report.brief.page import Behind
    from forecast.tables.run import Forecasts

NextFolder = Annotated[
    Path | None, typer.Argument(metavar="[RUN]", help="The folder of a next run. Default: the newest output/next-*.")
]
BriefPage = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="The page to write. Default: brief.html in RUN.")
]


ScenarioFolder = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FOLDER", help="The folder of a scenario run, for the section on what may "
                 "happen. Default: no such section."),
]  # fmt: skip


def brief(
    folder: NextFolder = None, output: BriefPage = None, scenario: ScenarioFolder = None, quiet: Quiet = False
) -> None:
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
        given = Given.of(arguments["exports"], arguments["events"], arguments.get("experience", PRIORS))
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
        behind = _behind(run, tables, issued, [outlook.product for outlook in found], scenario)
        page = output or folder / "brief.html"
        page.write_text(brief_page(found, known.volumes, about, behind), encoding="utf-8", newline="\n")
        if not quiet:
            typer.echo(f"Brief: {page}")


def _behind(run: Forecasts, tables: Tables, issued: date, products: list[str], scenario: Path | None) -> Behind:
    """What is behind the numbers: parts, events, a scenario, the track record."""
    from forecast.realtime.events import known_events
    from forecast.report.brief.page import Behind
    from forecast.report.explain import as_objects, explained, shown_medians
    from forecast.report.outlook import ActingCalendar

    known, called = known_events(tables.events, issued), names(tables.places)
    calendars = {product: ActingCalendar(known, tables.groups, product) for product in products}
    parts = list(as_objects(explained(run, issued), shown_medians(run, issued), called))
    branches, probabilities = (None, {}) if scenario is None else _scenario(scenario)
    return Behind(parts, calendars, branches, probabilities, tables.record, called)


def _scenario(folder: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """The rows of branches.csv, and the probability of each branch.

    Raises
    ------
    OutputError
        When the folder is no scenario run.
    """
    import pandas as pd

    from forecast.tables.run_folder import OutputError, read_about

    about = read_about(folder)
    if about["command"] != "scenario" or not (folder / "branches.csv").is_file():
        raise OutputError(f"{folder}: expected a run of forecast scenario, found one of {about['command']}.")
    return pd.read_csv(folder / "branches.csv", keep_default_na=False), about["branches"]


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
    """Check that the files are those that the run was made from."""
    import hashlib

    from forecast.tables.run_folder import OutputError

    for name, path in given.paths().items():
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != inputs.get(name):
            raise OutputError(f"{folder}: expected {name} as the run read it, found another. Run forecast next again.")
