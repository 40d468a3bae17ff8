"""Rows of several quantities in one column of figures: weights are read, or money where that is asked for."""

from __future__ import annotations

import pandas as pd

from forecast.sources.files.sheet import Table
from forecast.tables.cells import Texts, labels
from forecast.tables.read import TableError
from forecast.vocabulary.text import folded, of_each, shown
from forecast.vocabulary.units import kind_of_quantity, unit_in, unit_of

MONEY_BESIDE = "a value in money beside weights"
"""Why a row of money is not used where others are of weight."""

WEIGHT_BESIDE = "a weight beside values, which are asked for"
ANOTHER_MEASURE = "another measure than the weight"

_POWERS = {"": 0, "unit": 0, "one": 0, "ten": 1, "hundred": 2, "thousand": 3, "million": 6, "billion": 9}
_NAMED = ("t", "kt", "mmt", "100 kg", "万吨", "g", "kg")
"""Units that so many of another one can be."""


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
    reasons = pd.Series("", index=kind.index, dtype=object)
    wanted, other = ("money", WEIGHT_BESIDE) if asked and unit_of(asked).money else ("weight", MONEY_BESIDE)
    if not (kind == wanted).any():
        return reasons
    reasons = reasons.mask((kind != wanted) & (kind != ""), other)
    if not indicator:
        return reasons
    inward = table.coded(indicator).astype(str).map(lambda text: "import" in folded(text).partition(" ")[0])
    reasons = reasons.mask((kind == "") & (reasons == ""), ANOTHER_MEASURE)
    return reasons.mask(inward & (reasons == ""), "imports, not exports")


def units_of_measures(table: Table, unit: str, indicator: str, stated: str = "") -> pd.Series:
    """The unit of each row by the column of units, else by what its measure says, such as ``Quantity (kg)``.

    ``stated`` is the unit where neither says one.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Measure": ["Quantity (kg)", "Value (USD)", "Volume"]}))
    >>> units_of_measures(table, "", "Measure").tolist()
    ['kg', 'USD', '']
    """
    beside, measure = table.coded(unit).astype(str), Texts.of(table.coded(indicator))
    named = pd.Series(labels(measure.codes, [_unit_of(str(text)) for text in measure.different])).astype(str)
    found = beside.where(beside != "", named.set_axis(beside.index))
    return found.where(found != "", stated).astype("category")


def scaled(table: Table, units: pd.Series, scale: str) -> pd.Series:
    """``units`` with the column of scales, such as thousands or 3 for a power of ten, applied.

    Raises
    ------
    TableError
        Where a scale is not known, or so many of a unit are none that has a name.

    Examples
    --------
    >>> table = Table("f.csv", pd.DataFrame({"Scale": ["thousands", "units", "6"]}))
    >>> scaled(table, pd.Series(["t", "t", "kg"]), "Scale").tolist()
    ['kt', 't', 'kt']
    """
    pairs = units.astype(str) + "|" + table.coded(scale).astype(str).set_axis(units.index)
    return of_each(pairs, lambda pair: _scaled(table.file, *pair.rpartition("|")[::2])).astype("category")


def _scaled(file: str, unit: str, word: str) -> str:
    text = folded(word).removesuffix("s")
    power = _POWERS.get(text, int(text) if text.isdigit() and int(text) <= 9 else -1)
    of_one = unit_of(unit)
    if power == 0 or of_one.money or of_one.refusal:
        return unit
    name = next((name for name in _NAMED if abs(unit_of(name).factor / (of_one.factor * 10**power) - 1) < 1e-9), "")
    if power < 0 or not name:
        raise TableError(f"{file}: expected a scale such as thousands or 3, found {shown(word)!r} of {shown(unit)!r}.")
    return name


def _unit_of(measure: str) -> str:
    """The unit in the name of a measure: that in brackets, or behind a comma."""
    bracket = measure.partition("(")[2].partition(")")[0].strip() or measure.rpartition(",")[2].strip()
    stated = unit_in(measure)
    return stated or (bracket if bracket != measure else "")
