"""Numbers in the writings of spreadsheets: thousands in either mark, brackets, gaps; scales, and money in words."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.vocabulary.text import STATUS_OF_MARK, folded, of_each, without_note
from forecast.vocabulary.words.currencies import CURRENCIES

GAPS = {"", "na", "n/a", "nan", "null", "none", "-", "--", "–", "—", "...", "…", "..", ":", "x", "#n/a", "<na>", "n.a."}
"""What means that there is no figure, in small letters."""

_WORD = re.compile(
    r"(?P<bare>.*[\d.,:)\]*¹²³⁴⁵⁶⁷⁸⁹\u2026\u2013\u2014-])\s*[(\[（]?\s*(?P<word>[^\W\d_]{1,15})\.?\s*[)\]）]?"
)
"""A number, or a gap, with a word behind it, such as that of preliminary, estimated or revised figures."""

MOST_SIGNS = 3
"""Signs of notes that may stand behind one number."""

_SPACES = re.compile(r"[\s\u00a0\u202f'\u2019\u02bc]+")
_APART = re.compile(r"\d[\s\u00a0\u202f'\u2019\u02bc]+(?!\d{3}(?!\d)|\d{2}[\s\u00a0\u202f'\u2019\u02bc])\d")
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


# Scales ---------------------------------------------------------------------------------------------------------------

_SCALES = {
    1e2: "hundred hundreds",
    1e3: "thousand thousands thous ths thsd thd tsd tausend milhar milhares millier milliers mille miles migliaia "
    "duizend тыс тысяч tys tysiecy ribu k",
    1e5: "lakh lakhs lac lacs",
    1e6: "million millions millionen mill mio mn mln miljoen millon millones milhao milhoes milioni milione milionow "
    "миллион миллионов млн juta milyon mm",
    1e7: "crore crores",
    1e9: "billion billions bn mrd milliard milliards miliardi",
}  # fmt: skip
EITHER = ("mil", "m")
"""Words that are a thousand in one language or trade and a million in another."""

LINKS = {"of", "de", "d", "di", "von", "van", "in", "en", "em", "x", "s"}
"""Words between a scale and what it is of."""

_DIGITS_OF_SCALE = re.compile(r"1?(?:000)+|1(?:00)?0{2,}")
_CHINESE_SCALE = {"十": 10.0, "百": 1e2, "千": 1e3, "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8}
_POWER = re.compile(r"10(?:\^|\*\*|(?=[³⁶]))([36³⁶])")
_TIMES = re.compile(r"(?<![^\W\d_])[x×*](?=\s*\d)")

SCALE_OF = {word: scale for scale, words in _SCALES.items() for word in words.split()}
"""Words for thousands, millions and the like, folded, and how many they are."""


def scale_before(words: list[str]) -> tuple[float, list[str]]:
    """The scale at the end of words, 1 for none, and the words before it."""
    rest = list(words)
    while rest and rest[-1] in LINKS and len(rest) > 1:
        rest.pop()
    if rest and rest[-1] in SCALE_OF:
        scale = SCALE_OF[rest.pop()]
        more, left = scale_before(rest) if rest and rest[-1] in SCALE_OF else (1.0, rest)
        return scale * more, left
    if (rest and rest[-1] in _CHINESE_SCALE) or (rest and set(rest[-1]) <= set(_CHINESE_SCALE)):
        return math.prod(_CHINESE_SCALE[mark] for mark in rest.pop()), rest
    digits = len(rest)
    while digits and rest[digits - 1].removesuffix("s").isdecimal():
        digits -= 1
    for start in range(digits, len(rest)):
        number = "".join(rest[start:]).removesuffix("s")
        clear = start == digits or re.fullmatch(r"(19|20)\d\d", rest[start - 1])
        if clear and _DIGITS_OF_SCALE.fullmatch(number):
            return 10.0 ** number.count("0"), rest[:start]
    return 1.0, list(words)


def phrases_of(text: str) -> list[str]:
    """Single words before the first bar, phrases between bars."""
    first, *phrases = text.split("|")
    return [*first.split(), *phrases]


def words_with_powers(text: str) -> list[str]:
    """The words of a text, folded, powers of ten in full.

    Examples
    --------
    >>> words_with_powers("10^3 USD"), words_with_powers("t x 1000")
    (['1000', 'usd'], ['t', '1000'])
    """
    plain = _POWER.sub(lambda found: "1000 " if found[1] in "3³" else "1000000 ", text)
    return folded(_TIMES.sub(" ", plain)).split()


# Money ----------------------------------------------------------------------------------------------------------------

MONEY = {word: currency for currency, words in CURRENCIES.items() for word in phrases_of(words)}
"""Currency by its folded word."""

_LONGEST = max(len(word.split()) for word in MONEY)
_ASIAN = {"十": 10, "백": 100, "百": 100, "千": 1000, "천": 1000, "万": 10**4, "萬": 10**4, "만": 10**4, "亿": 10**8,
          "億": 10**8, "억": 10**8}  # fmt: skip
_ASIAN_SCALE = re.compile(f"([{''.join(_ASIAN)}]+)(?=美元|美金|人民[币幣]|元|円|日元|欧元|불|달러|원|엔)")
_CODES = "|".join(code.lower() for code in (*CURRENCIES, "RMB"))
_GLUED = re.compile(rf"(?P<before>\d+|mio|bn|mn|[ktm])?(?P<code>{_CODES})(?P<behind>\d+|mio|bn|mn|[km])?")
_LETTERS = {"t": "thousand", "m": "million"}
"""Letters written to the code of a currency, as in ``TEUR`` and ``MUSD``."""

_PLACE = "$"
"""What marks a currency among words, so that scales on either side of it stay apart."""

_SPANISH = {"dolares", "reais", "euros", "pesos"}


@dataclass(frozen=True)
class Amount:
    """Money among words: its currency if one is named, how many of it make one, and the words that say neither.

    ``scale`` is NaN where it can be a thousand or a million, or several stand there.
    """

    currency: str
    scale: float
    rest: tuple[str, ...]


def amount_in(text: str) -> Amount:
    """The currency and the scale that the words of ``text`` name.

    Examples
    --------
    >>> amount_in("Value (thousand USD)"), amount_in("US$ '000").scale, amount_in("百万円").scale
    (Amount(currency='USD', scale=1000.0, rest=('value',)), 1000.0, 1000000.0)
    >>> amount_in("US$ mil").scale, amount_in("Mil dólares").scale, amount_in("Value").scale
    (nan, 1000.0, 1.0)
    """
    words = _in_full(text)
    spanish = bool(_SPANISH & set(words))
    words = ["thousand" if word == "mil" and spanish else word for word in words]
    currency, apart = _currency_among(words)
    runs, rest = _scales_among(apart)
    unclear = len(set(runs)) > 1 or (not runs and any(word in EITHER for word in rest))
    said = tuple(word for word in rest if word not in (*LINKS, _PLACE, "1") and not (unclear and word in EITHER))
    return Amount(currency, math.nan if unclear else next(iter(runs), 1.0), said)


def with_scale(asked: str, text: str) -> str:
    """The currency ``asked`` with the scale that ``text`` states; ``asked`` itself where that states none.

    Examples
    --------
    >>> with_scale("usd", "Value (million USD)"), with_scale("usd", "Value (USD)"), with_scale("usd", "US$ mil")
    ('1000000 usd', 'usd', 'mil usd')
    """
    scale = amount_in(text).scale
    if scale != scale:
        return f"{EITHER[0]} {asked}"
    return asked if scale == 1 else f"{scale:.0f} {asked}"


def is_currency(unit: str) -> bool:
    """Whether a unit is a currency without a scale, not even ``1``.

    Examples
    --------
    >>> is_currency("USD"), is_currency("thousand USD"), is_currency("1 USD")
    (True, False, False)
    """
    return " ".join(words_with_powers(unit)) in MONEY


def which_scale(word: str) -> str:
    """Why money in ``word`` cannot be read, and what says its scale."""
    return f"{word}, which is of thousands or of millions: say which, as in --unit '1000 usd' or --unit 'million usd'"


def _in_full(text: str) -> list[str]:
    """The words of a text, scales apart from the currencies that they are written to."""
    apart = _ASIAN_SCALE.sub(lambda found: f" {math.prod(_ASIAN[mark] for mark in found[1])} ", text)
    words: list[str] = []
    for word in words_with_powers(apart):
        glued = _GLUED.fullmatch(word)
        parts = [part for part in glued.groups() if part] if glued else [word]
        words += [_LETTERS.get(part, part) for part in parts] if len(parts) > 1 else parts
    return words


def _currency_among(words: list[str]) -> tuple[str, list[str]]:
    """The currency of the longest phrase that names one, and the words with `_PLACE` for it."""
    rest, currency = list(words), ""
    for length in range(_LONGEST, 0, -1):
        for start in range(len(rest) - length, -1, -1):
            named = MONEY.get(" ".join(rest[start : start + length]), "")
            if named and currency in ("", named):
                currency, rest[start : start + length] = named, [_PLACE]
    return currency, rest


def _scales_among(words: list[str]) -> tuple[list[float], list[str]]:
    """The scales that words state, those that stand together as their product, and the other words."""
    runs: list[float] = []
    rest: list[str] = []
    left, joined = list(words), False
    while left:
        scale, before = scale_before(left)
        if scale == 1:
            rest, left, joined = [left[-1], *rest], left[:-1], False
            continue
        runs = [*runs[:-1], runs[-1] * scale] if joined else [*runs, scale]
        left, joined = before, True
    return runs, rest
