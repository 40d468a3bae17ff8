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


@pytest.mark.parametrize(("volume", "suggestion"), [
    (102_300.0, "kilograms?"), (0.1023, "thousands of tonnes?"), (10_230.0, "hundreds of kilograms"),
    (102_300_000.0, "grams?"), (0.0001023, "millions of tonnes?"), (225_533.0, "pounds?"),
    (0.0464, "tonnes taken for pounds?"), (148_000.0, "kilograms?"),
])  # fmt: skip
def test_a_slip_of_the_unit(volume: float, suggestion: str):
    """A month as many times its neighbours as one unit has of another, or that part of them, is named."""
    found = validate_exports(exports(USA=changed(5, volume))).query("check != 'samples'")
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


LEVEL = [*STEADY, *(1.1 * np.array(STEADY)).round(1), *(0.9 * np.array(STEADY)).round(1)]
"""Three years."""


def scaled(times: float, *runs: slice) -> list[float]:
    """The three years with months in another unit."""
    volumes = np.array(LEVEL)
    for run in runs:
        volumes[run] *= times
    return [float(f"{volume:.6g}") for volume in volumes]


@pytest.mark.parametrize(
    ("times", "unit"),
    [(1e3, "kilograms?"), (1e-3, "thousands of tonnes?"), (1e6, "grams?"), (1e-6, "millions of tonnes?"),
     (2204.6, "pounds?"), (1 / 2204.6, "tonnes taken for pounds?")],
)  # fmt: skip
@pytest.mark.parametrize(
    ("runs", "months", "count"),
    [
        ([slice(33, None)], "2027-10 to 2027-12", 3),
        ([slice(34, None)], "2027-11 to 2027-12", 2),
        ([slice(0, 4)], "2025-01 to 2025-04", 4),
        ([slice(15, 20)], "2026-04 to 2026-08", 5),
        ([slice(15, 17), slice(33, None)], "2026-04 to 2026-05, 2027-10 to 2027-12", 5),
        ([slice(4, 5), slice(9, 10), slice(20, 21)], "2025-05, 2025-10, 2026-09", 3),
    ],
)
def test_months_of_another_unit_are_one_finding(times: float, unit: str, runs: list[slice], months: str, count: int):
    """At the end, at the start, between, or in several places: all the months in a row of the table."""
    found = validate_exports(exports(USA=scaled(times, *runs))).query("check == 'unit slip'")
    assert found["months"].tolist() == [months]
    assert found["found"].iloc[0].startswith(f"{count} months, ")
    assert found["suggestion"].iloc[0] == unit


@pytest.mark.parametrize(
    "volumes",
    [
        [*LEVEL[:30], 0.1, 0.2, 0.1, 0.3, 0.1, 0.2],  # stopped but for samples
        [*LEVEL[:30], 0.152, 0.131, 0.0, 0.0, 0.17, 0.14],  # stopped, with months of nothing
        [0.1, 0.2, 0.1, 0.15, 0.1, 0.2, *LEVEL[6:]],  # samples first
        [*LEVEL[:20], 0.0, 0.0, 0.0, 0.02, 0.31, 2.4, 18.0, *LEVEL[27:]],  # stopped and begun again
        [*LEVEL[:35], 1.0],  # a last month of next to nothing
        [*LEVEL[:35], 0.0987 * 60],  # a fall to a twentieth
        [*LEVEL[:30], *(2.2046 * volume for volume in LEVEL[30:])],  # as pounds would be among kilograms, and a truce
        [*LEVEL[:30], *(30_000 * volume for volume in LEVEL[30:])],  # what no unit is
    ],
)
def test_a_change_of_trade_is_no_slip_of_units(volumes: list[float]):
    """Bans, beginnings and next to nothing are left alone."""
    assert "unit slip" not in set(validate_exports(exports(USA=volumes))["check"])
