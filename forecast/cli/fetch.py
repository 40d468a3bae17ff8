"""``forecast fetch``: figures of a live service as one file of exports, read as downloaded files are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.console import plain_refusals, progress_bar, say
from forecast.cli.imports import ExportsFile, ProductName, print_imported, write_imported
from forecast.cli.inputs import today
from forecast.cli.options import Quiet

if TYPE_CHECKING:
    import pandas as pd

    from forecast.sources.services.service import Query

ServiceName = Annotated[
    str,
    typer.Argument(metavar="SERVICE", help="comtrade (UN Comtrade; a key in COMTRADE_API_KEY gives whole years at "
                   "once), census (US Census; the key in CENSUS_API_KEY is needed) or eurostat (no key)."),
]  # fmt: skip
Reporters = Annotated[
    list[str],
    typer.Option("--reporter", metavar="CODE", help="Who declares the figures, such as CHN or Germany. May be "
                 "repeated."),
]  # fmt: skip
Codes = Annotated[
    list[str],
    typer.Option("--code", metavar="HS", help="Code of the goods: up to six digits for comtrade, eight for eurostat, "
                 "ten for census. May be repeated."),
]  # fmt: skip
FirstMonth = Annotated[str, typer.Option("--from", metavar="YYYY-MM", help="The first month.")]
LastMonth = Annotated[
    str | None, typer.Option("--to", metavar="YYYY-MM", help="The last month. Default: the month before this one.")
]
Imports = Annotated[
    bool,
    typer.Option("--imports", help="Take the imports of the reporters from one --partner, as exports of that partner "
                 "to them."),
]  # fmt: skip
Partners = Annotated[
    list[str] | None,
    typer.Option("--partner", metavar="CODE", help="Only trade with these partners. May be repeated."),
]
Refresh = Annotated[
    bool,
    typer.Option("--refresh", help="Ask again. Otherwise answers of the last 24 hours are taken from the cache folder "
                 "of the user."),
]  # fmt: skip


def fetch_figures(
    service: ServiceName,
    reporter: Reporters,
    code: Codes,
    first: FirstMonth,
    last: LastMonth = None,
    imports: Imports = False,
    partner: Partners = None,
    product: ProductName = None,
    refresh: Refresh = False,
    output: ExportsFile = Path("exports.csv"),
    quiet: Quiet = False,
) -> None:
    """Ask a live service for figures and write them as one file of exports, as import does with a download."""
    with plain_refusals():
        from forecast.sources.services.client import Client
        from forecast.sources.services.fetch import SERVICES, fetch_exports

        if service not in SERVICES:
            raise typer.BadParameter(f"expected {', '.join(SERVICES)}, found {service!r}.", param_hint="SERVICE")
        if imports and len(_words(partner)) != 1:
            raise typer.BadParameter("expected one --partner, whose exports they are.", param_hint="--imports")
        query = _query(reporter, code, (first, last), imports, partner)
        with progress_bar("Asking", quiet) as progress:
            fetched = fetch_exports(
                Client(SERVICES[service]), query, product, refresh, today=today(), progress=progress
            )  # fmt: skip
            beside = write_imported(fetched.imported, output, progress)
        if not quiet:
            print_imported(fetched.imported, output, beside)
            count, asked = len(fetched.files), fetched.asked
            say(f"Answers: {count:,} in {fetched.files[0].parent}, {asked:,} asked for now.")


def _query(
    reporters: list[str], codes: list[str], months: tuple[str, str | None], imports: bool, partners: list[str] | None
) -> Query:
    from forecast.sources.services.service import Query

    first = _month(months[0], "--from")
    last = _month(months[1], "--to") if months[1] else _month(str(today())[:7], "--to") - 1
    if first > last:
        raise typer.BadParameter(f"expected a month up to {last}, found {first}.", param_hint="--from")
    places = _destinations(reporters, "--reporter"), _destinations(partners, "--partner")
    return Query(places[0], tuple(_words(codes)), first, last, imports, places[1])


def _month(text: str, option: str) -> pd.Period:
    import pandas as pd

    from forecast.safety.limits import is_covered_month

    if not is_covered_month(text):
        raise typer.BadParameter(f"expected a month as YYYY-MM, found {text!r}.", param_hint=option)
    return pd.Period(text, freq="M")


def _words(values: list[str] | None) -> list[str]:
    """Words given by comma or repetition, each once."""
    split = [word.strip() for value in values or () for word in value.split(",")]
    return list(dict.fromkeys(word for word in split if word))


def _destinations(values: list[str] | None, option: str) -> tuple[str, ...]:
    from forecast.vocabulary.countries import places

    found = {word: places().find(word)[0] for word in _words(values)}
    unknown = [word for word, code in found.items() if not code]
    if unknown:
        raise typer.BadParameter(f"expected a country such as CHN, found {unknown[0]!r}.", param_hint=option)
    return tuple(dict.fromkeys(found.values()))
