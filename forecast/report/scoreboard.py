"""How good a backtest was, in words and figures: scores by phase, and whether the differences mean anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from forecast.realtime.events import Members
from forecast.realtime.phases import phases
from forecast.report.acting import whom
from forecast.report.text import change, digits, spoken
from forecast.scoring.scores import scores
from forecast.scoring.significance import SIGNIFICANCE_COLUMNS, Measure, significance
from forecast.tables.run import Forecasts
from forecast.verify.parity import FIT

AGAINST = "naive"
SHOWN_SLICES = {
    "all": "all months",
    "phase=event": "an event takes effect or ends",
    "phase=after": "the three months after",
    "phase=calm": "no event",
}
IN_WORDS = {"mae_t": "in tonnes", "mase": "each series alike", "wis": "intervals included"}
"""What a test by each measure is about."""
MEASURE_MEANINGS = {
    "MAE": "mean absolute error, in tonnes",
    "WAPE": "the sum of absolute errors over the sum of actuals",
    "MASE": "error over that of last year's same month, below 1 where it is less (n of series that have one)",
    "RMSSE": "the same with squares, so that large misses weigh more",
    "bias": "forecasts less actuals, over actuals: below zero too low",
    "WIS": "weighted interval score, in tonnes: the width of the intervals, and a fine for each actual outside",
    "held": "actuals inside the interval: of 80 % about four in five should be",
}
"""What each measure is, by the word that stands above its column."""

BOARD = ("n", "MAE t", "WAPE", "MASE (n)", "bias", "WIS t", "held 80 %", "held 95 %")
"""Columns of numbers on the screen."""

NARROWER = {104: BOARD, 78: BOARD[:-1], 0: ("n", "MAE t", "WAPE", "held 80 %")}
"""Columns that fit, by the width of the screen from which on they do; the others are in scores.csv."""

SLICE_LETTERS = 15
"""Columns of the name of a slice where it goes over several lines."""

OF_PAGE, OF_SCREEN = tuple(MEASURE_MEANINGS), tuple(name for name in MEASURE_MEANINGS if name != "RMSSE")

SHOWN_REFUSALS = 5
"""Models whose refused fits are named on the screen; further ones are counted."""

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
        board = next(names for least, names in NARROWER.items() if console.width >= least)
        console.print(_table(of_product, models, board))
        console.print()
        if board != BOARD:
            left = ", ".join(name for name in BOARD if name not in board)
            console.print(Text(f"Not shown on a screen of this width: {left} (scores.csv).", style="dim"))
        for sentence in _below_the_table(run, of_product, str(product)):
            console.print(Text(sentence, style="dim"))
        console.print()
        others = [model for model in models if model != AGAINST]
        shown = "combination" if "combination" in models else (others or models)[0]
        own = tests[(tests["product"] == product) & (tests["model"] == shown)]
        for sentence in significance_lines(own, shown):
            console.print(sentence)
        if own["p_value"].notna().any():
            console.print(Text(P_IN_WORDS, style="dim"))
        console.print()


P_IN_WORDS = "p: how often models that are equally good would lie so far apart by chance; below 0.05 it is hardly that."


def _below_the_table(run: Forecasts, scored: pd.DataFrame, product: str) -> list[str]:
    """What the measures are, whether models were measured on the same forecasts, and which fits were refused."""
    failures = run.failures[run.failures["product"] == product]
    return [*measures_in_words(OF_SCREEN), *unlike_cells(scored), *refused_fits(failures)]


def measures_in_words(names: Sequence[str]) -> list[str]:
    """A line for each measure of ``names``, of `MEASURE_MEANINGS`.

    Examples
    --------
    >>> measures_in_words(["MAE"])
    ['MAE: mean absolute error, in tonnes.']
    """
    return [f"{name}: {MEASURE_MEANINGS[name]}." for name in names]


def unlike_cells(scored: pd.DataFrame) -> list[str]:
    """A sentence where models have not as many forecasts as each other over all months; none where they have.

    Examples
    --------
    >>> unlike_cells(pd.DataFrame({"slice": "all", "model": ["naive", "arima"], "n": [12, 10]}))[0].partition(":")[0]
    'Not on the same forecasts'
    """
    rows = scored[scored["slice"] == "all"]
    most = rows["n"].max()
    fewer = [f"{row.model} {row.n}" for row in rows.itertuples() if row.n < most]
    if not fewer:
        return []
    less = f"{', '.join(fewer)} of {most}" if len(fewer) <= SHOWN_REFUSALS else f"{len(fewer)} models fewer than {most}"
    return [f"Not on the same forecasts: {less}. Compare such models by the tests, which take what both forecast."]


def refused_fits(failures: pd.DataFrame) -> list[str]:
    """A sentence for each model with refused fits of one product: how many, of whom, and the usual reason.

    Examples
    --------
    >>> refused_fits(pd.DataFrame({"model": "arima", "destination": ["ITA", "ITA", "ESP"], "reason": "Too few."}))
    ['Refused: 3 fits of arima (ITA, ESP), most often: Too few.']
    """
    lines = []
    for model, own in failures.groupby("model", sort=False, observed=True):
        codes = own["destination"].value_counts().index.astype(str).tolist()
        reason = str(own["reason"].value_counts().index[0]).rstrip(".")
        count = f"{len(own)} fit{'s' * (len(own) > 1)}"
        lines.append(f"Refused: {count} of {model} ({whom(codes, {})}), most often: {reason}.")
    more = len(lines) - SHOWN_REFUSALS
    return lines if more <= 0 else [*lines[:SHOWN_REFUSALS], f"Refused as well: fits of {more} models, failures.csv."]


def chance_in_words(p: float) -> str:
    """How often equally good models would lie as far apart: a p-value in words.

    Examples
    --------
    >>> chance_in_words(0.31), chance_in_words(0.004), chance_in_words(0.0002)
    ('about 3 times in 10', 'about 4 times in 1,000', 'less than once in 1,000 times')
    >>> chance_in_words(0.012), chance_in_words(0.98)
    ('about once in 100', 'nearly always')
    """
    if p < 0.001:
        return "less than once in 1,000 times"
    if p >= 0.95:
        return "nearly always"
    base = 10 if p >= 0.095 else 100 if p >= 0.0095 else 1000
    times = round(base * p)
    return f"about {'once' if times == 1 else f'{times} times'} in {base:,}"


def _table(scored: pd.DataFrame, models: list[str], shown: Sequence[str] = BOARD) -> Table:
    """The scores in columns ``shown``; where some are left out MASE is without its n and slices go over lines."""
    narrow = tuple(shown) != BOARD
    board = Table(box=None, pad_edge=False, header_style="bold")
    board.add_column("months", no_wrap=not narrow, max_width=SLICE_LETTERS if narrow else None)
    board.add_column("model", no_wrap=True)
    for heading in shown:
        board.add_column(heading.removesuffix(" (n)") if narrow else heading, justify="right", no_wrap=True)
    for months, model, *figures in cells(scored, models):
        own = dict(zip(BOARD, figures, strict=True))
        texts = [own[name].partition(" (")[0] if narrow else own[name] for name in shown]
        board.add_row(months, model, *texts)
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
