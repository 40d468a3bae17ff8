"""The options of the commands, each with the help that a user reads."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from forecast.registry import MODELS
from forecast.safety.limits import FIRST_YEAR, LAST_YEAR, is_covered_month
from forecast.vocabulary.shipped import SHIPPED as SHIPPED

SHIPPED_PRODUCT = "rare_earth_magnets"
"""What is forecast where neither files nor products are given."""

NO_EVENTS = "none"
"""The word for an empty calendar."""

PRIORS, NO_EXPERIENCE = "priors", "none"
"""The words for what open panels taught alone, and for nothing but the files given, as experience."""


def words(values: Sequence[str] | None) -> list[str]:
    """Items given one by one or separated by commas, each once."""
    return list(dict.fromkeys(word.strip() for value in values or () for word in value.split(",") if word.strip()))


def _day(text: str) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, found {text!r}.") from error
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise typer.BadParameter(f"expected a day from {FIRST_YEAR} to {LAST_YEAR}, found {text!r}.")
    return found


def _engine(text: str) -> str:
    from forecast.registry import check_engine

    try:
        check_engine(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


def _month(text: str) -> str:
    try:
        date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise typer.BadParameter(f"expected a month as YYYY-MM, found {text!r}.") from error
    if not is_covered_month(text):
        raise typer.BadParameter(f"expected a month from {FIRST_YEAR}-01 to {LAST_YEAR}-12, found {text!r}.")
    return text


# What is read, and what of it ----------------------------------------------------------------------------------------

Exports = Annotated[
    list[str] | None,
    typer.Option("--exports", metavar="FILE", help="CSV file of export figures; may be repeated. 'shipped' names the "
                 "packaged one. Default: shipped."),
]  # fmt: skip
Events = Annotated[
    list[str] | None,
    typer.Option("--events", metavar="FILE", help="CSV file of policy events; may be repeated. 'shipped' names the "
                 "packaged calendar, 'none' means no events at all. Default: shipped."),
]  # fmt: skip
Products = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="NAME", help="Products to show, separated by commas or repeated. Default: "
                 f"{SHIPPED_PRODUCT}, or every product of the files given by --exports."),
]  # fmt: skip
Destinations = Annotated[
    list[str] | None,
    typer.Option("--destination", metavar="PLACE", help="Destinations to show by code or name, such as USA,Japan,WLD, "
                 "separated by commas or repeated. Default: all."),
]  # fmt: skip
Issued = Annotated[
    date | None,
    typer.Option("--issued", parser=_day, metavar="YYYY-MM-DD", help="The day on which the forecast is made: only what "
                 "was known then is used. Default: the day on which the latest figures were released."),
]  # fmt: skip

Experience = Annotated[
    str,
    typer.Option("--experience", metavar="WHAT", help="What is learned from beside the files given: 'priors', what "
                 "open panels of other goods say of each kind of event; 'shipped', these and the packaged series of "
                 "all products that your files do not have; a FILE of exports in their place; 'none', your files "
                 "alone."),
]  # fmt: skip

# How the forecast is made --------------------------------------------------------------------------------------------

Models = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="NAME", help="Models to fit, separated by commas or repeated: "
                 f"{', '.join(MODELS)}. The table shows the combination where it is among them, else the first. "
                 "Default: all."),
]  # fmt: skip
Horizon = Annotated[
    int, typer.Option("--horizon", min=1, max=60, metavar="MONTHS", help="Months to forecast after the last figures.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Seed of the models that draw random numbers.")]
Engine = Annotated[
    str,
    typer.Option("--engine", parser=_engine, metavar="NAME", help="What fits arima and prophet: compiled (what it "
                 "cannot fit is left to the reference) or reference (the same models by their libraries, slower)."),
]  # fmt: skip
Calibrate = Annotated[
    bool,
    typer.Option("--calibrate/--no-calibrate", help="Whether the combination learns weights, repeated errors and the "
                 "width of its intervals from the forecasts of the 24 origins before, which are made again for it."),
]  # fmt: skip
Cache = Annotated[
    bool,
    typer.Option("--cache/--no-cache", help="Whether the forecasts of earlier origins are kept in the user's cache "
                 "folder, for the next run on the same figures; the numbers are the same either way. "
                 "FORECAST_NO_CACHE=1 switches it off for good."),
]  # fmt: skip
Jobs = Annotated[
    int, typer.Option("--jobs", min=1, metavar="N", help="Processes to use; the numbers do not depend on it.")
]


class WorkBackend(StrEnum):
    """Where the work runs."""

    LOCAL = "local"
    DASK = "dask"
    RAY = "ray"


Backend = Annotated[
    WorkBackend,
    typer.Option("--backend", help="Where the work runs: on this machine alone, or on a Dask or Ray cluster (pip "
                 "install 'export-forecast[cluster]'); the numbers do not depend on it."),
]  # fmt: skip
Address = Annotated[
    str | None,
    typer.Option("--address", metavar="HOST:PORT", help="The scheduler of a Dask cluster or the head of a Ray cluster, "
                 "all of whose workers are used, whatever --jobs says. Default: a cluster of --jobs processes here."),
]  # fmt: skip
Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/next-<issued>."),
]  # fmt: skip
Plot = Annotated[
    bool, typer.Option("--plot", help="Also draw a picture of every series, into the folder plots/ of the run.")
]
ShowPython = Annotated[
    bool,
    typer.Option("--show-python", help="Print the Python lines that repeat the command with the functions of the "
                 "package, and forecast nothing."),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]

# the store -----------------------------------------------------------------------------------------------------------

StoreFile = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="The store: one file with every vintage and every issued forecast; "
                 "made where there is none. Default: in the user's data folder."),
]  # fmt: skip
StoreOfNext = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="Also keep the figures and this forecast in a store, made where there "
                 "is none; its figures and calendar are taken where --exports is not given. Without --store nothing "
                 "is kept; a store in the user's data folder gives the track record."),
]  # fmt: skip
StoreOfInputs = Annotated[
    Path | None,
    typer.Option("--store", metavar="FILE", help="Take the figures from this store where --exports is not given, and "
                 "the calendar and day of its last issue where --events and --issued are not; the shipped series of "
                 "other products are learned from, as in an update."),
]  # fmt: skip
Override = Annotated[
    list[str] | None,
    typer.Option("--override", metavar="RULE", help="Judgement beside the model, with its reason, in quotes: "
                 "\"USA=-20%: customs strike\" or \"Japan=300t: ...\"; PRODUCT/USA or USA@2026-09 narrows it. "
                 "May be repeated."),
]  # fmt: skip
FilesOfUpdate = Annotated[
    list[Path] | None,
    typer.Argument(metavar="FILE...", help="The files with new figures; those taken in before are passed over. None: "
                   "only the calendar may have changed."),
]  # fmt: skip
HorizonOfUpdate = Annotated[
    int, typer.Option("--horizon", min=1, max=60, metavar="MONTHS", help="Months to forecast after the last figures.")
]
OutputOfUpdate = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/update-<day>."),
]  # fmt: skip
OutputOfTrack = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for tables and hedgehog plots; an earlier run in it is "
                 "replaced. Default: output/track-<day>."),
]  # fmt: skip
ProductsOfStore = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="NAME", help="Products to show, separated by commas or repeated. Default: every "
                 "one in the store."),
]  # fmt: skip

# events --------------------------------------------------------------------------------------------------------------

ProductsOfEvents = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="NAME", help="Products to show, separated by commas or repeated. Default: "
                 f"{SHIPPED_PRODUCT}; every product with --all, of an events file of yours, and with --effects of the "
                 "files given by --exports."),
]  # fmt: skip
AsKnown = Annotated[
    date | None,
    typer.Option("--issued", parser=_day, metavar="YYYY-MM-DD", help="Show only what was known on this day. Default: "
                 "everything on file; with --effects the day on which the latest figures were released."),
]  # fmt: skip
WholeCalendar = Annotated[
    bool,
    typer.Option("--all", help="Show the whole calendar below: every event with its days, what it is, and its name for "
                 "other commands."),
]  # fmt: skip
Effects = Annotated[
    bool,
    typer.Option("--effects", help="Show instead what each kind of event does to volumes, as learned from all series. "
                 "Without --destination: on the total of a product, or on every destination where it has no total."),
]  # fmt: skip
FiguresOfEffects = Annotated[
    list[str] | None,
    typer.Option("--exports", metavar="FILE", help="CSV file of the export figures that --effects learns from; may be "
                 "repeated. 'shipped' names the packaged one. Default: shipped."),
]  # fmt: skip

# scenario ------------------------------------------------------------------------------------------------------------

Add = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="FIELD=VALUE,...", help="An event that may happen, in quotes, for instance "
                 "\"kind=licensing, destinations=USA;JPN, announced=2026-12-01, effective=2027-01-10, "
                 "probability=0.3\". Semicolons separate several products or destinations; without products it is "
                 "about those forecast. May be repeated."),
]  # fmt: skip
ScenarioFile = Annotated[
    list[str] | None,
    typer.Option("--scenario-file", metavar="FILE", help="CSV file of events that may happen: the columns of an events "
                 "file, and probability; kind lapse ends an event of the calendar on its scheduled day. The word "
                 "shipped names the packaged file. May be repeated."),
]  # fmt: skip
Lapse = Annotated[
    list[str] | None,
    typer.Option("--lapse", metavar="EVENT=PROBABILITY", help="How likely an event of the calendar with a scheduled "
                 "end lapses on that day; otherwise it goes on. May be repeated."),
]  # fmt: skip
ScenarioHorizon = Annotated[
    int | None,
    typer.Option("--horizon", min=1, max=60, metavar="MONTHS", help="Months to forecast after the last figures. "
                 "Default: up to the month after the last of the events that may happen, at most 12."),
]  # fmt: skip
ScenarioOutput = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/scenario-<issued>."),
]  # fmt: skip

# backtest ------------------------------------------------------------------------------------------------------------

Origins = Annotated[
    int | None,
    typer.Option("--origins", min=1, metavar="N", help="Forecast on the last N days on which new figures came out, of "
                 "those whose next month is known by now. Default: 24, or all between --from and --to."),
]  # fmt: skip
From = Annotated[
    str | None,
    typer.Option("--from", parser=_month, metavar="YYYY-MM", help="The first month to be forecast as the next one."),
]  # fmt: skip
To = Annotated[
    str | None,
    typer.Option("--to", parser=_month, metavar="YYYY-MM", help="The last month to be forecast as the next one."),
]  # fmt: skip
Window = Annotated[
    int | None,
    typer.Option("--window", min=1, metavar="MONTHS", help="Learn only from this many months before each day. Default: "
                 "all."),
]  # fmt: skip
Refit = Annotated[
    int,
    typer.Option("--refit", min=1, metavar="MONTHS", help="Estimate theta and arima anew only after this many months; "
                 "in between they just take in the new figures."),
]  # fmt: skip


class ActualVintage(StrEnum):
    """Which release of a month counts as the actual."""

    LATEST = "latest"
    FIRST = "first"


VintageOption = Annotated[
    ActualVintage,
    typer.Option("--vintage", help="Score against the latest release of each month, or the first."),
]
PastOutput = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/backtest-<last issue day>."),
]  # fmt: skip
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the same run where it was interrupted.")]
Audit = Annotated[
    bool,
    typer.Option("--audit", help="Afterwards change everything that came later than three of the days, forecast on "
                 "them again, and fail if a single number moves."),
]  # fmt: skip
Parity = Annotated[
    int,
    typer.Option("--parity", min=0, metavar="K", help="Afterwards redo so many random fits of arima and prophet by "
                 "statsmodels and Prophet, and say how far the compiled engine is from them; 0 for none."),
]  # fmt: skip

# report --------------------------------------------------------------------------------------------------------------

RunOfReport = Annotated[
    Path | None,
    typer.Option("--run", metavar="FOLDER", help="The folder of a backtest. Default: the newest in output/."),
]
Page = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="The page to write. Default: report.html in its folder.")
]
