"""``forecast brief``: a run as a page to send round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from forecast.cli.console import plain_refusals, progress_bar, say, silent_libraries
from forecast.cli.inputs import names
from forecast.cli.options import Jobs, Quiet

if TYPE_CHECKING:
    import pandas as pd

    from forecast.cli.briefing import Material
    from forecast.report.brief.behind import Behind
    from forecast.report.outlook import Outlook

RunOfBrief = Annotated[
    Path | None,
    typer.Option("--run", metavar="FOLDER", help="The folder of a run of next or update. Default: the newest in "
                 "output/, or with --store its latest issue."),
]  # fmt: skip
BriefPage = Annotated[
    Path | None,
    typer.Option("--output", metavar="FILE", help="The page to write. Default: brief.html in the run's folder."),
]
ScenarioFolder = Annotated[
    Path | None,
    typer.Option("--scenario", metavar="FOLDER", help="The folder of a scenario run, for the section on what may "
                 "happen. Default: the shipped scenarios, where they are ahead of the run."),
]  # fmt: skip
StoreOfBrief = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="The store that an update was made with, or whose track record is to "
                 "be shown; without --run its latest issue is briefed."),
]  # fmt: skip
Quick = Annotated[
    bool,
    typer.Option("--quick", help="Leave out what needs further forecasts: what changed since the last release, and the "
                 "shipped scenarios."),
]  # fmt: skip
AsPdf = Annotated[bool, typer.Option("--pdf", help="Also print the page as PDF beside it, by Chromium.")]
AsXlsx = Annotated[bool, typer.Option("--xlsx", help="Also write the tables as an Excel workbook beside it.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Also write headline and tables as Markdown beside it.")]


def brief(
    run: RunOfBrief = None,
    output: BriefPage = None,
    scenario: ScenarioFolder = None,
    store: StoreOfBrief = None,
    quick: Quick = False,
    pdf: AsPdf = False,
    xlsx: AsXlsx = False,
    markdown: AsMarkdown = False,
    jobs: Jobs = 1,
    quiet: Quiet = False,
) -> None:
    """Write the briefing of a forecast: one HTML page with tables and charts that opens without a network."""
    with plain_refusals(), silent_libraries():
        from forecast.cli.briefing import newest, of_folder, of_store, outlooks

        folder = newest(Path("output"), "next", "update") if run is None and store is None else run
        of = of_store(store) if folder is None else of_folder(folder, store)
        found = outlooks(of)
        with progress_bar("Comparing", quiet) as progress:
            behind = _behind(of, found, scenario, (quick, jobs, progress))
        page = output or (folder or Path()) / "brief.html"
        for path in _write(page, of, found, behind, {".pdf": pdf, ".xlsx": xlsx, ".md": markdown}):
            if not quiet:
                say(f"Brief: {path}")


def _behind(of: Material, found: list[Outlook], scenario: Path | None, how: tuple[bool, int, Any]) -> Behind:
    """What is behind the numbers: parts, events, what changed, a scenario, the track record, analogues."""
    from forecast.cli import briefing
    from forecast.realtime.events import known_events
    from forecast.report.acting import ActingCalendar
    from forecast.report.agenda import EventNames
    from forecast.report.brief.behind import Behind
    from forecast.report.explain import as_objects, explained, shown_medians
    from forecast.report.track_record import first_known

    quick, jobs, progress = how
    tables, called = of.tables, names(of.tables.places)
    known = known_events(tables.events, of.issued)
    events = EventNames.of(tables.events, called, of.issued)
    medians = shown_medians(of.run, of.issued)
    parts = list(as_objects(explained(of.run, of.issued), medians, called, called=events))
    changes, last_issue = of.changes, _of_shown(of.last_issue, of.shown)
    replayed = []
    if changes is None and not quick:
        changes, replayed_issue = briefing.since_last_release(of, jobs, progress)
        replayed = ["changes"]
        if last_issue is None or last_issue.empty:
            last_issue, replayed = replayed_issue, ["changes", "last_issue"]
    branches, probabilities = _scenario(of, scenario, how)
    return Behind(
        explained=parts,
        calendars={product: ActingCalendar(known, tables.groups, product) for product in of.products},
        sums=_known_sums(of),
        changes=_of_shown(changes, of.shown),
        last_issue=last_issue,
        branches=branches,
        probabilities=probabilities,
        record=first_known(tables.record, of.run.record),
        tracked=of.tracked,
        replayed=replayed,
        phases=_phases(of),
        analogues=briefing.like_it(of, found, parts),
        names=called,
        passed="" if scenario is not None else briefing.passed_scenario(of),
        keeps_parts=of.about["command"] != "store",
        called=replace(events, said={**briefing.supposed_names(scenario, called), **events.said}),
    )


def _of_shown(changes: pd.DataFrame | None, model: str) -> pd.DataFrame | None:
    return None if changes is None else changes[changes["model"] == model]


def _scenario(
    of: Material, folder: Path | None, how: tuple[bool, int, Any]
) -> tuple[pd.DataFrame | None, Mapping[str, float]]:
    """The branches of a scenario run, or else of the shipped scenarios."""
    from forecast.cli.briefing import of_scenario, shipped_scenario

    quick, jobs, progress = how
    if folder is not None:
        return of_scenario(folder, of.issued)
    return (None, {}) if quick or of.about["command"] != "next" else shipped_scenario(of, jobs, progress)


def _known_sums(of: Material) -> pd.DataFrame | None:
    """Volumes of several months together that were out by the issue day."""
    totals = of.tables.totals
    return None if totals is None else totals[(totals["released"] <= of.issued).to_numpy(dtype=bool)]


def _phases(of: Material) -> pd.DataFrame | None:
    """The shipped track record by phase, where the run is of shipped files alone."""
    from forecast.report.track_record import read_track_phases

    if of.about["command"] != "next" or of.tables.record is None or of.shown != "combination":
        return None
    return read_track_phases()


def _write(page: Path, of: Material, found: list[Outlook], behind: Behind, wanted: Mapping[str, bool]) -> list[Path]:
    """The page, and beside it what else is wanted, by the ending of its name; the paths."""
    from forecast.realtime.data import Data
    from forecast.report.brief import sheets
    from forecast.report.brief.page import brief_page
    from forecast.tables.run_folder import OutputError, write_page

    known = Data(of.tables.exports, of.tables.events, of.tables.groups, of.tables.totals).as_of(of.issued)
    text = brief_page(found, known.volumes, of.about, behind)
    try:
        printed = sheets.brief_pdf(text) if wanted[".pdf"] else b""
    except sheets.PrintError as error:
        raise OutputError(str(error)) from error
    write_page(page, text)
    made = {".pdf": printed, ".xlsx": sheets.brief_workbook(found, behind) if wanted[".xlsx"] else b""}
    made[".md"] = sheets.brief_markdown(found, behind).encode() if wanted[".md"] else b""
    paths = [page]
    for ending, content in made.items():
        if content:
            paths.append(page.with_suffix(ending))
            write_page(paths[-1], content)
    _write_changes(page, behind)
    return paths


def _write_changes(page: Path, behind: Behind) -> None:
    """What changed as a table beside the page, and in the open schema of forecast revisions."""
    from forecast.store.changes import news_decomposition
    from forecast.tables.frames import as_text
    from forecast.tables.run_folder import write_page

    if behind.changes is None or behind.changes.empty:
        return
    for name, table in {"changes": behind.changes, "news_decomposition": news_decomposition(behind.changes)}.items():
        text = as_text(table).to_csv(index=False, lineterminator="\n")
        write_page(page.with_name(f"{page.stem}-{name}.csv"), text)
