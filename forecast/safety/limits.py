"""Limits that are stated and checked before any work: time, volumes, names, and sizes of files."""

from __future__ import annotations

import re
from datetime import date

FIRST_YEAR, LAST_YEAR = 1951, 2099
"""Years of months and issue days: the tables of Lunar New Year reach no further."""

COVERED = f"{FIRST_YEAR} to {LAST_YEAR}"

SMALLEST_VOLUME_T = 1e-9
"""Tonnes a month below which a volume is a slip, a thousandth of a gram; zero is zero."""

LONGEST_NAME = 120
"""Characters of a product, an event or another name that a user gives."""

LONGEST_LABEL, LONGEST_TEXT = 200, 10_000
"""Characters of a label and of free text in a table of a run."""

LARGEST_FILE = 2**30
"""Bytes of a file that is read whole."""

MOST_ROWS, MOST_COLUMNS, MOST_CELLS = 20_000_000, 1_000, 100_000_000
"""Rows and columns that a table of a file may have, and cells where they are read one by one."""

_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def is_covered_month(text: str) -> bool:
    """Whether ``text`` is a month written YYYY-MM in the years covered.

    Examples
    --------
    >>> is_covered_month("1951-01"), is_covered_month("1950-12"), is_covered_month("2099-13")
    (True, False, False)
    """
    return _MONTH.fullmatch(text) is not None and FIRST_YEAR <= int(text[:4]) <= LAST_YEAR


def is_covered_day(text: str) -> bool:
    """Whether ``text`` is a day of the calendar written YYYY-MM-DD in the years covered.

    Examples
    --------
    >>> is_covered_day("2024-02-29"), is_covered_day("2023-02-29"), is_covered_day("9999-12-31")
    (True, False, False)
    """
    if not _DAY.fullmatch(text) or not FIRST_YEAR <= int(text[:4]) <= LAST_YEAR:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
