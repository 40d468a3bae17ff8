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


def change(fraction: float) -> str:
    """A change as a signed whole percentage, or a dash where it is not known.

    Examples
    --------
    >>> change(0.123), change(-0.2), change(-0.001), change(float("nan"))
    ('+12 %', '-20 %', '0 %', '-')
    """
    if math.isnan(fraction):
        return UNKNOWN
    whole = round(100 * fraction)
    return f"{whole:+,} %" if whole else "0 %"


def spoken(slug: str) -> str:
    """A slug as words.

    Examples
    --------
    >>> spoken("general_licence")
    'general licence'
    """
    return slug.replace("_", " ")
