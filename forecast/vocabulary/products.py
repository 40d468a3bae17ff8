"""Products by slug and by HS code, one thing under either name for calendar and experience; and their headlines.

Codes stand in ``data/hs_codes.csv``: ``exact`` is the product, ``wider`` holds more than it, a ``part`` less.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from functools import cache

import pandas as pd

from forecast.vocabulary.countries import listed
from forecast.vocabulary.shipped import shipped_rows
from forecast.vocabulary.text import folded

ALIKE = 0.8
"""How much of a product's name is in that of another one that may have been meant (`difflib`)."""


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


def misspelt(events: pd.DataFrame, products: Collection[str]) -> list[str]:
    """A sentence for each product of a calendar that is none of ``products`` and is spelt nearly as one: a slip, maybe.

    A calendar may have products of which there are no exports, so of any other nothing is said. None is asked about
    that the shipped tables know, that stands beside the other in one event, or that differs by a digit.

    Examples
    --------
    >>> calendar = pd.DataFrame({"event": ["halt", "ban"], "products": [("wheat",), ("grains", "urea")]})
    >>> misspelt(calendar, ["grain"])
    ["Event ban names the product 'grains', of which there are no exports, so it acts on none. Did you mean grain?"]
    """
    sought = {folded(product): product for product in products}
    known = {*products, "ALL", *_shipped_products()}
    found = []
    for event, named in zip(events["event"], events["products"], strict=True):
        for name in (one for one in named if one not in known):
            near = get_close_matches(
                folded(name), [word for word in sought if _digits(word) == _digits(name)], 1, ALIKE
            )
            if near and sought[near[0]] not in named:
                said = f"Event {event} names the product {name!r}, of which there are no exports, so it acts on none."
                found.append(f"{said} Did you mean {sought[near[0]]}?")
    return found


def respelt(products: Collection[str], known: Collection[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Which of ``products`` are one of ``known`` in another spelling, and which may be one.

    The first differ in capitals, blanks or marks alone; the others are spelt nearly as one of ``known`` that does not
    stand beside them, have its digits, and are no product of the shipped tables.

    Examples
    --------
    >>> respelt(["Rare-Earth Magnets", "galium", "zinc"], ["rare_earth_magnets", "gallium"])
    ({'Rare-Earth Magnets': 'rare_earth_magnets'}, {'galium': 'gallium'})
    """
    sought = {folded(product): product for product in known}
    same, near = {}, {}
    for name in (one for one in products if one not in known):
        if folded(name) in sought:
            same[name] = sought[folded(name)]
            continue
        open_to = [word for word, one in sought.items() if _digits(word) == _digits(name) and one not in products]
        found = get_close_matches(folded(name), open_to, 1, ALIKE) if name not in _shipped_products() else []
        if found:
            near[name] = sought[found[0]]
    return same, near


def _digits(name: str) -> list[str]:
    return re.findall(r"\d", name)


@cache
def _shipped_products() -> frozenset[str]:
    """Products of the shipped codes and of the shipped calendar."""
    named = (name for row in shipped_rows("events.csv") for name in row["products"].split(";"))
    return frozenset((*named, *(slug for slug, *_ in _codes().values())))


@dataclass(frozen=True)
class Headline:
    """A product whose total contains that of ``product``, out earlier.

    ``share`` is the part of the headline that the product is, as stated by somebody from the day ``known`` on; None
    where nobody said so.
    """

    product: str
    headline: str
    share: float | None = None
    known: date | None = None

    def share_on(self, issued: date) -> float | None:
        """The stated share as known on a day.

        Examples
        --------
        >>> Headline("magnets", "rare earths", 0.9, date(2025, 6, 18)).share_on(date(2025, 6, 17)) is None
        True
        """
        return self.share if self.known is None or self.known <= issued else None


@cache
def shipped_headlines() -> tuple[Headline, ...]:
    """The headlines of ``data/headlines.csv``.

    Examples
    --------
    >>> [(one.product, one.headline) for one in shipped_headlines()]
    [('rare_earth_magnets', 'rare_earth_products')]
    """
    rows = shipped_rows("headlines.csv")
    return tuple(
        Headline(row["product"], row["headline"], float(row["share"]), date.fromisoformat(row["known"])) for row in rows
    )


def headlines_with(named: Mapping[str, str]) -> tuple[Headline, ...]:
    """The shipped headlines, and ``named``, the headline by product, in their place where both know the product.

    Examples
    --------
    >>> [(one.product, one.headline) for one in headlines_with({"chips": "electronics"})]
    [('rare_earth_magnets', 'rare_earth_products'), ('chips', 'electronics')]
    """
    found = {one.product: one for one in shipped_headlines()}
    for product, headline in named.items():
        if product not in found or found[product].headline != headline:
            found[product] = Headline(product, headline)
    return tuple(found.values())
