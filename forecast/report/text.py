"""The wording of numbers and codes: one rounding of tonnes, percentages and factors for the screen and the pages."""

from __future__ import annotations

import math

UNKNOWN = "-"
"""A cell of which nothing is known."""


def digits(volume: float) -> str:
    """Tonnes to read, without the unit: whole from ten up, two digits below; a dash where unknown.

    Examples
    --------
    >>> digits(5970.4), digits(4.26), digits(0.034), digits(0.0), digits(float("nan"))
    ('5,970', '4.3', '0.034', '0', '-')
    """
    if math.isnan(volume):
        return UNKNOWN
    return f"{volume:,.0f}" if abs(volume) >= 10 or volume == 0 else f"{volume:.2g}"


NEXT_TO_NOTHING = 5e-4
"""Share of a volume below which what moved it is shown as none: it rounds to 0.0 percent."""


def moved_by(tonnes: float, volume: float) -> str:
    """Tonnes that moved a volume, with their sign; 0 where they are less than `NEXT_TO_NOTHING` of it.

    Examples
    --------
    >>> moved_by(-4.4e-05, 150.0), moved_by(4.2e-08, 0.5), moved_by(-0.2, 150.0), moved_by(0.034, 0.0)
    ('0', '0', '-0.2', '+0.034')
    """
    return "0" if abs(tonnes) < NEXT_TO_NOTHING * abs(volume) else signed(tonnes)


def signed(tonnes: float) -> str:
    """Tonnes with their sign; less than a milligram, which only rounding leaves, is none.

    Examples
    --------
    >>> signed(12.3), signed(-4.0), signed(0.0), signed(5.3e-13)
    ('+12', '-4', '0', '0')
    """
    return "0" if abs(tonnes) < 1e-9 else f"{'+' if tonnes > 0 else ''}{digits(tonnes)}"


MOST_SHOWN = 9.99
"""The largest change that is shown as a number."""


def change(fraction: float) -> str:
    """A change as a signed whole percentage, a dash where it is not known; after next to nothing only that it is much.

    Examples
    --------
    >>> change(0.123), change(-0.2), change(-0.001), change(float("nan")), change(2e4)
    ('+12 %', '-20 %', '0 %', '-', '> +999 %')
    """
    if math.isnan(fraction):
        return UNKNOWN
    if fraction > MOST_SHOWN:
        return f"> {MOST_SHOWN:+.0%}".replace("%", " %")
    whole = round(100 * fraction)
    return f"{whole:+,} %" if whole else "0 %"


def tonnes(volume: float) -> str:
    """Tonnes with their unit, or a dash where unknown.

    Examples
    --------
    >>> tonnes(5821.4), tonnes(0.306), tonnes(float("nan"))
    ('5,821 t', '0.31 t', '-')
    """
    return UNKNOWN if math.isnan(volume) else f"{digits(volume)} t"


def percent(fraction: float) -> str:
    """A fraction in whole percent, or a dash where unknown.

    Examples
    --------
    >>> percent(0.184), percent(float("nan"))
    ('18 %', '-')
    """
    return UNKNOWN if math.isnan(fraction) else f"{100 * fraction:.0f} %"


def ratio(value: float) -> str:
    """A measure without a unit, to two decimals, or a dash where unknown.

    Examples
    --------
    >>> ratio(1.3763), ratio(float("nan"))
    ('1.38', '-')
    """
    return UNKNOWN if math.isnan(value) else f"{value:,.2f}"


def times(factor: float) -> str:
    """How many times too much or too little, or a dash where unknown.

    Examples
    --------
    >>> times(1.94), times(0.183), times(12.7), times(float("inf"))
    ('×1.9', '×0.18', '×13', '×∞')
    >>> times(0.996), times(9.97), times(0.001)
    ('×1.0', '×10', '×<0.01')
    """
    if math.isinf(factor):
        return "×∞"
    if math.isnan(factor):
        return UNKNOWN
    if factor < 0.005:
        return "×<0.01"
    return f"×{factor:.2f}" if factor < 0.995 else f"×{factor:.1f}" if factor < 9.95 else f"×{factor:.0f}"


def logs(difference: float) -> str:
    """A small difference of logs with its sign, or a dash where unknown.

    Examples
    --------
    >>> logs(-0.03216), logs(0.0000174), logs(0.0), logs(float("nan"))
    ('-0.032', '+1.7e-05', '+0', '-')
    """
    return UNKNOWN if math.isnan(difference) else f"{difference:+.2g}"


def spoken(slug: str) -> str:
    """A slug as words.

    Examples
    --------
    >>> spoken("general_licence")
    'general licence'
    """
    return slug.replace("_", " ")


def sentence(text: str) -> str:
    """A text of others with the mark that ends a sentence, where it has none.

    Examples
    --------
    >>> sentence("No more urea "), sentence("Why?"), sentence("")
    ('No more urea.', 'Why?', '')
    """
    bare = text.strip()
    return f"{bare}." if bare and bare[-1] not in ".!?…" else bare
