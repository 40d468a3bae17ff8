"""Months in the writings of many offices, a column at a time."""

from __future__ import annotations

import pandas as pd
import pytest

from forecast.vocabulary.months import months, why_no_month


@pytest.mark.parametrize(
    "cells",
    [["janv. 2023", "déc. 2024"], ["23-Jan", "24-Dec"], ["01/23", "12/24"], ["1.1.23", "1.12.24"],
     ["31.01.23", "31.12.24"], ["令和5年1月", "令和6年12月"], ["январь 2023", "дек. 2024"],
     ["2023년 1월", "2024년 12월"], ["gennaio 2023", "dicembre 2024"]],
)  # fmt: skip
def test_a_column_of_months(cells: list[str]):
    """January 2023 and December 2024, whoever wrote them."""
    assert months(pd.Series(cells, dtype=object)).astype(str).tolist() == ["2023-01", "2024-12"]


def test_the_russian_may_and_the_first_year_of_an_era():
    """A letter that folds to another one, and a year that is called the first."""
    cells = pd.Series(["май 2023", "мая 2024", "令和元年5月", "平成31年4月"], dtype=object)
    assert months(cells).astype(str).tolist() == ["2023-05", "2024-05", "2019-05", "2019-04"]


@pytest.mark.parametrize(
    "cells", [["01-Jan", "23-Jan"], ["05/06", "06/07"], ["10/23", "23/10"], ["1.13", "2.20"], ["23-Foo", "24-Bar"]]
)
def test_what_may_be_a_day_is_no_month(cells: list[str]):
    """Days without a year, and numbers with two digits behind the mark."""
    assert months(pd.Series(cells, dtype=object)).isna().all()


def test_several_months_together_are_none():
    """A sum over a part of the year, with a word."""
    assert why_no_month("2023年1-3月") == "several months together, not a month"
