"""``forecast brief``: a `next` run as a page to send round."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
        from forecast.tables.run_folder import read_run, write_page

        folder = folder or newest(Path("output"))
        about, run = _about(folder, "next"), read_run(folder)
        arguments, issued = about["arguments"], date.fromisoformat(about["issued"])
        given = Given.of(arguments["exports"], arguments["events"], arguments.get("experience", PRIORS))
        _check_inputs(folder, given, about["inputs"])
        tables = with_rest(read(given), issued)
        from forecast.realtime.data import Data

        known = Data(tables.exports, tables.events, tables.groups, tables.totals).as_of(issued)
        shown = "combination" if "combination" in arguments["models"] else arguments["models"][0]
        found = [
            outlook(known, tables.groups, run, product=product, model=shown, names=names(tables.places),
                    record=tables.record)
            for product in about["cutoffs"]
        ]  # fmt: skip
        behind = _behind(run, tables, issued, [outlook.product for outlook in found], scenario)
        page = output or folder / "brief.html"
        write_page(page, brief_page(found, known.volumes, about, behind))
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


def _about(folder: Path, command: str) -> dict[str, Any]:
    """What ``run.json`` says of a run of ``command``, with all that a page needs.

    Raises
    ------
    OutputError
        When it is the run of another command, or says less than a run does.
    """
    from forecast.safety.inert import visible
    from forecast.safety.limits import is_covered_day
    from forecast.tables.run_folder import ABOUT, OutputError, read_about

    about = read_about(folder)
    found = visible(str(about.get("command"))[:60])
    if found != command:
        raise OutputError(f"{folder}: expected a run of forecast {command}, found one of {found}.")
    arguments = about.get("arguments", {})
    needed = {"arguments", "cutoffs", "inputs", "issued"} - about.keys()
    needed |= {"exports", "events", "models"} - arguments.keys()
    if not needed and not is_covered_day(about["issued"]):
        needed = {"issued"}
    if not needed and not _is_list_of_text(arguments["models"]):
        needed = {"models"}
    if needed:
        raise OutputError(f"{folder / ABOUT}: expected {', '.join(sorted(needed))} as a run writes it, found another.")
    return about


def _is_list_of_text(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _scenario(folder: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """The rows of branches.csv, and the probability of each branch.

    Raises
    ------
    OutputError
        When the folder is no scenario run.
    """
    from forecast.tables.run_folder import ABOUT, OutputError, read_saved
    from forecast.tables.schema import BRANCHES

    about = _about(folder, "scenario")
    probabilities, rows = about.get("branches"), read_saved(folder, BRANCHES)
    if not isinstance(probabilities, dict) or set(rows["branch"]) != probabilities.keys():
        raise OutputError(
            f"{folder / ABOUT}: expected the branches of branches.csv with their probabilities, found others."
        )
    cells = [
        set(zip(own["product"], own["destination"], own["month"], strict=True)) for _, own in rows.groupby("branch")
    ]
    if any(own != cells[0] for own in cells):
        raise OutputError(
            f"{folder / BRANCHES.name}.csv: expected the same series and months in every branch, found others."
        )
    wrong = [name for name, one in probabilities.items() if not isinstance(one, float | int) or not 0 <= one <= 1]
    if wrong:
        raise OutputError(f"{folder / ABOUT}: expected probabilities from 0 to 1, found another of {wrong[0][:60]!r}.")
    return rows, probabilities


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

    from forecast.safety.atomic import is_file, read_regular
    from forecast.safety.limits import LARGEST_FILE
    from forecast.tables.run_folder import OutputError

    for name, path in given.paths().items():
        if not is_file(path) or hashlib.sha256(read_regular(path, LARGEST_FILE)).hexdigest() != inputs.get(name):
            raise OutputError(f"{folder}: expected {name} as the run read it, found another. Run forecast next again.")
