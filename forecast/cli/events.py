"""``forecast events``: the calendar of policy events, or what such events did."""

from __future__ import annotations

from datetime import date

import typer

from forecast.cli.console import plain_refusals, progress_bar, screen, silent_libraries
from forecast.cli.inputs import Given, given_events, names, read, say_never_in_force, stored_calendar, today
from forecast.cli.options import (
    SHIPPED,
    SHIPPED_PRODUCT,
    AsKnown,
    Destinations,
    Effects,
    Events,
    FiguresOfEffects,
    ProductsOfEvents,
    ShowPython,
    StoreOfInputs,
    WholeCalendar,
    words,
)
from forecast.cli.script import Script
from forecast.cli.selection import chosen, known_codes, known_words


def calendar(
    events: Events = None,
    product: ProductsOfEvents = None,
    destination: Destinations = None,
    issued: AsKnown = None,
    effects: Effects = False,
    exports: FiguresOfEffects = None,
    whole: WholeCalendar = False,
    store: StoreOfInputs = None,
    show_python: ShowPython = False,
) -> None:
    """Show what is in force on a day, the whole calendar of policy events, or what such events do to volumes."""
    with plain_refusals(), silent_libraries():
        given, products, codes = Given.of(exports, events, store=store), words(product), words(destination)
        if effects:
            _print_effects(given, products, codes, issued, show_python)
        elif show_python:
            raise typer.BadParameter("expected --effects beside it.", param_hint="--show-python")
        else:
            _print_calendar(given, products, codes, issued, whole)


def _print_calendar(given: Given, products: list[str], codes: list[str], issued: date | None, whole: bool) -> None:
    """What is in force on the day, or all events known on it, of the products and destinations asked for."""
    import forecast as fc
    from forecast.report.agenda import agenda, print_agenda, print_in_force

    own = given.store is not None and not given.events
    table = stored_calendar(given.store) if own and given.store else given_events(given.events)
    places = fc.read_destinations()
    named = sorted({name for of_event in table["products"] for name in of_event})
    default = [SHIPPED_PRODUCT] if given.events == (SHIPPED,) and not whole else []
    products = known_words(products, named, "product") or default
    codes = known_codes(codes, places)
    shown = agenda(table, fc.read_groups(), issued=issued, products=products, destinations=codes)
    if whole:
        print_agenda(shown, names(places), screen(), issued or today())
    else:
        print_in_force(shown, names(places), screen(), issued or today(), products)
    say_never_in_force(given, shown)


def _print_effects(given: Given, products: list[str], codes: list[str], issued: date | None, show_python: bool) -> None:
    """What was learned of events; of the total of a product, if it has one, where no destination is asked for."""
    import forecast as fc
    from forecast.report.agenda import EventNames
    from forecast.report.effects import of_totals, print_effects

    tables = read(given)
    products = products or [*tables.products] or ([SHIPPED_PRODUCT] if given.exports == (SHIPPED,) else [])
    choice = chosen(tables, products, codes, [], issued)
    keywords = {name: choice.keywords[name] for name in ("issued", "products", "destinations")}
    if show_python:
        Script(given, "effects", "episode_effects", keywords, after=["print(effects)"]).show()
        return
    with progress_bar("Learning", quiet=False):
        found = fc.episode_effects(tables.exports, tables.events, tables.groups, totals=tables.totals, **keywords)
    spoken = names(tables.places)
    called = EventNames.of(tables.events, spoken)
    print_effects(found if codes else of_totals(found), choice.issued, spoken, screen(), called)
