"""Products by slug and by HS code: one thing under either name for calendar and experience.

Codes stand in ``data/hs_codes.csv``: ``exact`` is the product, ``wider`` holds more than it, a ``part`` less.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

import pandas as pd

from forecast.vocabulary.countries import listed
from forecast.vocabulary.shipped import shipped_rows


@cache
def _codes() -> dict[str, tuple[str, str, str]]:
    """(slug, extent, description) of each HS code on file."""
    rows = shipped_rows("hs_codes.csv")
    return {row["hs"]: (row["product"], row["extent"], row["description"]) for row in rows}


def product_of(word: str) -> str:
    """The slug of the product that ``word``, a slug or an HS code, is exactly; ``word`` where none is on file.

    Examples
    --------
    >>> product_of("85051110"), product_of("8505.11.10"), product_of("urea")
    ('rare_earth_magnets', 'rare_earth_magnets', 'urea')
    """
    slug, extent, _ = _codes().get(word.replace(".", ""), (word, "exact", ""))
    return slug if extent == "exact" else word


def renamed(words: Collection[str]) -> tuple[dict[str, str], list[str]]:
    """Slug of each of ``words``, and a sentence for each code that is wider or narrower than the product it belongs to.

    A wider code takes the slug only where the exact one is not among ``words``; a part keeps its code.

    Examples
    --------
    >>> renamed(["850511"])[0]
    {'850511': 'rare_earth_magnets'}
    """
    exact = {word: product_of(word) for word in words}
    taken = {slug for word, slug in exact.items() if slug != word} | {word for word in words if not word.isdigit()}
    names, said = dict(exact), []
    for word in words:
        slug, extent, description = _codes().get(word.replace(".", ""), ("", "", ""))
        if extent == "wider" and slug not in taken:
            names[word] = slug
            taken.add(slug)
            said.append(f"HS {word} is wider than {slug} ({description}): its volumes are taken for it.")
        elif extent == "wider":
            said.append(f"HS {word} is wider than {slug} ({description}), which is there too: it keeps its code.")
        elif extent == "part":
            said.append(f"HS {word} is a part of {slug} ({description}): it keeps its code.")
    return names, said


def without_events(products: Collection[str], events: pd.DataFrame) -> str:
    """A sentence on those of ``products`` that no event on file names, ``ALL`` apart; empty where there are none.

    Examples
    --------
    >>> without_events(["widget", "urea"], pd.DataFrame({"products": [("urea",)]}))
    'No event on file names widget: only events that name ALL products are known of it.'
    """
    named = {product for row in events["products"] for product in row}
    absent = [product for product in products if product not in named]
    if not absent:
        return ""
    them = "it" if len(absent) == 1 else "them"
    return f"No event on file names {listed(absent)}: only events that name ALL products are known of {them}."
