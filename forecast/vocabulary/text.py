"""Text as others wrote it: cleaned for the screen, and reduced to what comparisons need."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

_WORDS = re.compile(r"[^\W_]+")
_CAPITALS = re.compile(r"(?<=[^\W\d_][^\W\d_A-Z])(?=[A-Z][^\W\d_A-Z])")
_SLUG = re.compile(r"[^A-Za-z0-9.-]+")
_NOTE = re.compile(
    r"(?P<bare>.*[^\s(（\[^*†‡¹²³⁴⁵⁶⁷⁸⁹])\s*"
    r"(?:\^?[¹²³⁴⁵⁶⁷⁸⁹]+|\^\d|\*+|[†‡]+|[(（][1-9][)）]|\s[1-9][)）]|[\[［][1-9]\d?[\]］])"
)
"""A text with the sign of a note behind it."""

_MARKS = {
    "provisional": "p prov provisional provisionally provisoire provisorio provisoria provvisorio preliminary "
    "preliminar prelim prel vorl vorlaufig v voorlopig avance 初步 初值 速報 速报 快报 잠정 предв предварительно",
    "estimated": "e est estim estimated estimate estime gesch geschatzt estimado 推計 推算 估计",
    "reported": "r rev revised revise revidiert revisado revisto corrected korr final definitive 修订 改定 確定 確報",
}
STATUS_OF_MARK = {word: status for status, words in _MARKS.items() for word in words.split()}
"""The status that a word or letter behind a month or a figure gives it, by the word, folded."""

_POWER = re.compile(r"(?:\b[cdk]?m[²³]|10(?:[³⁶]|\^\d))$")
_UNSEEN = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


def shown(text: str, longest: int = 60) -> str:
    r"""``text`` on one line without control and direction characters, cut at ``longest`` characters.

    Examples
    --------
    >>> shown("Viet\u202e Nam\n(South)")
    'Viet Nam (South)'
    """
    seen = "".join(" " if mark in "\r\n\t" else "" if unicodedata.category(mark) in _UNSEEN else mark for mark in text)
    line = " ".join(seen.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def counted(count: int, word: str) -> str:
    """A number of things, in words.

    Examples
    --------
    >>> counted(1, "event"), counted(1200, "event")
    ('1 event', '1,200 events')
    """
    return f"{count:,} {word}{'' if count == 1 else 's'}"


@lru_cache(maxsize=8_192)
def folded(text: str) -> str:
    """``text`` as words without accents, capitals and punctuation, with ``and`` for ``&``.

    Examples
    --------
    >>> folded("Côte d'Ivoire & Türkiye"), folded("EU27_2020"), folded("국가명")
    ('cote d ivoire and turkiye', 'eu27 2020', '국가명')
    """
    parted = unicodedata.normalize("NFKD", text.casefold().replace("&", " and ").replace("ı", "i"))
    bare = "".join(mark for mark in parted if not unicodedata.combining(mark))
    return " ".join(_WORDS.findall(unicodedata.normalize("NFC", bare)))  # Korean syllables in one piece again


def apart(text: str) -> str:
    """``text`` with blanks where words are written to each other with capitals.

    Examples
    --------
    >>> apart("CountryOfDestination"), apart("netWeightKg"), apart("kWh"), apart("YearMonth/AnnéeMois")
    ('Country Of Destination', 'net Weight Kg', 'kWh', 'Year Month/Année Mois')
    """
    return _CAPITALS.sub(" ", text)


def slug(text: str) -> str:
    """``text`` as the name of a product: letters, digits, ``_``, ``.`` and ``-``; empty where none is left.

    Examples
    --------
    >>> slug("Rice, semi-milled (5%)"), slug("85051110")
    ('rice_semi-milled_5', '85051110')
    """
    parted = unicodedata.normalize("NFKD", text.strip())
    bare = "".join(mark for mark in parted if not unicodedata.combining(mark))
    name = _SLUG.sub("_", bare).strip("_.-")
    return name[:80].lower().rstrip("_.-")


def of_each(cells: pd.Series, read: Callable[[str], Any]) -> pd.Series:
    """``read`` of every cell as objects, called once for each different cell."""
    codes, different = pd.factorize(cells, use_na_sentinel=False)
    values = np.empty(len(different), dtype=object)
    values[:] = [read(str(text)) for text in different]
    return pd.Series(values[codes], index=cells.index, dtype=object)


def without_note(text: str) -> str:
    """``text`` without the sign of a note behind it, where that is no letter; the power of a unit is none.

    Examples
    --------
    >>> [without_note(text) for text in ("Japan¹", "Country [1]", "Japan 1)", "Quantity*", "Volume, m³")]
    ['Japan', 'Country', 'Japan', 'Quantity', 'Volume, m³']
    """
    found = _NOTE.fullmatch(text.strip())
    return text.strip() if found is None or _POWER.search(text) else found["bare"].rstrip()
