"""The scores of a backtest on the screen: measures explained, models on the same forecasts or not, refused fits."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from replays import FAILURES, write_backtest
from rich.console import Console

from forecast.report.page import sections, text
from forecast.report.page.run_tables import Replay, read_replay
from forecast.report.scoreboard import (
    MEASURE_MEANINGS,
    P_IN_WORDS,
    SHOWN_REFUSALS,
    chance_in_words,
    print_scoreboard,
    refused_fits,
    unlike_cells,
)
from forecast.tables.run import Forecasts


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Replay:
    return read_replay(write_backtest(tmp_path_factory.mktemp("runs") / "backtest"))


def shown(
    replay: Replay, scores: pd.DataFrame | None = None, tests: pd.DataFrame | None = None, width: int = 120
) -> str:
    """What `forecast backtest` prints."""
    console = Console(file=io.StringIO(), width=width)
    run = Forecasts(forecasts=replay.forecasts.assign(actual_t=1.0), failures=FAILURES)
    tests = replay.significance if tests is None else tests
    print_scoreboard(run, replay.scores if scores is None else scores, tests, ["naive", "combination"], console)
    return console.file.getvalue()


def test_every_heading_of_a_measure_is_explained_below(replay: Replay):
    """Whatever word stands above a column of numbers but n has its line."""
    lines = shown(replay).splitlines()
    (heading,) = [line for line in lines if " MAE t " in line]
    words = {re.split(r" t$| \(n\)$| 80 %$| 95 %$", word)[0] for word in re.split(r" {2,}", heading.strip())[3:]}
    assert words == {"MAE", "WAPE", "MASE", "bias", "WIS", "held"}
    assert [word for word in words if f"{word}: {MEASURE_MEANINGS[word]}." not in lines] == []


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_score_is_cut(replay: Replay, width: int):
    """On a narrow screen fewer columns are shown, each whole, and the others are named."""
    text = shown(replay, width=width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    (heading,) = [line for line in text.splitlines() if " MAE t " in line]
    _, _, left = " ".join(text.split()).partition("Not shown on a screen of this width: ")
    left = left.partition("(scores.csv)")[0]
    for name in ("MAE t", "WAPE", "MASE", "bias", "WIS t", "held 80 %", "held 95 %"):
        assert (f" {name}" in heading) != (name in left)
    assert ("of this width" in text) == (width < 120)


def test_the_page_explains_measures_before_the_first_table_that_has_them(replay: Replay):
    """Also the one that the screen does not show."""
    first, *rest = sections.errors_by_place_and_phase(replay)
    assert all(f"{word}: " in first.text for word in MEASURE_MEANINGS)
    tables = [piece.text for piece in rest if hasattr(piece, "text") and "<th" in piece.text]
    heads = {
        word.split(",")[0].split(" ")[0] for table in tables for word in re.findall(r"<th(?: [^>]*)?>(.*?)</th>", table)
    }
    assert heads - {"slice", "model", "n"} == set(MEASURE_MEANINGS)


def test_models_on_other_forecasts_are_said_and_on_the_same_not(replay: Replay):
    """On the screen and on the page."""
    assert "Not on the same forecasts" not in shown(replay)
    fewer = replay.scores.copy()
    fewer.loc[(fewer["model"] == "combination") & (fewer["slice"] == "all"), "n"] -= 3
    most = fewer.loc[fewer["slice"] == "all", "n"].max()
    said = f"Not on the same forecasts: combination {most - 3} of {most}."
    assert said in shown(replay, fewer)
    page = sections.errors_by_place_and_phase(replace(replay, scores=fewer))
    assert any(said in getattr(piece, "text", "") for piece in page)
    many = pd.DataFrame({"slice": "all", "model": [f"m{n}" for n in range(9)], "n": range(9)})
    assert unlike_cells(many)[0].startswith("Not on the same forecasts: 8 models fewer than 8.")


def test_refused_fits_are_named(replay: Replay):
    """Model, how many, of whom, and the usual reason; of many models the first, and how many more."""
    assert "Refused: 2 fits of combination (JPN), most often: No figure of JPN <yet>." in shown(replay)
    many = pd.DataFrame({"model": [f"m{n}" for n in range(SHOWN_REFUSALS + 2)], "destination": "ITA", "reason": "r."})
    assert refused_fits(many)[-1] == "Refused as well: fits of 2 models, failures.csv."
    assert len(refused_fits(many)) == SHOWN_REFUSALS + 1
    assert refused_fits(FAILURES.iloc[:0]) == []


def test_p_values_are_in_words(replay: Replay):
    """A sentence on the page for each that there is, and one on the screen where any is shown."""
    tests = replay.significance.assign(p_value=0.02)
    assert P_IN_WORDS in shown(replay, tests=tests)
    assert P_IN_WORDS not in shown(replay, tests=tests.assign(p_value=np.nan))
    (said,) = text.significance_sentences(replace(replay, significance=tests), "magnets")
    assert said.endswith(" Equally good models would lie so far apart about 2 times in 100.")
    best = text.product_answer(replace(replay, significance=tests), "magnets")[1]
    assert best.endswith(" Equally good models would lie so far apart about 2 times in 100.")
    (untested,) = text.significance_sentences(replace(replay, significance=tests.assign(p_value=np.nan)), "magnets")
    assert "Equally good" not in untested


@pytest.mark.parametrize("p", np.geomspace(0.001, 0.949, 200))
def test_the_words_of_a_p_value_are_near_it(p: float):
    """Within a rounding of their own base, and never none or all of it."""
    times, base = re.fullmatch(r"about (once|\d+ times) in ([\d,]+)", chance_in_words(p)).groups()
    count, whole = 1 if times == "once" else int(times.split()[0]), int(base.replace(",", ""))
    assert 0 < count <= whole
    assert abs(count / whole - p) <= 0.5 / whole + 1e-12
