"""What looks wrong in a table is found, with the rows; what is right is left alone."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast import validate_exports
from forecast.sources.validation import worst_finding

STEADY = [100.1, 103.7, 98.2, 101.9, 99.4, 104.3, 97.6, 102.2, 100.8, 98.9, 103.1, 99.9]


def exports(start: str = "2025-01", status: str = "reported", **series: list[float]) -> pd.DataFrame:
    """A product ``w`` with a series per destination; NaN is no row."""
    parts = []
    for destination, volumes in series.items():
        months = pd.period_range(start, periods=len(volumes), freq="M")
        head = {"product": "w", "destination": destination, "month": months, "volume_t": volumes}
        parts.append(pd.DataFrame({**head, "released": date(2026, 1, 20), "status": status}).dropna(subset="volume_t"))
    return pd.concat(parts, ignore_index=True)


def changed(place: int, volume: float) -> list[float]:
    return [*STEADY[:place], volume, *STEADY[place + 1 :]]


def test_nothing_is_found_where_nothing_is_wrong():
    """A steady series and one that doubles."""
    assert validate_exports(exports(USA=STEADY, DEU=list(np.linspace(50, 100, 12).round(2)))).empty


@pytest.mark.parametrize(("volume", "suggestion"), [(102_300.0, "kilograms?"), (0.1023, "thousands of tonnes?"),
                                                    (10_230.0, "hundreds of kilograms")])  # fmt: skip
def test_a_slip_of_the_unit(volume: float, suggestion: str):
    """A month 1,000 or 100 times its neighbours, or that part of them, is named with the month."""
    found = validate_exports(exports(USA=changed(5, volume)))
    assert found[["check", "months"]].to_numpy().tolist() == [["unit slip", "2025-06"]]
    assert found["suggestion"].iloc[0].startswith(suggestion)
    assert "w USA 2025-06" in worst_finding(exports(USA=changed(5, volume)))


@pytest.mark.parametrize(
    ("table", "check"),
    [
        (exports(USA=changed(6, STEADY[5])), "repeated month"),
        (exports(USA=STEADY * 2), "repeated year"),
        (exports(USA=STEADY, WLD=[volume / 2 for volume in STEADY]), "parts above the whole"),
        (exports(USA=STEADY, DEU=[*(2 * np.array(STEADY[:9])), np.nan, np.nan, np.nan]), "vanished destination"),
        (exports(USA=changed(5, 0.004)), "samples"),
        (exports(USA=STEADY, status="estimated"), "estimated weights"),
        (exports("2021-01", USA=[*STEADY, *(5 * volume + 1 for volume in STEADY)]), "level break at a code change"),
        (exports(USA=STEADY, DEU=STEADY), "duplicated series"),
    ],
)
def test_each_check_finds_its_kind(table: pd.DataFrame, check: str):
    """One finding of the kind, and what to do about it."""
    found = validate_exports(table).query("check == @check")
    assert len(found) == 1
    assert found["suggestion"].iloc[0]


def test_a_partial_last_month():
    """One of five destinations has a figure of the last month."""
    others = {
        code: [*(f * np.array(STEADY[:11])), np.nan]
        for code, f in zip(("DEU", "JPN", "KOR", "VNM"), (2, 3, 4, 5), strict=True)
    }
    found = validate_exports(exports(USA=STEADY, **others))
    assert "partial last month" in set(found["check"])


def test_members_above_their_group():
    """Members of a group add up to more than the group."""
    table = exports(EU27=STEADY, DEU=[0.7 * volume for volume in STEADY], FRA=[0.6 * volume + 1 for volume in STEADY])
    found = validate_exports(table, {"EU27": ("DEU", "FRA")})
    assert found[["check", "destination"]].to_numpy().tolist() == [["parts above the whole", "EU27"]]


def test_no_alarm_where_a_measure_stops_trade():
    """A fall to a hundredth that stays, a lumpy series, and growth over a change of codes are no slips or breaks."""
    stopped = [*STEADY, *(0.01 * volume for volume in STEADY)]
    lumpy = [volume * (80 if place % 5 == 0 else 1) for place, volume in enumerate(STEADY)]
    growing = list(100 * 1.1 ** np.arange(24).round(3))
    assert validate_exports(exports("2024-01", USA=stopped, DEU=[*STEADY, *lumpy])).query("check == 'unit slip'").empty
    assert validate_exports(exports("2021-01", USA=growing)).empty


def test_months_that_repeat_by_chance_are_left_alone():
    """In a series whose figures often equal others, further off too, two equal months say nothing."""
    coarse = [1234.0, 1235.0, 1234.0, 1236.0, 1235.0, 1235.0, 1236.0, 1234.0, 1235.0, 1236.0, 1234.0, 1236.0]
    assert validate_exports(exports(USA=coarse)).query("check == 'repeated month'").empty
