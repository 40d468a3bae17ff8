"""Where the packaged data lie."""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path

SHIPPED = "shipped"
"""The word that names the packaged file where a path is expected."""


def shipped(name: str) -> Path:
    """The packaged data file ``name``: inside an installed package, or in the ``data/`` folder of a checkout.

    Examples
    --------
    >>> shipped("exports.csv").name
    'exports.csv'
    """
    package = Path(__file__).resolve().parents[1]
    installed = package / "data" / name
    return installed if installed.exists() else package.parent / "data" / name


@cache
def shipped_rows(name: str) -> tuple[dict[str, str], ...]:
    """The rows of the packaged CSV file ``name``, by column, as text.

    Examples
    --------
    >>> "rare_earth_magnets" in {row["product"] for row in shipped_rows("products.csv")}
    True
    """
    with shipped(name).open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))
