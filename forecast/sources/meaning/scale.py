"""Columns beside that of units which say by how much figures are to be multiplied."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from forecast.sources.files.sheet import Table
from forecast.tables.cells import Texts, labels
from forecast.tables.read import TableError
from forecast.vocabulary.text import folded, shown
from forecast.vocabulary.units import SCALE_OF, Unit, scale_alone, unit_of

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
    scales = [line for line in lines if scale_alone(line)]
    if scales and unit_of(stated).factor in (1e-3, 1.0):
        thousand, plain = ("t", "kg") if unit.factor < 1 else ("kt", "t")
        raise TableError(
            f"{file}: the line {shown(scales[0])!r} has a scale, and the figures are called {stated}. Say which holds: "
            f"forecast import FILE --unit {thousand} for thousands of {plain}, --unit {plain} for single ones."
        )
