"""What a backtest found, in sentences: every number with its unit and how many it rests on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from forecast.report.page.analysis import (
    BASELINE,
    NEXT_MONTH,
    added_by_events,
    best_model,
    binomial_interval,
    interval_counts,
    standings,
)
from forecast.report.page.run_tables import Replay
from forecast.report.scoreboard import chance_in_words, parity_sentence
from forecast.report.text import percent, spoken, tonnes
from forecast.scoring.significance import Measure
from forecast.tables.frames import records
from forecast.tables.run_folder import WITHOUT_EVENTS

# The answer -----------------------------------------------------------------------------------------------------------


def product_answer(replay: Replay, product: str) -> list[str]:
    """Who did better for a product, by how much, whether that is more than chance, and whether intervals held."""
    table = {row.model: row for row in records(standings(replay, product))}
    if not table:
        return [f"Of {spoken(product)} no month that was forecast one month ahead has an actual."]
    best = best_model(replay, product)
    names = list(dict.fromkeys(name for name in (best, replay.shown) if name in table))
    sentences = [f"{spoken(product).capitalize()}, one month ahead ({_span(replay, product)})."]
    sentences += [_performance(str(name), table[name], name == best) for name in names]
    sentences.append(_held(replay, product))
    return [*sentences, *_added(replay, product)]


def _span(replay: Replay, product: str) -> str:
    rows = replay.scored[(replay.scored["product"] == product) & (replay.scored["horizon"] == 1)]
    months, places = rows["month"], rows["destination"].nunique()
    return f"{months.nunique()} months from {months.min()} to {months.max()}, {places} destination{'s' * (places > 1)}"


def _performance(name: str, row: Any, best: bool) -> str:
    start = f"Best was {name}: it" if best else f"The model shown, {name},"
    missed = f"{start} missed by {tonnes(row.mae_t)} on average (n = {row.n} forecasts)"
    if name == BASELINE:
        return f"{missed}; no model that forecasts as widely beat it."
    if pd.isna(row.skill):
        return f"{missed}; there is nothing to test it against."
    return f"{missed}, {_compared(row.skill)} on the same forecasts, month by month: {row.verdict}.{_by_chance(row)}"


def _compared(skill: float, other: str = BASELINE) -> str:
    if skill == 0:
        return f"the same as {other}"
    return f"{percent(abs(skill))} {'less' if skill > 0 else 'more'} than {other}"


def _held(replay: Replay, product: str) -> str:
    rows = replay.scored
    rows = rows[(rows["product"] == product) & (rows["model"] == replay.shown) & (rows["horizon"] == 1)]
    held = [held_in_words(row.level, row.held, row.n) for row in records(interval_counts(rows, ["model"]))]
    return f"Intervals of {replay.shown}: {'; '.join(held)}."


def held_in_words(level: int, held: int, n: int) -> str:
    """How often an interval held, and whether that fits what it promises.

    Examples
    --------
    >>> held_in_words(80, 31, 69)
    '80 % held 31 of 69 times (45 %; 95 % confidence 33 % to 57 %), too narrow'
    """
    low, high = binomial_interval(held, n)
    share = f"{percent(held / n)}; 95 % confidence {percent(low)} to {percent(high)}"
    return f"{level} % held {held} of {n} times ({share}), {judged(level, held, n)}"


def judged(level: int, held: int, n: int) -> str:
    """Whether an interval that held ``held`` of ``n`` times keeps its promise, as far as 95 % confidence can tell.

    Examples
    --------
    >>> judged(95, 60, 73), judged(80, 54, 73)
    ('too narrow', 'no sign of being wrong')
    """
    low, high = binomial_interval(held, n)
    return "too narrow" if high < level / 100 else "too wide" if low > level / 100 else "no sign of being wrong"


def _added(replay: Replay, product: str) -> Iterator[str]:
    measures: dict[Measure, str] = {"mae_t": "the mean absolute error", "wis": "the weighted interval score"}
    for measure, what in measures.items():
        table = added_by_events(replay, measure)
        rows = table[(table["product"] == product) & (table["slice"] == NEXT_MONTH) & (table["model"] == replay.shown)]
        for _, row in rows[rows["with"] != rows["without"]].iterrows():
            yield (
                f"With events {what} of {replay.shown} is {tonnes(row['with'])}, without them {tonnes(row['without'])}"
                f" (n = {row['n']}): {row['verdict']}."
            )


# Significance ---------------------------------------------------------------------------------------------------------


def significance_sentences(replay: Replay, product: str) -> list[str]:
    """A sentence for every model: better than naive, worse, or not to be told apart."""
    rows = replay.significance
    rows = rows[(rows["product"] == product) & (rows["measure"] == "mae_t") & (rows["against"] == BASELINE)]
    rows = rows[rows["slice"] == NEXT_MONTH]
    return [f"{row.model} misses by {_compared(row.skill)}: {row.verdict}.{_by_chance(row)}" for row in records(rows)]


def _by_chance(row: Any) -> str:
    """The p-value of a test in words; empty where there is none."""
    if pd.isna(row.p_value):
        return ""
    return f" Equally good models would lie so far apart {chance_in_words(row.p_value)}."


def nothing_added(replay: Replay) -> str:
    """Why nothing can be said of what events added."""
    if _ran_without(replay.about):
        return "This run was made without events, so there is nothing to compare."
    return (
        "The same run without events is not beside this one: it was not run. With the same options,"
        f" forecast backtest --events none --output FOLDER/{WITHOUT_EVENTS} puts it there."
    )


def agreement(replay: Replay) -> str:
    """How closely the compiled engine agrees with the libraries, or why that is not known."""
    if len(replay.parity):
        return parity_sentence(replay.parity)
    if replay.about.get("arguments", {}).get("engine") == "reference":
        return "Parity: the reference engine is statsmodels and Prophet themselves."
    return "Parity with statsmodels and Prophet was not measured."


def _ran_without(about: dict[str, Any]) -> bool:
    return about.get("arguments", {}).get("events") in ("none", ["none"])
