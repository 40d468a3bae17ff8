"""Names of products where nothing in a table says one: after the sheet, the caller or the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from forecast.sources.extract import Extract, ReadSettings
from forecast.sources.files.sheet import Sheet
from forecast.vocabulary.countries import places
from forecast.vocabulary.months import month_of
from forecast.vocabulary.text import folded, slug
from forecast.vocabulary.words.month_names import MONTH_NAMES

_YEAR = re.compile(r"(?<!\d)(?:fy )?(?:19|20)\d\d(?: \d\d)?(?!\d)")
_GIVEN = re.compile(r"(sheet|tabelle|blatt|feuil|hoja|planilha|plan|foglio|table|page|part|q|h) ?\d+")
"""Names of sheets, folded, that programs give, or that count parts of a table or a year."""


def named(found: Sequence[tuple[Sheet, Extract]], settings: ReadSettings) -> list[Extract]:
    """The extracts of a file, those in which nothing names the product called after the sheet, the caller or the file.

    Sheets of one layout are of a product each where their names differ by more than the date, and the caller names
    none or one of theirs.
    """
    own = [_product_of_sheet(sheet) if extract.unnamed else "" for sheet, extract in found]
    layouts = {name: {word for word, (_, one) in zip(own, found, strict=True) if word and one.unnamed == name}
               for name in {extract.unnamed for _, extract in found}}  # fmt: skip
    return [
        _named(extract, word if _are_products(layouts[extract.unnamed], settings) else "", settings)
        for word, (_, extract) in zip(own, found, strict=True)
    ]


def _product_of_sheet(sheet: Sheet) -> str:
    """The slug of a sheet's name without years; empty where it is a year, a month, or given by the program."""
    title = folded(sheet.title)
    words = title if title.startswith("hs") else _YEAR.sub(" ", title)
    dated = all(word in MONTH_NAMES for word in words.split()) or month_of(sheet.title) is not None
    return "" if dated or _GIVEN.fullmatch(title) else slug(sheet.title if words == title else words)


def _are_products(names: set[str], settings: ReadSettings) -> bool:
    """Whether names of sheets can be products: several that are not all destinations, the caller's among them."""
    known = places("", settings.names)
    mine = not settings.product or slug(settings.product) in names
    return len(names) > 1 and mine and not all(known.knows(name) for name in names)


def _named(extract: Extract, sheet: str, settings: ReadSettings) -> Extract:
    name = sheet or settings.product or extract.file_product
    if not (extract.unnamed and name):
        return extract
    said = f"No column names the product: it is called {name} after the {'sheet' if sheet else 'file'}"
    way_out = "" if sheet else " (--product NAME changes that)"
    notes = extract.notes if settings.product and not sheet else (*extract.notes, f"{said}{way_out}.")
    return replace(extract, cells=extract.cells.assign(product=name), notes=notes)
