from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
import simulated

from forecast.realtime.days import release_day
from forecast.store.expected import CENSUS, CUSTOMS, EUROSTAT, late_releases, next_due, release_rule


def exports(source: str, customs: bool = False) -> pd.DataFrame:
    table = simulated.exports({"USA": [1.0] * 14}, product="w").assign(source=source)
    return table.assign(released=[release_day(month) for month in table["month"]]) if customs else table


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("https://api.census.gov/data", CENSUS),
        ("ESTAT Comext DS-045409", EUROSTAT),
        ("http://stats.customs.gov.cn", CUSTOMS),
    ],
)
def test_a_source_names_its_rule(source: str, rule: object) -> None:
    """What the latest figure's source says decides."""
    assert release_rule(exports(source)) == rule


def test_without_a_source_the_product_keeps_its_own_calendar() -> None:
    """A product that came out on the customs days is due on them; another by its longest usual delay, 20 days."""
    assert release_rule(exports("", customs=True)) is CUSTOMS
    assert release_rule(exports("")).days == 20


def test_nothing_is_late_on_the_day_it_is_due() -> None:
    """2021-03 is due on 20 April 2021: late on the 21st."""
    table = exports("gacc")
    assert late_releases(table, ["w"], date(2021, 4, 20)) == []
    (sentence,) = late_releases(table, ["w"], date(2021, 4, 21))
    assert sentence.startswith("w: 2021-03 was due on 2021-04-20 (Chinese customs)")
    assert next_due(table, "w", date(2021, 4, 21)) is None


def test_january_and_february_are_due_together() -> None:
    """Chinese customs publish nothing by country in February."""
    assert CUSTOMS.due(pd.Period("2026-01")) == CUSTOMS.due(pd.Period("2026-02")) == date(2026, 3, 20)
