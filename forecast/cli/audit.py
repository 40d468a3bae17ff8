"""The look-ahead audit of a backtest, and what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer

from forecast.cli.console import complain, progress_bar, say
from forecast.cli.replay import ReplayRequest

if TYPE_CHECKING:
    import pandas as pd


def audited(replay: ReplayRequest, quiet: bool) -> None:
    """Say that no number of a few days moved when their future was changed; or which did, and exit 1."""
    import forecast as fc
    from forecast.verify.look_ahead import sampled

    tables, choice, days = replay.tables, replay.choice, sampled(replay.days)
    with progress_bar("Auditing", quiet) as progress:
        findings = fc.look_ahead_audit(
            tables.exports,
            tables.events,
            tables.groups,
            days,
            totals=tables.totals,
            progress=progress,
            destinations=choice.destinations,
            models=choice.models,
            engine=choice.engine,
            calibrate=choice.calibrate,
            jobs=replay.jobs,
            **replay.options,
        )
    if len(findings):
        moved = f"{len(findings)} numbers moved when only figures and events after the issue day were changed."
        say(f"Look-ahead audit: {moved}", err=True)
        complain(list(_moved(findings)))
        raise typer.Exit(1)
    if not quiet:
        count = sum(len(of_product) for of_product in days.values())
        say(f"Look-ahead audit: the future of {count} issue days was changed and no number moved.")


def _moved(findings: pd.DataFrame) -> Iterator[str]:
    for row in findings.itertuples(index=False):
        place = f"{row.product} {row.destination} {row.model} of {row.issued}, {row.table} {row.row} {row.column}"
        yield f"{row.corruption}: {place}: {row.before} became {row.after}."
