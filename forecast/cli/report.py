"""``forecast report``: a backtest as a page."""

from __future__ import annotations

from forecast.cli.console import plain_refusals, say, silent_libraries
from forecast.cli.options import Page, Quiet, RunFolder


def report(folder: RunFolder, output: Page = None, quiet: Quiet = False) -> None:
    """Write the report of a backtest: one HTML page with figures that opens without a network."""
    with plain_refusals(), silent_libraries():
        from forecast.report.page.notebook import write_report

        page = write_report(folder, output or folder / "report.html")
        if not quiet:
            say(f"Report: {page}")
