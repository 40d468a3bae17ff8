"""Months in the writings of many offices, a column at a time."""

from __future__ import annotations

import pandas as pd
import pytest

from forecast.vocabulary.months import is_dated, month_number, months, why_no_month
from forecast.vocabulary.text import folded
from forecast.vocabulary.words.month_names import MONTH_NAMES, NAMES_OF_MONTHS


@pytest.mark.parametrize(
    "cells",
    [["janv. 2023", "déc. 2024"], ["23-Jan", "24-Dec"], ["01/23", "12/24"], ["1.1.23", "1.12.24"],
     ["31.01.23", "31.12.24"], ["令和5年1月", "令和6年12月"], ["январь 2023", "дек. 2024"],
     ["2023년 1월", "2024년 12월"], ["gennaio 2023", "dicembre 2024"], ["M1 2023", "M12 2024"],
     ["112年01月", "113年12月"], ["民國112/1", "民國113/12"],
     ["M01-2023", "M12-2024"],
     ["M1/23", "M12/24"], ["2023_01", "2024_12"], ["1월 2023", "12월 2024"], ["1月, 2023", "12月, 2024"],
     ["2023年1月份", "2024年12月份"], ["Ocak 2023", "Aralık 2024"], ["OCAK 2023", "ARALIK 2024"], ["sty-23", "gru-24"],
     ["stycznia 2023", "grudnia 2024"], ["gen-23", "dic-24"], ["januari 2023", "december 2024"]],
)  # fmt: skip
def test_a_column_of_months(cells: list[str]):
    """January 2023 and December 2024, whoever wrote them."""
    assert months(pd.Series(cells, dtype=object)).astype(str).tolist() == ["2023-01", "2024-12"]


def test_the_russian_may_and_the_first_year_of_an_era():
    """A letter that folds to another one, and a year that is called the first."""
    cells = pd.Series(["май 2023", "мая 2024", "令和元年5月", "平成31年4月"], dtype=object)
    assert months(cells).astype(str).tolist() == ["2023-05", "2024-05", "2019-05", "2019-04"]


@pytest.mark.parametrize(
    "cells",
    [
        ["01-Jan", "23-Jan"],
        ["112/01", "113/12"],
        ["05/06", "06/07"],
        ["10/23", "23/10"],
        ["1.13", "2.20"],
        ["23-Foo", "24-Bar"],
    ],
)
def test_what_may_be_a_day_is_no_month(cells: list[str]):
    """Days without a year, and numbers with two digits behind the mark."""
    assert months(pd.Series(cells, dtype=object)).isna().all()


def test_several_months_together_are_none():
    """A sum over a part of the year, with a word."""
    assert why_no_month("2023年1-3月") == "several months together, not a month"


@pytest.mark.parametrize(
    "names",
    ["gen feb mar apr mag giu lug ago set ott nov dic", "gen feb mar apr mag giu lug ago sett ott nov dic",
     "ene feb mar abr may jun jul ago setiembre oct nov dic", "jan fev mar abr mai jun jul ago set out nov dez",
     "janv févr mars avr mai juin juil août sept oct nov déc", "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
     "jan feb mrt apr mei jun jul aug sep okt nov dec", "sty lut mar kwi maj cze lip sie wrz paź lis gru",
     "Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
     "OCAK ŞUBAT MART NİSAN MAYIS HAZİRAN TEMMUZ AĞUSTOS EYLÜL EKİM KASIM ARALIK",
     "янв фев мар апр май июн июл авг сен окт ноя дек",
     "1月份 2月份 3月份 4月份 5月份 6月份 7月份 8月份 9月份 10月份 11月份 12月份",
     "1월 2월 3월 4월 5월 6월 7월 8월 9월 10월 11월 12월"],
)  # fmt: skip
def test_short_names_of_months(names: str):
    """All twelve, alone and with their year."""
    words = names.split()
    assert [month_number(word) for word in words] == [*range(1, 13)]
    cells = pd.Series([f"{word} 2023" for word in words], dtype=object)
    assert [month.month for month in months(cells)] == [*range(1, 13)]


def test_a_name_is_of_one_month_in_all_languages():
    """No language breaks another."""
    words = [(folded(word), number) for names in NAMES_OF_MONTHS.values()
             for number, month in enumerate(names.split("|"), start=1) for word in month.split()]  # fmt: skip
    assert all(MONTH_NAMES[word] == number for word, number in words)
    assert all(len(names.split("|")) == 12 for names in NAMES_OF_MONTHS.values())


@pytest.mark.parametrize("heading", ["Sub total", "Valeur des exportations", "Gen. cargo"])
def test_a_word_like_a_short_name_dates_no_heading(heading: str):
    """Short names of some languages are words of others."""
    assert not is_dated(heading)


@pytest.mark.parametrize("text", ["9M2023", "9M 2023", "12M2023"])
def test_several_months_of_a_year_are_no_month(text: str):
    """Nine months of a year are not its ninth."""
    assert months(pd.Series([text, text], dtype=object)).isna().all()
