"""``forecast report``: a backtest as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from forecast.cli.console import plain_refusals, progress_bar, say, silent_libraries
from forecast.cli.options import Page, Quiet, RunOfReport

NotebookFile = Annotated[
    Path | None,
    typer.Option("--notebook", metavar="FILE.ipynb", help="Write the notebook of the run to go on with, instead of the "
                 "page: it finds its run by itself."),
]  # fmt: skip


def report(run: RunOfReport = None, output: Page = None, notebook: NotebookFile = None, quiet: Quiet = False) -> None:
    """Write the report of a backtest: one HTML page with figures that opens without a network."""
    with plain_refusals(), silent_libraries():
        from forecast.cli.briefing import newest
        from forecast.report.page.notebook import notebook_to_go_on_with, write_report
        from forecast.tables.run_folder import write_page

        folder = run or newest(Path("output"), "backtest")
        if notebook is not None:
            write_page(notebook, notebook_to_go_on_with(folder, notebook))
            if not quiet:
                say(f"Notebook: {notebook}")
            return
        with progress_bar("Drawing", quiet):
            page = write_report(folder, output or folder / "report.html")
        if not quiet:
            say(f"Report: {page}")
