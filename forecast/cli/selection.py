"""What of the tables was asked for: every name checked, and the nearest one named where it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import typer

from forecast.cli.inputs import Given, Tables, read
from forecast.cli.options import SHIPPED_PRODUCT, words
from forecast.registry import DEFAULT_ENGINE

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 20
"""Codes that an error lists at most."""


@dataclass(frozen=True)
class Choice:
    """What is forecast, by which models and which engine, on which day."""

    products: list[str]
    destinations: list[str] | None
    models: list[str]
    issued: date
    engine: str = DEFAULT_ENGINE
    calibrate: bool = True
    experience: str = "shipped"
    """Which priors of events the library uses."""

    @property
    def shown(self) -> str:
        """The model of the table."""
        from forecast.report.outlook import COMBINED

        return COMBINED if COMBINED in self.models else self.models[0]

    @property
    def keywords(self) -> dict[str, Any]:
        """What was chosen as arguments of the library, by name."""
        names = ("issued", "products", "destinations", "models", "engine", "calibrate", "experience")
        return {name: getattr(self, name) for name in names}

    def arguments(self, given: Given) -> dict[str, Any]:
        """What ``run.json`` says of the files and of what was taken from them."""
        return {
            "exports": given.exports,
            "events": given.events,
            "product": self.products,
            "destination": self.destinations,
            "models": self.models,
            "engine": self.engine,
            "calibrate": self.calibrate,
            "experience": given.experience,
            **({"store": str(given.store)} if given.store else {}),
        }


def asked(
    given: Given,
    product: Sequence[str] | None,
    destination: Sequence[str] | None,
    models: Sequence[str] | None,
    engine: str,
    issued: date | None = None,
    calibrate: bool = True,
) -> tuple[Tables, Choice]:
    """The options that most commands begin with: what was read from the files given, and what of it is forecast."""
    tables = read(given)
    products = words(product) or [*tables.products] or ([] if given.every_product else [SHIPPED_PRODUCT])
    choice = chosen(tables, products, words(destination), words(models), issued)
    return tables, replace(choice, engine=engine, calibrate=calibrate, experience=given.priors)


def chosen(tables: Tables, products: list[str], codes: list[str], models: list[str], issued: date | None) -> Choice:
    """What was asked for, checked against the tables; no products mean every one on file."""
    from forecast.registry import MODELS
    from forecast.tables.read import TableError
    from forecast.vocabulary.products import product_of

    on_file = sorted(tables.own["product"].unique())
    slugs = [name if name in on_file else product_of(name) for name in products]
    products = known_words(slugs, on_file, "product") or on_file
    rows = tables.exports[tables.exports["product"].isin(products)]
    if rows["volume_t"].isna().all():
        raise TableError(f"{', '.join(products)}: expected figures, found none but withdrawn ones.")
    places = tables.places[tables.places["code"].isin(rows["destination"])]
    destinations = known_codes(codes, places)
    names = known_words(models, list(MODELS), "models")
    day = _issue_day(rows, destinations, issued or tables.issued)
    return Choice(products, destinations or None, names or list(MODELS), day)


def known_words(asked: list[str], known: list[str], option: str) -> list[str]:
    """What was asked for where all of it is known; else a usage error that names the nearest."""
    for word in asked:
        if word not in known:
            near = get_close_matches(word.lower(), known, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(known)}."
            raise typer.BadParameter(f"{word!r} is not known: {hint}", param_hint=f"--{option}")
    return asked


def named_codes(given: Sequence[str]) -> list[str]:
    """Codes of destinations given by code or by name, each once; what names none stays, for whoever knows to refuse."""
    from forecast.tables.cells import code_named

    return list(dict.fromkeys(map(code_named, given)))


def known_codes(given: Sequence[str], places: pd.DataFrame) -> list[str]:
    """Codes of the destinations given where all are among ``places``; else a usage error that names the nearest."""
    from forecast.tables.cells import nearest_destinations

    known, codes = sorted(places["code"]), []
    for word in given:
        (code,) = named_codes([word])
        codes.append(code)
        if code not in known:
            near = nearest_destinations(word, places)
            some = f"{', '.join(known[:_NAMED])}{', ...' if len(known) > _NAMED else ''}"
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {some}."
            raise typer.BadParameter(f"{word!r} is not in the data: {hint}", param_hint="destination")
    return list(dict.fromkeys(codes))


def _issue_day(rows: pd.DataFrame, codes: list[str], issued: date | None) -> date:
    """The day asked for, by which something of each of ``codes`` is out, or that of the latest release in ``rows``."""
    first, last = rows.loc[rows["volume_t"].notna(), "released"].min(), rows["released"].max()
    if issued is not None and issued < first:
        raise typer.BadParameter(f"nothing was released by {issued}; the first figures came out on {first}.",
                                 param_hint="--issued")  # fmt: skip
    day: date = issued or last
    for code in codes:
        first = rows.loc[rows["destination"] == code, "released"].min()
        if first > day:
            raise typer.BadParameter(f"no figure of {code} was released by {day}; the first came out on {first}.",
                                     param_hint="--issued")  # fmt: skip
    return day
