"""What figures measure: weights among several quantities in one column, or money where asked for, and their scale."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from forecast.sources.extract import ReadSettings
from forecast.sources.files.columns import CURRENCY_HEADINGS, plainest
from forecast.sources.files.sheet import Table
from forecast.tables.cells import Texts, labels
from forecast.tables.read import TableError
from forecast.vocabulary.numbers import SCALE_OF, amount_in, is_currency, with_scale
from forecast.vocabulary.text import folded, of_each, shown
from forecast.vocabulary.units import (
    Unit,
    is_money,
    kind_of_quantity,
    names_measure,
    parts_of_title,
    scale_alone,
    unit_in,
    unit_in_title,
    unit_of,
)
from forecast.vocabulary.words.currencies import other_currency

MONEY_BESIDE = "a value in money beside weights"
"""Why a row of money is not used where others are of weight."""

WEIGHT_BESIDE = "a weight beside values, which are asked for"
ANOTHER_MEASURE = "another measure than the weight"

MEASURE = "quantity of the heading"
"""The column of what figures measure where that stands in the header."""


def of_one_quantity(words: Sequence[str], settings: ReadSettings) -> list[str]:
    """Those of the names of measures that are what is asked for: weights, else what is neither weight nor money.

    Those that state a unit stand before others, and a month's exports before sums and imports.

    Examples
    --------
    >>> asked = ReadSettings(pd.Timestamp("2026-01-01").date())
    >>> of_one_quantity(["Quantity", "Weight (kg)", "Value"], asked), of_one_quantity(["USD", "pcs"], asked)
    (['Weight (kg)'], ['pcs'])
    """
    money = bool(settings.unit) and bool(unit_of(settings.unit).money)
    kinds = {word: kind_of_quantity(word) for word in words}
    open_to = [word for word in words if kinds[word] == ("money" if money else "weight")]
    open_to = plainest(open_to or [word for word in words if not kinds[word]])
    return [word for word in open_to if unit_in(word) and not money] or open_to


def other_quantities(table: Table, unit: str, indicator: str, asked: str) -> pd.Series:
    """Why rows are of another quantity than the one that is read; empty for the others.

    ``unit`` and ``indicator`` are the headings of the columns that say it, ``asked`` is the unit that the caller names.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Unit": ["kg", "USD"]}))
    >>> other_quantities(table, "Unit", "", "").tolist(), other_quantities(table, "Unit", "", "usd").tolist()
    (['', 'a value in money beside weights'], ['a weight beside values, which are asked for', ''])
    """
    unit_kind, measure = (
        table.coded(name).astype(str).map(kind_of_quantity).astype(object) for name in (unit, indicator)
    )
    kind = unit_kind.where((unit_kind == "money") | (measure == ""), measure)
    reasons = _of_other_currency(table, (unit, indicator), asked)
    wanted, other = ("money", WEIGHT_BESIDE) if asked and unit_of(asked).money else ("weight", MONEY_BESIDE)
    if not (kind == wanted).any():
        return reasons
    reasons = reasons.where((kind == wanted) | (kind == ""), other)
    if not indicator:
        return reasons
    inward = table.coded(indicator).astype(str).map(lambda text: "import" in folded(text).partition(" ")[0])
    reasons = reasons.mask((kind == "") & (reasons == ""), ANOTHER_MEASURE)
    return reasons.mask(inward & (reasons == ""), "imports, not exports")


def _of_other_currency(table: Table, names: Iterable[str], asked: str) -> pd.Series:
    """Why rows are in another currency than the one that is asked for; empty for the others."""
    reasons = pd.Series("", index=table.cells.index, dtype=object)
    money = unit_of(asked).money if asked else ""
    for name in (*names, table.heading(*CURRENCY_HEADINGS) or "") if money else ():
        other = of_each(table.coded(name), lambda text: other_currency(money, text))
        reasons = reasons.mask((other != "") & (reasons == ""), "a value in " + other.astype(str) + f", not in {money}")
    return reasons


def check_currency(file: str, asked: str, heading: str, lines: Iterable[str]) -> None:
    """Check that values are in the currency that the caller names, by their heading, else by the lines above the table.

    Raises
    ------
    TableError
        Where another one is named, or a weight and no money.
    """
    weights = [heading] if unit_in(heading) else [line for line in lines if unit_in_title(line)]
    if weights and not any(map(is_money, (heading, *lines))):
        raise TableError(f"{file}: {shown(weights[0])!r} is a weight, and --unit says {asked}. Leave --unit out, or "
                         f"name the values: --column volume=NAME --unit {asked}.")  # fmt: skip
    money = unit_of(asked).money
    titles = [(line, part) for line in lines for part in parts_of_title(line) if is_money(part)]
    other = other_currency(money, heading, " ".join(part for _, part in titles))
    if other:
        said = next((text for text, part in ((heading, heading), *titles) if other_currency(money, part)), heading)
        raise TableError(f"{file}: {shown(said)!r} names {other}, and --unit says {asked}. Say --unit {other.lower()} "
                         "where the file is right, or convert its figures first.")  # fmt: skip


def units_of_measures(table: Table, unit: str, indicator: str, stated: str = "") -> pd.Series:
    """The unit of each row by the column of units, else by what its measure says, such as ``Quantity (kg)``.

    A measure that stands in the header comes before the column of units, which may be of another measure. ``stated`` is
    the unit where neither says one.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Measure": ["Quantity (kg)", "Value (USD)", "Volume"]}))
    >>> units_of_measures(table, "", "Measure").tolist()
    ['kg', 'USD', '']
    """
    beside, measure = table.coded(unit).astype(str), Texts.of(table.coded(indicator))
    named = pd.Series(labels(measure.codes, [_unit_of(str(text)) for text in measure.different])).astype(str)
    named = named.set_axis(beside.index)
    first, second = (named, beside) if indicator == MEASURE else (beside, named)
    found = first.where(first != "", second)
    return found.where(found != "", stated).astype("category")


def units_of_money(table: Table, unit: str, indicator: str, heading: str, asked: str) -> pd.Series:
    """The unit of each row where values in ``asked`` are taken: with the scale that its cells, else ``heading``, state.

    ``unit`` and ``indicator`` are the headings of the columns that may say it; a title counts where none of them names
    a currency. A scale that the caller names (``thousand usd``) holds for all.

    Raises
    ------
    TableError
        Where a scale can be a thousand or a million, or a title has one and the heading has a currency without; and
        where another currency is named.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Unit": ["thousand USD", "kg"]}))
    >>> units_of_money(table, "Unit", "", "Value (million USD)", "usd").tolist()
    ['1000 usd', '1000000 usd']
    """
    check_currency(table.file, asked, heading, table.above)
    if not is_currency(asked):
        return pd.Series(labels(np.zeros(len(table.cells), dtype=np.int8), [asked]), index=table.cells.index)
    headed = with_scale(asked, heading) if not unit_in(heading) else asked
    titled = {with_scale(asked, part) for line in table.above for part in parts_of_title(line) if _is_scaled(part)}
    if headed == asked and titled - {asked}:
        headed = "" if len(titled) > 1 or amount_in(heading).currency else titled.pop()
    if not headed:
        raise TableError(_of_which_scale(table, asked))
    found = pd.Series(headed, index=table.cells.index, dtype=object)
    for name in (indicator, unit):
        said = table.coded(name).astype(str).map(lambda text: with_scale(asked, text) if _is_scaled(text) else "")
        found = found.where((said == "") | (said == asked), said)
    for word in found.unique():
        if unit_of(word).refusal:
            raise TableError(f"{table.file}: figures are in {unit_of(word).refusal}.")
    return found.astype("category")


def _is_scaled(text: str) -> bool:
    """Whether a text names money with a scale, or a scale alone."""
    return amount_in(text).scale != 1 and (is_money(text) or scale_alone(text)) and not unit_in(text)


def _of_which_scale(table: Table, asked: str) -> str:
    line = next(line for line in table.above if any(_is_scaled(part) for part in parts_of_title(line)))
    return (
        f"{table.file}: the line {shown(line)!r} has a scale, and the figures are called {asked}. Say which holds: "
        f"forecast import FILE --unit '1000 {asked}' for thousands of it, --unit '1 {asked}' for single ones."
    )


def _unit_of(measure: str) -> str:
    """The unit in the name of a measure: that in brackets, or behind a comma; or a name that is a unit itself."""
    bracket = measure.partition("(")[2].partition(")")[0].strip() or measure.rpartition(",")[2].strip()
    stated = unit_in(measure)
    alone = measure if names_measure(measure) and not kind_of_quantity(measure) else ""
    return stated or (bracket if bracket != measure else alone)


# Columns that say by how much figures are to be multiplied ------------------------------------------------------------

_POWERS = ("unit mult", "unit multiplier", "powercode", "power code", "scalar id", "obs unit mult", "exponent")
"""Headings, folded, of columns of powers of ten, as SDMX and Statistics Canada write them."""

_ONE = {"", "unit", "units", "one", "ones", "none", "einheit", "einheiten", "unites", "unidades", "unidade"}
_TENS = {"ten": 10.0, "tens": 10.0}


def scale_of(cell: str, heading: str) -> float:
    """By how much figures are multiplied where a column of scales has ``cell``; NaN where that is not known.

    Examples
    --------
    >>> scale_of("thousands", "SCALAR_FACTOR"), scale_of("6", "UNIT_MULT"), scale_of("1000", "Multiplier")
    (1000.0, 1000000.0, 1000.0)
    """
    words = [word for word in folded(cell).split() if word not in ("of", "x")]
    numbers = [word for word in words if word.isdecimal()]
    named = [word for word in words if not word.isdecimal()]
    if named or not words:
        scale = 1.0
        for word in named:
            scale *= 1.0 if word in _ONE else _TENS.get(word, SCALE_OF.get(word, float("nan")))
        return scale
    number = int("".join(numbers))
    power = folded(heading).startswith(_POWERS) or number in (0, 3, 6, 9)
    if power:
        return 10.0**number if number < 13 else float("nan")
    return float(number) if set(str(number)) <= set("10") and str(number).count("1") == 1 else float("nan")


def scaled(units: pd.Series, table: Table, heading: str) -> tuple[pd.Series, list[str]]:
    """The units of rows with the scale that the column ``heading`` has beside them, and a sentence that says so."""
    if not heading:
        return units, []
    unit, scale = Texts.of(units), Texts.of(table.coded(heading))
    many = len(scale.different)
    pairs, different = pd.factorize(unit.codes.astype("int64") * many + scale.codes)
    factors = [scale_of(str(word), heading) for word in scale.different]
    words = [_times(str(unit.different[pair // many]), factors[pair % many]) for pair in different]
    if all(factor == 1 for factor in factors):
        return units, []
    said = ", ".join(shown(str(word)) or "(empty)" for word in scale.different[:3])
    return pd.Series(labels(pairs, words), index=units.index), [f"Figures are multiplied as {heading} says ({said})."]


def _times(unit: str, factor: float) -> str:
    if factor == 1:
        return unit
    return f"{'million' if factor == 1e6 else f'{factor:.0f}'} {unit}" if factor == factor else f"unknown {unit}"


def against_unit(asked: str, heading: str, words: Iterable[str]) -> list[str]:
    """A sentence on a heading, or else words in a column of units, that state another weight than the caller.

    Examples
    --------
    >>> against_unit("t", "Net weight (kg)", []), against_unit("t", "Quantity", ["t"])
    (["Figures are read in t, as --unit says, though 'Net weight (kg)' says kg."], [])
    """
    stated = {unit: heading} if (unit := unit_in(heading)) else {str(word): str(word) for word in words}
    odd = [unit for unit in stated if unit_of(unit).factor > 0 and unit_of(unit).factor != unit_of(asked).factor]
    return [
        f"Figures are read in {asked}, as --unit says, though {shown(stated[one])!r} says {one}." for one in odd[:1]
    ]


def check_stated(file: str, stated: str, lines: Iterable[str]) -> None:
    """Check that a unit is a weight of one meaning, and that no line beside the table has another scale.

    Raises
    ------
    TableError
        Where it could be of thousands or of millions, or a line says thousands and the unit does not.
    """
    unit: Unit = unit_of(stated)
    if unit.refusal:
        raise TableError(f"{file}: figures are in {unit.refusal}.")
    above = list(lines)
    said = {line: unit_in_title(line) for line in above}
    known = {line: word for line, word in said.items() if unit_of(word).factor > 0 and not unit_of(word).money}
    if known and all(not math.isclose(unit_of(word).factor, unit.factor) for word in known.values()):
        line, word = next(iter(known.items()))
        raise TableError(
            f"{file}: the line {shown(line)!r} says {word}, and the figures are called {stated}. Say which holds: "
            f"forecast import FILE --unit {_quoted(word)}, or --unit {_quoted(stated)}."
        )
    scales = [line for line in above if scale_alone(line)]
    if scales and unit_of(stated).factor in (1e-3, 1.0):
        thousand, plain = ("t", "kg") if unit.factor < 1 else ("kt", "t")
        raise TableError(
            f"{file}: the line {shown(scales[0])!r} has a scale, and the figures are called {stated}. Say which holds: "
            f"forecast import FILE --unit {thousand} for thousands of {plain}, --unit {plain} for single ones."
        )


def _quoted(unit: str) -> str:
    return f"'{unit}'" if " " in unit else unit
