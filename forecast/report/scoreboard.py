"""How good a backtest was, in words and figures: scores by phase, and whether the differences mean anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.realtime.events import Members
from forecast.realtime.phases import phases
from forecast.report.text import change, digits, spoken
from forecast.scoring.scores import scores
from forecast.scoring.significance import SIGNIFICANCE_COLUMNS, Measure, significance
from forecast.tables.run import Forecasts
from forecast.verify.parity import FIT

AGAINST = "naive"
SHOWN_SLICES = {
    "all": "all months",
    "phase=event": "an event takes effect",
    "phase=after": "the three months after",
    "phase=calm": "no event",
}
IN_WORDS = {"mae_t": "in tonnes", "mase": "each series alike", "wis": "intervals included"}
"""What a test by each measure is about."""
_LIBRARIES = {"arima": "statsmodels", "prophet": "Prophet"}
"""Who redoes a fit of the kernels."""
LIKELIER = 0.01
"""How much higher a log-likelihood is, at least, where a fit counts as the likelier."""


def scored_and_tested(
    run: Forecasts, exports: pd.DataFrame, events: pd.DataFrame, groups: Members
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores of a backtest by slice, and the tests of every model against naive by each measure.

    Phases are those of ``events`` as known on each issue day. Without naive rows to compare with, or for ``mase``
    without a series that has a scale, there is no test.
    """
    rows, phase = run.forecasts, phases(run.forecasts, events, groups)
    table = scores(rows, exports, phase)
    against = table[(table["model"] == AGAINST) & (table["slice"] == "all")]
    alone = set(table["model"]) <= {AGAINST}
    measures = [name for name in get_args(Measure) if name != "mase" or against["n_mase"].sum() > 0]
    tests = [significance(rows, exports, AGAINST, measure, phase) for measure in measures if len(against) and not alone]
    return table, pd.concat(tests, ignore_index=True) if tests else pd.DataFrame(columns=SIGNIFICANCE_COLUMNS)


def print_scoreboard(
    run: Forecasts, table: pd.DataFrame, tests: pd.DataFrame, models: list[str], console: Console
) -> None:
    """Print the scores of every product by phase, and in words how its best-known model compares with naive."""
    for product, of_product in table.groupby("product"):
        forecasts = run.forecasts[run.forecasts["product"] == product]
        issued, scored = sorted(forecasts["issued"].unique()), forecasts.dropna(subset="actual_t")
        days = f"{len(issued)} issue day{'' if len(issued) == 1 else 's'}, {issued[0]} to {issued[-1]}"
        series = scored["destination"].nunique()
        console.print(Text(f"Backtest of {spoken(str(product))}: {days}", style="bold"))
        console.print(Text(f"{series} series with actuals; volumes in tonnes, n counts forecasts", style="dim"))
        console.print()
        console.print(_table(of_product, models))
        console.print()
        shown = "combination" if "combination" in models else models[0]
        for sentence in significance_lines(tests[(tests["product"] == product) & (tests["model"] == shown)], shown):
            console.print(sentence)
        console.print()


def _table(scored: pd.DataFrame, models: list[str]) -> Table:
    board = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("months", "model"):
        board.add_column(heading, no_wrap=True)
    for heading in ("n", "MAE t", "WAPE", "MASE (n)", "bias", "WIS t", "held 80 %", "held 95 %"):
        board.add_column(heading, justify="right", no_wrap=True)
    for row in cells(scored, models):
        board.add_row(*row)
    return board


def cells(scored: pd.DataFrame, models: list[str]) -> Iterator[list[str]]:
    """The text of every row of the table: slices in their order, models in that of ``models``."""
    for name, words in SHOWN_SLICES.items():
        of_slice = scored[scored["slice"] == name].set_index("model")
        said = words
        for model in models:
            if model in of_slice.index:
                yield [said, model, *_figures(of_slice.loc[model])]
                said = ""


def _figures(row: Any) -> list[str]:
    n = int(row["n"])
    held = [f"{round(row[name] * n)} of {n}" for name in ("coverage_80", "coverage_95")]
    mase = f"{row['mase']:.2f} ({row['n_mase']})" if np.isfinite(row["mase"]) else f"- ({row['n_mase']})"
    shares = [change(row["wape"]).lstrip("+"), mase, change(row["bias"])]
    return [str(n), digits(row["mae_t"]), *shares, digits(row["wis"]), *held]


def significance_lines(tests: pd.DataFrame, model: str) -> Iterator[str]:
    """How a model compares with another, a line for all months by each measure and for every phase in tonnes.

    Examples
    --------
    >>> tests = pd.DataFrame({"slice": ["all"], "measure": ["mae_t"], "verdict": ["better than naive (n = 9 months)"]})
    >>> list(significance_lines(tests, "combination"))
    ['All months, in tonnes: combination is better than naive (n = 9 months).']
    """
    for row in tests.itertuples(index=False):
        if row.slice == "all" or (row.slice in SHOWN_SLICES and row.measure == "mae_t"):
            months = SHOWN_SLICES[str(row.slice)].capitalize()
            verb = "has the" if str(row.verdict).startswith("same") else "is"
            yield f"{months}, {IN_WORDS[str(row.measure)]}: {model} {verb} {row.verdict}."


def parity_sentence(parity: pd.DataFrame) -> str:
    """How closely the compiled engine agrees with the libraries (`forecast.verify.parity`, at least one row).

    Examples
    --------
    >>> day = {"model": ["arima"], "product": "magnets", "destination": "USA", "issued": "2025-05-20", "reason": ""}
    >>> parity_sentence(pd.DataFrame(day | {"difference": -0.00019, "gain": 0.1}))
    'Parity: 1 random fit redone by statsmodels; medians differ by at most 0.02 %, and no library fit is likelier.'
    """
    fits = parity.drop_duplicates(FIT)
    redone = fits[fits["reason"] == ""]
    count = f"{len(fits)} random fit{'s' * (len(fits) > 1)}"
    libraries = " and ".join(name for model, name in _LIBRARIES.items() if (fits["model"] == model).any())
    if redone.empty:
        return f"Parity: {libraries} could redo none of {count}."
    apart = np.ceil(1e4 * np.expm1(parity["difference"].abs().max())) / 100
    failed = f"{len(fits) - len(redone)} could not be redone; " if len(redone) < len(fits) else ""
    likelier = int((redone["gain"] < -LIKELIER).sum())
    verdict = f"{likelier or 'no'} library fit{'s are' if likelier > 1 else ' is'} likelier"
    return f"Parity: {count} redone by {libraries}; {failed}medians differ by at most {apart:.2f} %, and {verdict}."
