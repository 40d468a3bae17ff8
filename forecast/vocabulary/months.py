"""Months in the writings of statistical offices, spreadsheets and other libraries.

A column is read as a whole where one cell cannot say what it means: ``05/06/2025`` is a day and a month in the order
that the other cells show.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta

import pandas as pd

from forecast.vocabulary.text import STATUS_OF_MARK, folded, of_each, shown
from forecast.vocabulary.words.month_names import MONTH_NAMES, WORDS_TOO

FIRST_MONTH, LAST = 1951, 2099
"""Years that a month may have."""

BUDDHIST = 543
"""Years by which the Thai calendar runs ahead of the common one."""

_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?:[-/. _]?[mM]|[-/._])(?P<month>\d{1,2})"
    r"|(?P<year2>\d{4})(?P<month2>\d{2})"
    r"|(?P<year3>\d{4})\s*[年년]\s*(?P<month3>\d{1,2})\s*(?:月份?|월)?"
)
_MONTH_FIRST = re.compile(
    r"(?P<month>\d{1,2})(?:[-/. _]|\s*(?:月份?|월)[-/., ]*)(?P<year>\d{4})"
    r"|[mM](?P<month2>\d{1,2})[-/. _](?P<year2>\d{4}|'?\d{2})"
)
_ISO_DAY = re.compile(
    r"(?P<year>\d{4})(?P<mark>[-/.]?)(?P<month>\d{2})(?P=mark)(?P<day>\d{2})(?:[T ][\d:.]+(?:Z|[+-]\d\d:?\d\d)?)?"
)
_LOOSE_DAY = re.compile(r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?: [\d:.]+)?")
_NAMED = re.compile(
    r"(?P<name>[^\W\d_]{3,}|[一二三四五六七八九十]+月份?)\.?[-/., ]*(?:de )?(?P<year>'?\d{2}|\d{4})"
    r"|(?P<year2>\d{4})[-/., ]*(?P<name2>[^\W\d_]{3,})\.?"
    r"|(?P<day>\d{1,2})[-/. ](?P<name3>[^\W\d_]{3,})\.?[-/. ](?P<year3>\d{4})"
)
_REIWA = re.compile(r"(?:令和|R)\s*(\d{1,2}|元)\s*[年./-]\s*(\d{1,2})\s*月?")
_HEISEI = re.compile(r"(?:平成|H)\s*(\d{1,2}|元)\s*[年./-]\s*(\d{1,2})\s*月?")
_MINGUO = re.compile(r"(?:(?:民國|民国)\s*(?=1\d{2}\D)|(?=1\d{2}\s*年))(1\d{2})\s*[年/.-]\s*(\d{1,2})\s*月?")
_ERAS = ((_MINGUO, 1911), (_REIWA, 2018), (_HEISEI, 1988))
"""Years of Japanese eras and of Taiwan's, and the common year before their first."""

_SHORT = re.compile(r"(\d{1,2})[/-](\d{2})")
"""Two numbers that are a month and a year, where all cells of a column say so."""

_SHORT_NAMED = re.compile(r"(\d{2})[-/ ]([^\W\d_]{3,})\.?")
_SHORT_DAY = re.compile(r"^(\d{1,2})[./](\d{1,2})[./](\d{2})$")
_SPAN = re.compile(r"\d{4}\s*[年.]?\s*\d{1,2}\s*[-~–至]\s*\d{1,2}\s*[月월]")
_PART_DAY = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?: [\d:.]+(?: ?[AaPp][Mm])?)?")
_NUMBERED_NAME = re.compile(r"[\[(]?0?(\d{1,2})[\])]?[\s.:–-]*([^\W\d_]{3,})\.?")
_MONTH_SIGN = re.compile(r"0?(\d{1,2})\s*(?:月份?|월)")
_FISCAL = re.compile(r"(?:FY\s*)?(\d{4})\s*[-/–]\s*(\d{2}|\d{4})", re.IGNORECASE)
_NAMED_FISCAL = re.compile(r"(?:FY|fiscal year)\W*\d{2,4}(?:\W+\d{2,4})?", re.IGNORECASE)
_QUARTER = re.compile(r"\d{4}[-. ]?[qQ][1-4]|[qQ][1-4][-/. ]?\d{2,4}|\d{4}-?T[1-4]")
_YEAR = re.compile(r"\d{4}")
_SERIAL = re.compile(r"\d{5}")
_CUTS = re.compile(
    r"(?<=[\s_,;:|()\[\]（）：，月월])(?=.)|(?=[\s_,;:|()\[\]（）：，])"
    r"|(?<=[^\W\d_])[-.]?(?=\d{4})|(?<=\d)[-.]?(?=[^\W\d_]{3})"
)
"""Places in a heading where a month can begin or end."""

_LONGEST = 100
"""Letters of a heading in which a month is sought."""

_BETWEEN = " _,;:|：，-–.\n\t"
_BEFORE, _BEHIND, _AROUND = f"{_BETWEEN}([（", f"{_BETWEEN})]）", f"{_BETWEEN}()[]（）"
"""Marks beside a month in a heading."""

_DAY_ZERO, _FIRST_SERIAL, _LAST_SERIAL = date(1899, 12, 30), 25_569, 73_050
"""Day 0 of Excel, and the numbers of the first day of 1970 and the last of 2099; 2024Q1 as 20241 is none of them."""


_MARKED = re.compile(
    r"(?P<bare>.*[^\s(（\[])\s*(?:\*+|[†‡¹²³⁴⁵⁶⁷⁸⁹]+|[(（]?[1-9][)）]|\[[1-9]\]|[(\[]\s*\*+\s*[)\]]"
    r"|(?:(?<=\d)|[\s(（\[])\s*(?P<word>[^\W\d_]{1,15})\.?\s*[)）\]]?)"
)


def unmarked(text: str) -> tuple[str, str]:
    """``text`` without the sign of a note behind it, and the status that the sign gives to figures; empty for none.

    Examples
    --------
    >>> unmarked("2025-12 (p)"), unmarked("Dec 2025 1)"), unmarked("Febp"), unmarked("2025 May")
    (('2025-12', 'provisional'), ('Dec 2025', ''), ('Feb', 'provisional'), ('2025 May', ''))
    """
    text = text.strip()
    if folded(text) in MONTH_NAMES:
        return text, ""
    if folded(text[:-1]) in MONTH_NAMES and text[-1:].lower() in STATUS_OF_MARK:
        return text[:-1].strip(), STATUS_OF_MARK[text[-1].lower()]
    found = _MARKED.fullmatch(text)
    if found is None or (found["word"] and folded(found["word"]) not in STATUS_OF_MARK):
        return text, ""
    return found["bare"], STATUS_OF_MARK[folded(found["word"])] if found["word"] else ""


def month_number(text: str) -> int:
    """The number of a month by its name, or by a number with the sign of a month behind it; 0 for any other text.

    Examples
    --------
    >>> [month_number(text) for text in ("Sept.", "10月", "Febp", "10", "2025-10")]
    [9, 10, 2, 0, 0]
    """
    bare = unmarked(text)[0]
    found = _MONTH_SIGN.fullmatch(bare)
    number = int(found[1]) if found else MONTH_NAMES.get(folded(bare), 0)
    return number if number <= 12 else 0


def fiscal_years(cells: Iterable[str]) -> frozenset[str]:
    """Those of ``cells`` that name a year over two calendar years, such as ``2023-24``.

    ``2010-11`` can be a month too: it is a year where a second such pair stands beside it, or months in another
    writing, and no ``2010-12``.

    Examples
    --------
    >>> sorted(fiscal_years(["2010-11", "2011-12"])), sorted(fiscal_years(["2010-11", "2010-12"]))
    (['2010-11', '2011-12'], [])
    >>> sorted(fiscal_years(["Oct-10", "Nov-10", "2010-11"]))
    ['2010-11']
    """
    texts = {str(cell).strip() for cell in cells}
    pairs = {text for text in texts if _FISCAL.fullmatch(text)}
    years = set(filter(_is_fiscal, pairs))
    open_to = {text for text in years if month_of(text) is not None}
    if not open_to or len(pairs) > len(years):
        return frozenset(years - open_to)
    others = [month_of(text) for text in texts - years]
    return frozenset(years if len(years) > 1 or any(month is not None for month in others) else years - open_to)


def _is_fiscal(text: str) -> bool:
    """Whether two years that follow each other stand side by side."""
    found = _FISCAL.fullmatch(text)
    return found is not None and (int(found[1]) + 1) % 10 ** len(found[2]) == int(found[2])


def month_of(text: str) -> pd.Period | None:
    """The month that ``text`` writes, None where it writes none or an order of day and month must be guessed.

    Examples
    --------
    >>> [str(month_of(text)) for text in ("2025M05", "Aug-08", "2025年5月", "05/2025", "2568-05", "2025 May")]
    ['2025-05', '2008-08', '2025-05', '2025-05', '2025-05', '2025-05']
    """
    text = text.strip()
    for pattern in (_ISO_DAY, _YEAR_FIRST, _MONTH_FIRST, _LOOSE_DAY):
        found = pattern.fullmatch(text)
        if found:
            parts = {name.rstrip("23"): part for name, part in found.groupdict().items() if part}
            month = _period(parts["year"], int(parts["month"]))
            return month if _is_day_of(month, parts.get("day")) else None
    for pattern, before in _ERAS:
        of_era = pattern.fullmatch(text)
        if of_era:
            year = before + (1 if of_era[1] == "元" else int(of_era[1]))
            return _period(str(year), int(of_era[2]))
    bare = text if _NAMED.fullmatch(text) else unmarked(text)[0]
    return _named(text) if bare == text else month_of(bare)


def could_be_month(text: str) -> bool:
    """Whether a text is a month alone, or would be one beside others like it: ``01/23``, ``23-Jan``.

    Examples
    --------
    >>> [could_be_month(text) for text in ("2023-01", "01/23", "23-Jan", "01.23", "12")]
    [True, True, True, False, False]
    """
    named = _SHORT_NAMED.fullmatch(text)
    return month_of(text) is not None or is_short(text) or (named is not None and folded(named[2]) in MONTH_NAMES)


def is_short(text: str) -> bool:
    """Whether a text is two numbers that can be a month and a year, or a day and a month."""
    return _SHORT.fullmatch(text) is not None


def months(cells: pd.Series) -> pd.Series:
    """The month of each cell as a period or None, the order of day and month decided by the whole column.

    Examples
    --------
    >>> months(pd.Series(["01/05/2025", "01/06/2025"])).astype(str).tolist()
    ['2025-05', '2025-06']
    """
    different = [str(text).strip() for text in pd.unique(cells)]
    fiscal = fiscal_years(different)
    different, short = _long_years(different)
    place, serials = _place_of_month(different), serial_months(different)
    return of_each(
        cells,
        lambda text: (
            (month_of(text) if text.strip() not in fiscal else None)
            or short.get(text.strip())
            or _by_place(_SHORT_DAY.sub(r"\1.\2.20\3", text.strip()), place)
            or serials.get(text.strip())
        ),
    )


def _long_years(cells: list[str]) -> tuple[list[str], dict[str, pd.Period]]:
    """Cells with days of short years written long, and the months of those that are a month and a short year.

    ``01/23`` is January 2023 where every such number after the mark is above 12 and every one before it is not;
    ``23-Jan`` where every such number is above 12, as it would seldom be if they were days.
    """
    named = {text: match for text in cells if (match := _SHORT_NAMED.fullmatch(text))}
    found = {text: match for text in cells if (match := _SHORT.fullmatch(text))}
    sound = all(1 <= int(match[1]) <= 12 < int(match[2]) for match in found.values()) and len(found) > 1
    months_of = {text: _period(match[2], int(match[1])) for text, match in found.items()} if sound else {}
    if all(int(match[1]) > 12 for match in named.values()) and len(named) > 1:
        numbers = {text: MONTH_NAMES.get(folded(match[2]), 0) for text, match in named.items()}
        months_of |= {text: _period(named[text][1], number) for text, number in numbers.items()}
    return [_SHORT_DAY.sub(r"\1.\2.20\3", text) for text in cells], {
        text: month for text, month in months_of.items() if month is not None
    }


def serial_months(cells: Iterable[str]) -> dict[str, pd.Period]:
    """Months of the numbers by which Excel counts days, by cell: where they are all first or all last days of months.

    Other numbers of five digits could be anything, and are none.

    Examples
    --------
    >>> {number: str(month) for number, month in serial_months(["45658", "45689", "Total"]).items()}
    {'45658': '2025-01', '45689': '2025-02'}
    >>> serial_months(["45658", "45660"])
    {}
    """
    numbers = {text: int(text) for text in (str(cell).strip() for cell in cells) if _SERIAL.fullmatch(text)}
    if not all(_FIRST_SERIAL <= number <= _LAST_SERIAL for number in numbers.values()):
        return {}
    days = {text: _DAY_ZERO + timedelta(days=number) for text, number in numbers.items()}
    firsts = {day.day == 1 for day in days.values()}
    lasts = {(day + timedelta(days=1)).day == 1 for day in days.values()}
    if {True} not in (firsts, lasts):
        return {}
    return {text: pd.Period(day, freq="M") for text, day in days.items()}


def why_no_month(text: str) -> str:
    """What a cell that is no month is instead.

    Examples
    --------
    >>> why_no_month("2025Q1"), why_no_month("2024"), why_no_month("13/2025")
    ('a quarter, not a month', 'a year, not a month', 'no month that can be read')
    >>> why_no_month("2023-24")
    'a year over two calendar years, not a month'
    """
    text = text.strip()
    if not text:
        return "no month"
    if _QUARTER.fullmatch(text):
        return "a quarter, not a month"
    if _SPAN.fullmatch(text):
        return "several months together, not a month"
    if _YEAR.fullmatch(text):
        return "a year, not a month"
    if _NAMED_FISCAL.fullmatch(text) or _is_fiscal(text):
        return "a year over two calendar years, not a month"
    if _SHORT.fullmatch(text):
        return "two numbers that can be a month and a year or a day and a month: write YYYY-MM"
    if _PART_DAY.fullmatch(text):
        return "a date whose day and month could be either: write YYYY-MM-DD"
    if _SERIAL.fullmatch(text):
        return "a number that is not known to be a day of Excel's: write YYYY-MM"
    return "no month that can be read"


def from_parts(years: pd.Series, numbers: pd.Series) -> pd.Series:
    """Months as ``YYYY-MM`` text of a column of years and one of month numbers or names; empty where there is none.

    Examples
    --------
    >>> from_parts(pd.Series(["2025", "2025"]), pd.Series(["7", "Aug"])).tolist()
    ['2025-07', '2025-08']
    """
    return of_each(years.str.strip() + "\n" + numbers.str.strip(), _joined)


def is_year(text: str) -> bool:
    """Whether a text is the number of a year and nothing else."""
    return len(text) == 4 and text.isdecimal() and FIRST_MONTH <= int(text) <= LAST


def is_dated(heading: str) -> bool:
    """Whether a heading has a year or the name of a month, whatever else it has.

    Examples
    --------
    >>> is_dated("2024 Total"), is_dated("Jan-Feb"), is_dated("HS 260400")
    (True, True, False)
    """
    words = folded(heading).split()
    return bool(re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", heading)) or any(
        word in MONTH_NAMES and word not in WORDS_TOO for word in words
    )


def month_within(heading: str, is_month: Callable[[str], bool]) -> tuple[str, str]:
    """The part of a heading that ``is_month``, and the other words; empty where none is, or the others are dated too.

    Examples
    --------
    >>> written = lambda text: month_of(text) is not None
    >>> month_within("Weight_KG_202301", written), month_within("Menge Jan 2023 (kg)", written)
    (('202301', 'Weight_KG'), ('Jan 2023', 'Menge (kg)'))
    >>> month_within("2023年1月出口数量(千克)", written), month_within("Quantity, Jan-Mar 2023", written)
    (('2023年1月', '出口数量(千克)'), ('', ''))
    """
    worded = len(heading) <= _LONGEST and any(mark.isalpha() for mark in heading)
    cuts = [0, *(found.start() for found in _CUTS.finditer(heading)), len(heading)] if worded else []
    spans = [heading[start:stop] for start in cuts for stop in cuts if start < stop]
    for span in sorted(dict.fromkeys(spans), key=len, reverse=True):
        part = span.strip(_AROUND)
        if part and len(part) < len(heading) and is_month(part):
            before, _, behind = heading.partition(part)
            rest = f"{before.rstrip(_BEFORE)} {behind.lstrip(_BEHIND)}".strip()
            return (part, rest) if rest and not is_dated(rest) else ("", "")
    return "", ""


def is_buddhist(cells: Collection[str]) -> bool:
    """Whether a year of the Thai calendar stands in any of ``cells``."""
    return any(_common_year(year) != year for text in cells for year in map(int, re.findall(r"\b\d{4}\b", text)))


def last_month(today: date) -> pd.Period:
    """The last month of which there can be a figure on the day ``today``."""
    return pd.Period(today, freq="M")


def _joined(text: str) -> str:
    year, _, number = text.partition("\n")
    whole = unmarked(year)[0].removesuffix(".0"), _without_number(unmarked(number)[0].removesuffix(".0"))
    month = int(whole[1]) if whole[1].isascii() and whole[1].isdigit() else MONTH_NAMES.get(folded(whole[1]), 0)
    return f"{whole[0]}-{month:02d}" if 1 <= month <= 12 else shown(text)


def _without_number(text: str) -> str:
    """The name of a month without its number before it, as in ``01. Janeiro`` or ``[01] Januari``."""
    found = _NUMBERED_NAME.fullmatch(text)
    return found[2] if found and MONTH_NAMES.get(folded(found[2])) == int(found[1]) else text


def _common_year(year: int) -> int:
    return year - BUDDHIST if FIRST_MONTH + BUDDHIST <= year <= LAST + BUDDHIST else year


def _period(year: str, month: int) -> pd.Period | None:
    """A month of the common calendar; a two-digit year is of 1969 to 2068."""
    digits = year.removeprefix("'")
    whole = int(digits) + (0 if len(digits) == 4 else 2000 if int(digits) < 69 else 1900)
    common = _common_year(whole)
    return pd.Period(year=common, month=month, freq="M") if FIRST_MONTH <= common <= LAST and 1 <= month <= 12 else None


def _is_day_of(month: pd.Period | None, day: str | None) -> bool:
    return month is not None and (day is None or 1 <= int(day) <= month.days_in_month)


def _named(text: str) -> pd.Period | None:
    found = _NAMED.fullmatch(text)
    if not found:
        return None
    parts = {name.rstrip("23"): part for name, part in found.groupdict().items() if part}
    number = MONTH_NAMES.get(folded(parts["name"]))
    return _period(parts["year"], number) if number else None


def _place_of_month(cells: list[str]) -> int | None:
    """0 where the first number of ``05/06/2025`` is the month, 1 where the second is; None where either could be."""
    found = [match for text in cells if (match := _PART_DAY.fullmatch(text))]
    firsts, seconds = ({int(match.group(place)) for match in found} for place in (1, 2))
    if not found:
        return None
    can_be = [place for place, numbers in enumerate((firsts, seconds)) if max(numbers) <= 12]
    if len(can_be) == 2 and len(firsts) != len(seconds) and 1 in (len(firsts), len(seconds)):
        can_be = [0 if len(seconds) == 1 else 1]
    return can_be[0] if len(can_be) == 1 or firsts == seconds == {1} else None


def _by_place(text: str, place: int | None) -> pd.Period | None:
    found = _PART_DAY.fullmatch(text)
    return _period(found.group(3), int(found.group(place + 1))) if found and place is not None else None
