"""What episodes did to exports, as people read it: every number is one of the table, at any width."""

from __future__ import annotations

import io
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.episodes.effects import EPISODE_COLUMNS
from forecast.report.effects import SHOWN_PHASES, effect_cells, of_totals, print_effects, remarks

NAMES = {"WLD": "World", "USA": "United States"}
ISSUED = date(2023, 1, 20)


def row(phase: str, estimate: float, lower: float, upper: float, **other: object) -> dict[str, object]:
    """One phase of one episode as `forecast.episode_effects` has it; ``other`` columns over the usual ones."""
    usual = {
        "product": "gallium", "destination": "WLD", "episode": "ban-2022", "kind": "ban",
        "effective": date(2022, 6, 1), "ends": None, "share": 0.25, "phase": phase, "months": 2,
        "estimate": estimate, "lower_80": lower, "upper_80": upper, "episodes": 3, "coincides": (),
        "against_kind": False,
    }  # fmt: skip
    return usual | other


def effects(*rows: dict[str, object]) -> pd.DataFrame:
    """A table of one episode: the rows given, and every other phase shown without effect."""
    given = {own["phase"] for own in rows}
    rest = [row(phase, 0.0, -0.1, 0.1) for phase in SHOWN_PHASES if phase not in given]
    return pd.DataFrame([*rows, *rest], columns=EPISODE_COLUMNS)


def printed(found: pd.DataFrame, width: int = 140) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_effects(found, ISSUED, NAMES, console)
    return console.file.getvalue()


def test_effects_are_in_whole_percent_of_volume_by_phase():
    """By hand: -0.584 (-0.801 to 0.104) is -58 (-80 to +10), under half a percent is 0, thousands have commas."""
    found = effects(row("force_0", -0.584, -0.801, 0.104), row("force_1", 0.004, -0.004, 12.34))
    (cells,) = effect_cells(found)
    assert cells[:2] == ["ban-2022", "25 %"]
    assert cells[2:] == [
        "0 (-10 to +10)", "-58 (-80 to +10)", "0 (0 to +1,234)", *["0 (-10 to +10)"] * 3, "3 of ban",
    ]  # fmt: skip


def test_a_phase_that_was_not_observed_has_a_dot():
    """No month of the phase: the number comes from other episodes, and says so; one episode is no plural."""
    (cells,) = effect_cells(effects(row("notice", 0.1, 0.0, 0.2, months=0), row("force_0", 0.1, 0.0, 0.2)))
    assert cells[2:4] == ["·+10 (0 to +20)", "+10 (0 to +20)"]
    (single,) = effect_cells(effects().assign(episodes=1))
    assert single[-1] == "1 of ban"


def test_what_coincides_and_what_works_against_its_kind_is_said():
    """A sentence for each, and none of them where there is nothing to say."""
    plain = remarks(effects())
    assert len(plain) == 2
    found = effects().assign(coincides=[("truce-2022", "tax-2022")] * len(SHOWN_PHASES), against_kind=True)
    assert remarks(found)[2:] == [
        "Measures in force in the same months cannot be told apart by them: ban-2022 (with 2). "
        "Which: column coincides of forecast.episode_effects.",
        "ban-2022 works against its kind (ban) by its interval; see what coincides.",
    ]


def test_totals_alone_where_a_product_has_one():
    """Gallium has a total and keeps it alone; antimony has none and keeps its destinations."""
    found = pd.concat([
        effects(), effects().assign(destination="USA"), effects().assign(product="antimony", destination="USA")
    ])  # fmt: skip
    kept = of_totals(found).drop_duplicates(["product", "destination"])
    assert kept[["product", "destination"]].to_numpy().tolist() == [["gallium", "WLD"], ["antimony", "USA"]]


def test_a_table_for_each_series_under_its_name():
    """The name of the place, the day as of which it was known, and what the numbers are."""
    text = printed(pd.concat([effects(), effects().assign(destination="USA")]))
    assert re.findall(r"^What episodes do to exports of (.*)$", text, re.M) == [
        "gallium, World", "gallium, United States",
    ]  # fmt: skip
    assert text.count("known on 2023-01-20; percent of the volume under it, median and 80 % interval") == 2


@pytest.mark.parametrize("width", [60, 80, 140])
def test_no_number_of_the_effects_is_cut(width: int):
    """On a narrow screen cells are folded, and all numbers are there."""
    found = effects(row("force_0", -0.584, -0.801, 0.104))
    text = printed(found, width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for number in ("-58", "(-80", "+10)", "ban-2022"):
        assert number in text.replace(",", " ").split()


def test_the_numbers_are_those_of_the_run_on_the_day():
    """Printed are median and bounds of `episode_effects`, for gallium that fell by four fifths in its last year."""
    fell = np.append(steady(24, 50.0, seed=3), steady(12, 10.0, seed=4))
    events = calendar(
        {"event": "gallium", "kind": "licensing", "products": ("gallium",), "announced": date(2022, 1, 1)}
    )
    found = fc.episode_effects(exports({"WLD": fell}, product="gallium"), events, GROUPS, issued=ISSUED)
    (cells,) = effect_cells(found)
    own = found.set_index("phase").loc["force_3-5"]
    assert own["upper_80"] < -0.5
    numbers = [f"{round(100 * own[name]):+d}" for name in ("estimate", "lower_80", "upper_80")]
    assert cells[2 + [*SHOWN_PHASES].index("force_3-5")] == f"{numbers[0]} ({numbers[1]} to {numbers[2]})"
    assert cells[-1] == "1 of licensing"


@pytest.mark.parametrize("width", [60, 200])
def test_a_diversion_has_one_phase_and_the_others_stay_empty(width):
    """It comes by degrees to its full effect: nothing stands in the columns of other phases."""
    only = row("force_12+", 0.2, 0.1, 0.3, kind="diversion", episode="diverted:ban")
    table = pd.DataFrame([only], columns=EPISODE_COLUMNS)
    [cells] = effect_cells(table)
    assert [cell for cell in cells[2:-1] if cell] == ["+20 (+10 to +30)"]
    out = io.StringIO()
    print_effects(table, ISSUED, NAMES, Console(file=out, width=width))
    assert "diverted" in out.getvalue()


def test_large_numbers_have_a_space_between_them():
    """What a licence lifts of a ban is in the thousands of percent: columns are as wide as it needs."""
    table = effects(row("force_0", 35.99, 24.25, 53.18), row("force_1", 64.37, 42.99, 96.12))
    out = io.StringIO()
    print_effects(table, ISSUED, NAMES, Console(file=out, width=80))
    assert "(+2,425 to +5,318) (+4,299 to +9,612)" in out.getvalue()
