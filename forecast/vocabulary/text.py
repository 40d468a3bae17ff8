"""Text as others wrote it: cleaned for the screen, and reduced to what comparisons need."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_WORDS = re.compile(r"[^\W_]+")
_SLUG = re.compile(r"[^A-Za-z0-9.-]+")
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


def folded(text: str) -> str:
    """``text`` as words without accents, capitals and punctuation, with ``and`` for ``&``.

    Examples
    --------
    >>> folded("Côte d'Ivoire & Türkiye"), folded("EU27_2020")
    ('cote d ivoire and turkiye', 'eu27 2020')
    """
    parted = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    bare = "".join(mark for mark in parted if not unicodedata.combining(mark))
    return " ".join(_WORDS.findall(bare))


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
