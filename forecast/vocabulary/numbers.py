"""Numbers in the writings of spreadsheets: thousands in either mark, brackets for less than zero, gaps."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from forecast.vocabulary.text import STATUS_OF_MARK, folded, of_each, without_note

GAPS = {"", "na", "n/a", "nan", "null", "none", "-", "--", "–", "—", "...", "…", "..", ":", "x", "#n/a", "<na>", "n.a."}
"""What means that there is no figure, in small letters."""

_WORD = re.compile(
    r"(?P<bare>.*[\d.,:)\]*¹²³⁴⁵⁶⁷⁸⁹\u2026\u2013\u2014-])\s*[(\[（]?\s*(?P<word>[^\W\d_]{1,15})\.?\s*[)\]）]?"
)
"""A number, or a gap, with a word behind it, such as that of preliminary, estimated or revised figures."""

MOST_SIGNS = 3
"""Signs of notes that may stand behind one number."""

_SPACES = re.compile(r"[\s\u00a0\u202f']+")
_APART = re.compile(r"\d[\s\u00a0\u202f']+(?!\d{3}(?!\d)|\d{2}[\s\u00a0\u202f'])\d")
"""Digits behind a space that are no group of thousands, as a note that lost its raised place."""

_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_MANY = {mark: re.compile(rf"[+-]?\d{{1,3}}(?:{re.escape(mark)}\d{{3}}){{2,}}") for mark in ",."}
_ONE = {mark: re.compile(rf"[+-]?\d{{1,3}}{re.escape(mark)}\d{{3}}") for mark in ",."}

FEWEST_GROUPED = 12
"""Different numbers with three digits behind their only mark from which on it is no chance that all have three."""

LEAST_WHOLE = 0.05
"""Share of numbers without a mark from which on it is no chance that they are whole."""


def numbers(cells: pd.Series, decimal: str | None = None, comma_separated: bool = True) -> pd.Series:
    """Floats, NaN where a cell is a gap or no number.

    ``decimal`` is the mark before fractions; None decides it by the whole column, and where that says nothing by
    ``comma_separated``: in a file whose fields commas separate, a comma inside a number marks thousands.

    Examples
    --------
    >>> numbers(pd.Series(["22,638,687.00", "(12)", "NA"])).tolist()
    [22638687.0, -12.0, nan]
    >>> numbers(pd.Series(["1.234.567", "98.765"])).tolist()
    [1234567.0, 98765.0]
    """
    codes, different = pd.factorize(cells)
    straight = np.asarray(pd.to_numeric(pd.Index(different.astype(str)), errors="coerce"), dtype=float)
    grouped = decimal is None and could_be_thousands(cells) != ""
    if not np.isfinite(straight).all() or decimal == "," or grouped:
        texts = [_bare(str(text)) for text in different]
        mark = decimal or _decimal_mark([text for text in texts if text], comma_separated)
        straight = np.array([_value(text, mark) for text in texts], dtype=float)
    return pd.Series(straight[codes], index=cells.index)


def could_be_thousands(cells: pd.Series, decimal: str | None = None) -> str:
    """A number whose only mark stands before three digits, where it was taken for that of fractions; else empty.

    Where every number with a mark has it there, the mark may as well be that of thousands.

    Examples
    --------
    >>> could_be_thousands(pd.Series(["1.234", "98.765", "7"])), could_be_thousands(pd.Series(["1.234", "9.5"]))
    ('1.234', '')
    """
    texts = [_bare(str(text)) for text in pd.unique(cells)]
    marked = [text for text in texts if "," in text or "." in text]
    whole = bool(marked) and any(all(_ONE[mark].fullmatch(text) for text in marked) for mark in ",.")
    whole = whole and not any(text.lstrip("+-").startswith("0") for text in marked)
    return marked[0] if whole and decimal is None else ""


def said_of_marks(cells: pd.Series, decimal: str | None, comma_separated: bool) -> list[str]:
    """A word on numbers whose only mark could be that of thousands or of fractions, and on how it is read.

    Examples
    --------
    >>> said_of_marks(pd.Series(["1.234"]), None, True)
    ['Numbers such as 1.234 are read as fractions: --decimal , reads them as thousands.']
    """
    odd = could_be_thousands(cells, decimal)
    texts = [text for text in (_bare(str(text)) for text in pd.unique(cells)) if text] if odd else []
    mark = "," if "," in odd else "."
    other = "." if mark == "," else ","
    if odd and _decimal_mark(texts, comma_separated) == mark:
        return [f"Numbers such as {odd} are read as fractions: --decimal {other} reads them as thousands."]
    if odd and (mark == "." or not comma_separated or all(mark in text for text in texts)):
        return [f"Numbers such as {odd} are read as thousands: --decimal {mark} reads them as fractions."]
    return []


def _in_groups(texts: list[str], mark: str) -> bool:
    """Whether the only mark is that of thousands: many numbers have it, and those without are whole and below 1,000.

    Fractions would have other than three digits now and then, and would seldom be whole.
    """
    marked = [text for text in texts if mark in text]
    plain = [text for text in texts if mark not in text]
    whole = [text for text in plain if text.lstrip("+-").isdecimal() and len(text.lstrip("+-")) <= 3]
    sound = len(marked) >= FEWEST_GROUPED and len(whole) == len(plain) >= LEAST_WHOLE * len(texts)
    return sound and all(_ONE[mark].fullmatch(text) and not text.lstrip("+-").startswith("0") for text in marked)


def is_gap(text: str) -> bool:
    """Whether ``text`` says that there is no figure, a flag behind that or none.

    Examples
    --------
    >>> is_gap(": c"), is_gap("n/a"), is_gap("0 p")
    (True, True, False)
    """
    bare = text.strip().lower()
    return bare in GAPS or noted(bare)[0] in GAPS - {""}


def noted(text: str) -> tuple[str, str]:
    """A number without the signs of notes behind it, and the status that a sign gives it; empty for none.

    Examples
    --------
    >>> [noted(text) for text in ("1,234 p", "12[1]", "1,234¹ (r)", "10³", "12 t")]
    [('1,234', 'provisional'), ('12', ''), ('1,234', 'reported'), ('10³', ''), ('12 t', '')]
    """
    text, status = text.strip(), ""
    for _ in range(MOST_SIGNS):
        bare, word = without_note(text), ""
        if bare == text:
            found = _WORD.fullmatch(text)
            bare, word = (found["bare"].strip(), folded(found["word"])) if found else (text, "")
        if bare == text or bare == "10" or not (word in STATUS_OF_MARK or _can_have_note(bare, word)):
            break
        text, status = bare, status or STATUS_OF_MARK.get(word, "")
    return text, status


def _can_have_note(bare: str, word: str) -> bool:
    """Whether a text is a gap, or without a word behind it a number or one with another sign."""
    return bare in GAPS or (
        not word and bool(bare) and (bare[-1].isdigit() or bare[-1] in ".,)" or noted(bare)[0] != bare)
    )


def statuses(cells: pd.Series) -> pd.Series:
    """The status that the sign behind each number gives it; empty for none.

    Examples
    --------
    >>> statuses(pd.Series(["1,234 p", "12", "3 (r)"])).tolist()
    ['provisional', '', 'reported']
    """
    return of_each(cells, lambda text: noted(text)[1])


def _bare(text: str) -> str:
    """The number without spaces, brackets turned into a sign; empty for a gap."""
    text = noted(text)[0]
    if _APART.search(text):
        return text
    text = _SPACES.sub("", text)
    if is_gap(text):
        return ""
    return f"-{text[1:-1]}" if text.startswith("(") and text.endswith(")") else text


def _decimal_mark(texts: list[str], comma_separated: bool) -> str:
    """The mark before fractions: the last where a number has both; else what is not the mark of thousands."""
    both = [text for text in texts if "," in text and "." in text]
    if both:
        return max(",.", key=both[0].rfind)
    commas, points = ([text for text in texts if mark in text] for mark in ",.")
    if _in_groups(texts, ".") or _in_groups(texts, ","):
        return "," if points else "."
    if any(_MANY["."].fullmatch(text) for text in points):
        return ","
    if any(_MANY[","].fullmatch(text) for text in commas) or not commas:
        return "."
    thousands = all(_ONE[","].fullmatch(text) for text in commas)
    return "." if thousands and (comma_separated or bool(points)) else ","


def _value(text: str, decimal: str) -> float:
    thousands = "," if decimal == "." else "."
    if thousands in text and not _grouped(text, thousands, decimal):
        return float("nan")
    plain = text.replace(thousands, "").replace(decimal, ".")
    return float(plain) if _PLAIN.fullmatch(plain) else float("nan")


def _grouped(text: str, thousands: str, decimal: str) -> bool:
    """Whether the marks of thousands stand before groups of three digits (or two, as in India)."""
    whole, _, fraction = text.partition(decimal)
    first, *groups = whole.lstrip("+-").split(thousands)
    if thousands in fraction or not groups or not all(group.isdigit() for group in groups):
        return False
    return 1 <= len(first) <= 3 and len(groups[-1]) == 3 and all(len(group) in (2, 3) for group in groups)
