"""The commands: each reads tables, calls one function, writes a folder and prints.

Only what parses the command line is imported here; everything heavier is imported where a command needs it, so that
``forecast --help`` answers at once.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console

    from forecast.origin import Forecasts
    from forecast.report.outlook import Outlook
    from forecast.scenario import Scenario
    from forecast.sums import Sums

Progress = Callable[[int, int], None]
"""Told how much is done, of how much."""

SHIPPED = "shipped"
SHIPPED_PRODUCT = "rare_earth_magnets"
"""What is forecast where neither files nor products are given."""

NO_EVENTS = "none"
SHOWN_PROBLEMS = 20
BAR_AFTER_SECONDS = 2.0

app = typer.Typer(
    name="forecast",
    help="Next month's exports by destination, from published figures and the calendar of policy events.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def today() -> date:
    """The day of the call."""
    return date.today()


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, found {text!r}.") from error


def _month(text: str) -> str:
    try:
        date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise typer.BadParameter(f"expected a month as YYYY-MM, found {text!r}.") from error
    return text


def _words(values: Sequence[str] | None) -> list[str]:
    """Items given one by one or separated by commas, each once."""
    return list(dict.fromkeys(word.strip() for value in values or () for word in value.split(",") if word.strip()))


Exports = Annotated[
    list[str] | None,
    typer.Option("--exports", metavar="FILE", help="Export figures as CSV; may be repeated. 'shipped' is the packaged "
                 "file, which is also used when the option is left out."),
]  # fmt: skip
Events = Annotated[
    list[str] | None,
    typer.Option("--events", metavar="FILE", help="Policy events as CSV; may be repeated. 'shipped' is the packaged "
                 "calendar, which is also used when the option is left out; 'none' is no events at all."),
]  # fmt: skip
Products = Annotated[
    list[str] | None,
    typer.Option("--product", metavar="NAME", help="Products to show, separated by commas or repeated. Default: "
                 f"{SHIPPED_PRODUCT}, or every product of the files given by --exports."),
]  # fmt: skip
Destinations = Annotated[
    list[str] | None,
    typer.Option("--destination", metavar="CODE", help="Destinations to show, such as USA,DEU,WLD, separated by commas "
                 "or repeated. Default: every one."),
]  # fmt: skip
Models = Annotated[
    list[str] | None,
    typer.Option("--models", metavar="NAME", help="Models to fit, separated by commas or repeated: naive, "
                 "seasonal_naive, theta, arima, prophet, pooled, combination. The table shows the combination where it "
                 "is among them, else the first. Default: all."),
]  # fmt: skip
Horizon = Annotated[
    int, typer.Option("--horizon", min=1, max=60, metavar="MONTHS", help="Months to forecast after the last figures.")
]
Issued = Annotated[
    date | None,
    typer.Option("--issued", parser=_day, metavar="YYYY-MM-DD", help="The day on which the forecast is made: only what "
                 "was known then is used. Default: the day on which the latest figures were released."),
]  # fmt: skip
AsKnown = Annotated[
    date | None,
    typer.Option("--issued", parser=_day, metavar="YYYY-MM-DD", help="Show the calendar as it was known on this day. "
                 "Default: with everything on file; for --effects the day of the latest figures."),
]  # fmt: skip
Effects = Annotated[
    bool,
    typer.Option("--effects", help="Show instead what such events do to volumes, as learned from all series by then: "
                 "of the total of each product, if it has one, where no destination is asked for."),
]  # fmt: skip
FiguresOfEffects = Annotated[
    list[str] | None,
    typer.Option("--exports", metavar="FILE", help="Export figures that --effects learns from; may be repeated. "
                 "'shipped' is the packaged file, which is also used when the option is left out."),
]  # fmt: skip
Add = Annotated[
    list[str] | None,
    typer.Option("--add", metavar="FIELD=VALUE,...", help="An event that may happen, for instance kind=licensing,"
                 "destinations=USA,announced=2026-12-01,effective=2027-01-10,probability=0.3; lists inside a value "
                 "with semicolons; products default to those forecast. May be repeated."),
]  # fmt: skip
ScenarioFile = Annotated[
    list[str] | None,
    typer.Option("--scenario-file", metavar="FILE", help="Events that may happen as CSV: the columns of an events "
                 "file and probability. May be repeated."),
]  # fmt: skip
Lapse = Annotated[
    list[str] | None,
    typer.Option("--lapse", metavar="EVENT=PROBABILITY", help="How likely an event of the calendar with a scheduled "
                 "end lapses on that day; otherwise it goes on. May be repeated."),
]  # fmt: skip
ScenarioHorizon = Annotated[
    int | None,
    typer.Option("--horizon", min=1, max=60, metavar="MONTHS", help="Months to forecast after the last figures. "
                 "Default: up to the month after the last of these events, at most 12."),
]  # fmt: skip
ScenarioOutput = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/scenario-<issued>."),
]  # fmt: skip
Output = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/next-<issued>."),
]  # fmt: skip
Seed = Annotated[int, typer.Option("--seed", min=0, help="Start of the random numbers of the models that draw any.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="Processes to use. The numbers do not depend on it.")]
Plot = Annotated[bool, typer.Option("--plot", help="Draw a picture of every series into the folder plots/ of the run.")]
Origins = Annotated[
    int | None,
    typer.Option("--origins", min=1, metavar="N", help="Forecast on the last N days on which new figures came out and "
                 "of which the next month is known by now. Default: 24, or all between --from and --to."),
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
    typer.Option("--window", min=1, metavar="MONTHS", help="Learn from the last so many months only. Default: all."),
]  # fmt: skip
Refit = Annotated[
    int,
    typer.Option("--refit", min=1, metavar="MONTHS", help="Estimate theta and arima once in so many months, and let "
                 "them follow the figures in between."),
]  # fmt: skip
PastOutput = Annotated[
    Path | None,
    typer.Option("--output", metavar="FOLDER", help="Folder for the tables; an earlier run in it is replaced. Default: "
                 "output/backtest-<last issue day>."),
]  # fmt: skip
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that was interrupted.")]
Audit = Annotated[
    bool,
    typer.Option("--audit", help="Then change everything that came after three of the days, and fail if a single "
                 "number of theirs moves."),
]  # fmt: skip
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"export-forecast {version('export-forecast')}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Next month's exports by destination, from published figures and the calendar of policy events."""


# Commands ------------------------------------------------------------------------------------------------------------


@app.command("next")
def next_months(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    horizon: Horizon = 1,
    issued: Issued = None,
    output: Output = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    plot: Plot = False,
    quiet: Quiet = False,
) -> None:
    """Forecast the months after the last figures for every destination: a table here, all numbers in a folder."""
    with _plain_refusals(), _silent_libraries():
        from forecast.output import check_place

        given = _Given(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]))
        tables = _read(given)
        products = _words(product) or ([] if exports else [SHIPPED_PRODUCT])
        choice = _chosen(tables, products, _words(destination), _words(models), issued)
        folder = output or Path("output") / f"next-{choice.issued}"
        check_place(folder)
        with _progress_bar("Forecasting", quiet) as progress:
            run = _forecast(tables, choice, horizon, seed, jobs, progress)
        sums = _sums(tables, run, horizon)
        found = _outlooks(tables, choice, run, sums)
        about = _about(given, choice, found, horizon, seed)
        with _progress_bar("Drawing", quiet) as progress:
            _write(folder, tables, choice, run, about, found, sums, progress if plot else None)
        if not quiet:
            _print(found, folder)
            _say_newer_figures(found, issued)


@app.command("backtest")
def past_months(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    horizon: Horizon = 1,
    origins: Origins = None,
    first: From = None,
    to: To = None,
    window: Window = None,
    refit: Refit = 1,
    output: PastOutput = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    resume: Resume = False,
    audit: Audit = False,
    quiet: Quiet = False,
) -> None:
    """Replay the past: what would have been forecast on each day with what was known then, and how good it was."""
    with _plain_refusals(), _silent_libraries():
        given = _Given(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]))
        tables = _read(given)
        products = _words(product) or ([] if exports else [SHIPPED_PRODUCT])
        choice = _chosen(tables, products, _words(destination), _words(models), None)
        days = _past_days(tables, choice, origins, first, to)
        options = {"horizon": horizon, "window": window, "refit": refit, "seed": seed}
        replay = _Replay(tables, choice, days, options, jobs, origins, first, to)
        folder = output or Path("output") / f"backtest-{replay.last_issued}"
        _replayed(replay, folder, given, resume, quiet)
        if audit:
            _audited(replay, quiet)


@app.command("events")
def calendar(
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    issued: AsKnown = None,
    effects: Effects = False,
    exports: FiguresOfEffects = None,
) -> None:
    """Show the calendar of policy events, as it was known on a day, or what such events did to volumes."""
    with _plain_refusals(), _silent_libraries():
        if effects:
            given = _Given(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]))
            _print_effects(given, _words(product), _words(destination), issued)
            return
        import forecast as fc
        from forecast.report.agenda import agenda, print_agenda

        table, places = _read_events(tuple(events or [SHIPPED])), fc.read_destinations()
        named = sorted({name for names in table["products"] for name in names})
        products = _known_words(_words(product), named, "product")
        codes = _known_codes(_words(destination), places)
        shown = agenda(table, fc.read_groups(), issued=issued, products=products, destinations=codes)
        print_agenda(shown, _names(places), _console())


@app.command("scenario")
def what_may_happen(
    exports: Exports = None,
    events: Events = None,
    product: Products = None,
    destination: Destinations = None,
    models: Models = None,
    add: Add = None,
    scenario_file: ScenarioFile = None,
    lapse: Lapse = None,
    horizon: ScenarioHorizon = None,
    issued: Issued = None,
    output: ScenarioOutput = None,
    seed: Seed = 0,
    jobs: Jobs = 1,
    quiet: Quiet = False,
) -> None:
    """Forecast under events that may happen: each way things may go, and their mixture."""
    with _plain_refusals(), _silent_libraries():
        from forecast.output import check_place

        given = _Given(tuple(exports or [SHIPPED]), tuple(events or [SHIPPED]))
        tables = _read(given)
        products = _words(product) or ([] if exports else [SHIPPED_PRODUCT])
        choice = _chosen(tables, products, _words(destination), _words(models), issued)
        asked = _Supposed(tuple(add or ()), tuple(scenario_file or ()), tuple(lapse or ()))
        supposed, lapses = asked.events(choice.products), asked.lapses(tables.events, choice.issued)
        folder = output or Path("output") / f"scenario-{choice.issued}"
        check_place(folder)
        with _progress_bar("Forecasting", quiet) as progress:
            found = _branched(tables, choice, supposed, lapses, horizon, seed, jobs, progress)
        _write_branches(folder, found, asked.about(given, choice, found, seed))
        if not quiet:
            _print_branches(found, choice.products, _names(tables.places), folder)


@app.command("report")
def report(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a backtest.")],
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="The page to write. Default: report.html in FOLDER.")
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write the report of a backtest: one HTML page with figures that opens without a network."""
    with _plain_refusals(), _silent_libraries():
        from forecast.report.notebook import write_report

        page = write_report(folder, output or folder / "report.html")
        if not quiet:
            typer.echo(f"Report: {page}")


# What was asked for --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Given:
    """Files as given on the command line, or the word for the shipped ones."""

    exports: tuple[str, ...]
    events: tuple[str, ...]

    def paths(self) -> dict[str, Path]:
        """Where each input lies, by a name that is the same on every machine for the shipped ones."""
        from forecast.sources.plain import shipped

        paths = {"shipped destinations.csv": shipped("destinations.csv")}
        for kind, words in (("exports", self.exports), ("events", self.events)):
            for word in words:
                if word == SHIPPED:
                    paths[f"shipped {kind}.csv"] = shipped(f"{kind}.csv")
                    if kind == "exports":
                        paths["shipped period_totals.csv"] = shipped("period_totals.csv")
                elif word != NO_EVENTS or kind != "events":
                    paths[word] = Path(word)
        return paths


@dataclass(frozen=True)
class _Tables:
    """What was read."""

    exports: pd.DataFrame
    events: pd.DataFrame
    groups: Mapping[str, tuple[str, ...]]
    places: pd.DataFrame
    totals: pd.DataFrame | None
    """Volumes of several months together, where the shipped figures are among the exports."""
    record: pd.DataFrame | None
    """How often intervals held in the shipped backtest, where nothing but the shipped files is used."""


@dataclass(frozen=True)
class _Choice:
    """What is forecast, by which models, on which day."""

    products: list[str]
    destinations: list[str] | None
    models: list[str]
    issued: date

    @property
    def shown(self) -> str:
        """The model of the table."""
        from forecast.report.outlook import COMBINED

        return COMBINED if COMBINED in self.models else self.models[0]


def _read(given: _Given) -> _Tables:
    """The tables of the files given; all that is wrong in any of them is raised together."""
    import forecast as fc

    problems: list[str] = []
    try:
        exports = fc.read_exports(*given.exports, today=today())
    except fc.TableError as error:
        problems += error.problems
    try:
        events = _read_events(given.events)
    except fc.TableError as error:
        problems += error.problems
    if problems:
        raise fc.TableError(*problems)
    totals = fc.read_period_totals() if SHIPPED in given.exports else None
    return _Tables(exports, events, fc.read_groups(), fc.read_destinations(), totals, _record(given))


def _record(given: _Given) -> pd.DataFrame | None:
    from forecast.report.track_record import read_track_record

    return read_track_record() if given.exports == given.events == (SHIPPED,) else None


def _read_events(words: Sequence[str]) -> pd.DataFrame:
    import forecast as fc

    if NO_EVENTS not in words:
        return fc.read_events(*words)
    if len(words) > 1:
        raise typer.BadParameter("'none' stands alone: it means no events at all.", param_hint="--events")
    return fc.read_events().iloc[:0]


def _chosen(tables: _Tables, products: list[str], codes: list[str], models: list[str], issued: date | None) -> _Choice:
    """What was asked for, checked against the tables; no products mean every one on file."""
    from forecast.backtest import MODELS

    on_file = sorted(tables.exports["product"].unique())
    products = _known_words(products, on_file, "product") or on_file
    rows = tables.exports[tables.exports["product"].isin(products)]
    places = tables.places[tables.places["code"].isin(rows["destination"])]
    destinations = _known_codes(codes, places)
    names = _known_words(models, list(MODELS), "models")
    return _Choice(products, destinations or None, names or list(MODELS), _issue_day(rows, issued))


def _known_words(words: list[str], known: list[str], option: str) -> list[str]:
    """``words`` where all are known; else a usage error that names the nearest."""
    for word in words:
        if word not in known:
            near = get_close_matches(word.lower(), known, 3)
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {', '.join(known)}."
            raise typer.BadParameter(f"{word!r} is not known: {hint}", param_hint=f"--{option}")
    return words


def _known_codes(codes: list[str], places: pd.DataFrame) -> list[str]:
    """``codes`` where all are destinations of ``places``; else a usage error that names the nearest."""
    from forecast.checks import nearest_destinations

    known = sorted(places["code"])
    for code in codes:
        if code not in known:
            near = nearest_destinations(code, places)
            some = f"{', '.join(known[:SHOWN_PROBLEMS])}{', ...' if len(known) > SHOWN_PROBLEMS else ''}"
            hint = f"did you mean {' or '.join(near)}?" if near else f"expected one of {some}."
            raise typer.BadParameter(f"{code!r} is not in the data: {hint}", param_hint="--destination")
    return codes


def _issue_day(rows: pd.DataFrame, issued: date | None) -> date:
    """The day asked for, or that of the latest release in ``rows``."""
    first, last = rows["released"].min(), rows["released"].max()
    if issued is not None and issued < first:
        raise typer.BadParameter(f"nothing was released by {issued}; the first figures came out on {first}.",
                                 param_hint="--issued")  # fmt: skip
    return issued or last


# What is made of it --------------------------------------------------------------------------------------------------


def _forecast(tables: _Tables, choice: _Choice, horizon: int, seed: int, jobs: int, progress: Progress) -> Forecasts:
    import forecast as fc

    return fc.forecast_all(
        tables.exports,
        tables.events,
        tables.groups,
        issued=choice.issued,
        products=choice.products,
        destinations=choice.destinations,
        models=choice.models,
        horizon=horizon,
        totals=tables.totals,
        seed=seed,
        jobs=jobs,
        progress=progress,
    )


def _sums(tables: _Tables, run: Forecasts, horizon: int) -> Sums | None:
    """What is known of several months together, where several are forecast."""
    if horizon == 1:
        return None
    from forecast.sums import sums

    return sums(run, tables.exports, horizon)


def _outlooks(tables: _Tables, choice: _Choice, run: Forecasts, sums: Sums | None) -> list[Outlook]:
    """One per product of which something was known; of the others a line is said."""
    from forecast.report.outlook import outlook

    released = tables.exports.groupby("product")["released"].min()
    found = []
    for product in choice.products:
        if released[product] > choice.issued:
            typer.echo(f"{product}: nothing was released by {choice.issued}.", err=True)
            continue
        found.append(
            outlook(
                tables.exports,
                tables.events,
                tables.groups,
                run,
                product=product,
                issued=choice.issued,
                model=choice.shown,
                names=_names(tables.places),
                sums=sums,
                record=tables.record,
            )
        )
    return found


def _names(places: pd.DataFrame) -> dict[str, str]:
    return dict(zip(places["code"], places["name"], strict=True))


def _about(given: _Given, choice: _Choice, found: list[Outlook], horizon: int, seed: int) -> dict[str, Any]:
    from forecast.output import about_run

    arguments = {
        "exports": given.exports,
        "events": given.events,
        "product": choice.products,
        "destination": choice.destinations,
        "models": choice.models,
        "horizon": horizon,
    }
    cutoffs = {outlook.product: outlook.cutoff for outlook in found}
    return about_run("next", arguments, issued=choice.issued, seed=seed, cutoffs=cutoffs, inputs=given.paths())


def _write(
    folder: Path,
    tables: _Tables,
    choice: _Choice,
    run: Forecasts,
    about: Mapping[str, Any],
    found: list[Outlook],
    sums: Sums | None,
    drawing: Progress | None,
) -> None:
    """Put the whole run into ``folder``, with plots where ``drawing`` is to be told how many are done."""
    from forecast.output import new_folder, write_run
    from forecast.report.table import as_markdown

    with new_folder(folder) as beside:
        write_run(beside, run, about)
        _write_sums(beside, sums)
        (beside / "table.md").write_text("\n".join(map(as_markdown, found)), encoding="utf-8", newline="\n")
        if drawing is not None:
            _draw(beside / "plots", tables, run, choice, drawing)


def _write_sums(folder: Path, sums: Sums | None) -> None:
    """``sums.csv`` where several months are forecast, and why some sums are not in it where that is so."""
    from forecast.tables import as_text

    tables = {} if sums is None else {"sums": sums.table, "sums_omitted": sums.omitted}
    for name, table in tables.items():
        if len(table) or name == "sums":
            as_text(table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")


def _draw(folder: Path, tables: _Tables, run: Forecasts, choice: _Choice, drawing: Progress) -> None:
    """A picture of every series of which something was known, with its forecast where it has one."""
    from forecast.backtest import selected_series
    from forecast.plots import plot_forecast

    given = (tables.exports, tables.events, tables.groups, run.forecasts)
    released = tables.exports[tables.exports["released"] <= choice.issued]
    series = selected_series(released, choice.products, choice.destinations)
    folder.mkdir()
    for done, key in enumerate(series, start=1):
        figure = plot_forecast(*given, *key, model=choice.shown, issued=choice.issued, names=_names(tables.places))
        figure.savefig(folder / f"{'-'.join(key)}.png")
        drawing(done, len(series))


def _print(found: list[Outlook], folder: Path) -> None:
    from forecast.report.table import print_outlook

    console = _console()
    for outlook in found:
        print_outlook(outlook, console)
    typer.echo(f"Every model's numbers are in {folder}.")


def _say_newer_figures(found: list[Outlook], issued: date | None) -> None:
    """A line where today more would be known than on the issue day that the files gave."""
    from forecast.report.outlook import newer_figures

    for outlook in found if issued is None else []:
        sentence = newer_figures(outlook.cutoff, today())
        if sentence:
            typer.echo(f"{outlook.product}: {sentence}.", err=True)


# The past ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Replay:
    """A backtest as asked for: ``days`` are issue days by product, ``options`` those of the library by name."""

    tables: _Tables
    choice: _Choice
    days: Mapping[str, Sequence[date]]
    options: Mapping[str, Any]
    jobs: int
    origins: int | None
    first: str | None
    to: str | None

    @property
    def last_issued(self) -> date:
        """The last day of any product."""
        return max(day for of_product in self.days.values() for day in of_product)

    def about(self, given: _Given) -> dict[str, Any]:
        """What ``run.json`` says of the run."""
        from forecast.backtest import cutoffs
        from forecast.output import about_run

        arguments = {
            "exports": given.exports,
            "events": given.events,
            "product": self.choice.products,
            "destination": self.choice.destinations,
            "models": self.choice.models,
            "origins": self.origins,
            "from": self.first,
            "to": self.to,
            **{name: value for name, value in self.options.items() if name != "seed"},
        }
        last = {product: cutoffs(self.tables.exports, product)[days[-1]] for product, days in self.days.items() if days}
        return about_run("backtest", arguments, issued=self.last_issued, seed=self.options["seed"], cutoffs=last,
                         inputs=given.paths())  # fmt: skip


def _period(month: str | None) -> pd.Period | None:
    import pandas as pd

    return None if month is None else pd.Period(month, "M")


def _past_days(
    tables: _Tables, choice: _Choice, origins: int | None, first: str | None, to: str | None
) -> dict[str, list[date]]:
    """Issue days by product; of a product without any a line is said."""
    from forecast.backtest import backtest_origins
    from forecast.tables import TableError

    try:
        days = backtest_origins(
            tables.exports, choice.products, choice.destinations, last=origins, first=_period(first), to=_period(to)
        )
    except ValueError as error:
        raise TableError(str(error)) from error
    for product in [name for name, of_product in days.items() if not of_product]:
        typer.echo(f"{product}: no month with figures before it was found to forecast.", err=True)
    return days


def _replayed(replay: _Replay, folder: Path, given: _Given, resume: bool, quiet: bool) -> None:
    """Make the run, or go on with it, write its folder, and print how good it was."""
    from forecast.output import check_place
    from forecast.report.scoreboard import judged, print_scoreboard

    check_place(folder)
    about, tables = replay.about(given), replay.tables
    partial = folder.with_name(f"{folder.name}.partial")
    run = _resumable(replay, partial, about, resume, quiet)
    scored, tested = judged(run, tables.exports, tables.events, tables.groups)
    sums = _sums(tables, run, replay.options["horizon"])
    _write_past(folder, run, about, {"scores": scored, "significance": tested}, sums)
    _remove(partial)
    if not quiet:
        print_scoreboard(run, scored, tested, replay.choice.models, _console())
        typer.echo(f"Every model's numbers are in {folder}.")


def _resumable(replay: _Replay, partial: Path, about: Mapping[str, Any], resume: bool, quiet: bool) -> Forecasts:
    """The run, whose parts are kept in the folder ``partial`` until it is complete."""
    import forecast as fc
    from forecast.checkpoint import CheckpointError
    from forecast.output import OutputError

    tables, choice = replay.tables, replay.choice
    checkpoint = fc.Checkpoint(partial, resume, {**about["inputs"], **about["versions"]})
    try:
        with _progress_bar("Replaying", quiet) as progress:
            return fc.backtest_all(
                tables.exports,
                tables.events,
                tables.groups,
                products=choice.products,
                destinations=choice.destinations,
                models=choice.models,
                last=replay.origins,
                first=_period(replay.first),
                to=_period(replay.to),
                totals=tables.totals,
                jobs=replay.jobs,
                progress=progress,
                checkpoint=checkpoint,
                **replay.options,
            )
    except CheckpointError as error:
        raise OutputError(str(error)) from error
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What is done is in {partial}: the same command with --resume goes on.", err=True)
        raise typer.Exit(130) from None


def _write_past(
    folder: Path, run: Forecasts, about: Mapping[str, Any], more: Mapping[str, pd.DataFrame], sums: Sums | None
) -> None:
    from forecast.output import new_folder, write_run
    from forecast.tables import as_text

    with new_folder(folder) as beside:
        write_run(beside, run, about)
        _write_sums(beside, sums)
        for name, table in more.items():
            as_text(table).to_csv(beside / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")


def _remove(partial: Path) -> None:
    import forecast as fc

    fc.Checkpoint(partial).remove()


def _audited(replay: _Replay, quiet: bool) -> None:
    """Say that no number of a few days moved when their future was changed; or which did, and exit 1."""
    import forecast as fc
    from forecast.audit import sampled

    tables, choice, days = replay.tables, replay.choice, sampled(replay.days)
    with _progress_bar("Auditing", quiet) as progress:
        findings = fc.look_ahead_audit(
            tables.exports,
            tables.events,
            tables.groups,
            days,
            totals=tables.totals,
            progress=progress,
            destinations=choice.destinations,
            models=choice.models,
            jobs=replay.jobs,
            **replay.options,
        )
    if findings.empty and not quiet:
        count = sum(len(of_product) for of_product in days.values())
        typer.echo(f"Look-ahead audit: the future of {count} issue days was changed and no number moved.")
    if len(findings):
        for sentence in _moved(findings):
            typer.echo(sentence, err=True)
        raise typer.Exit(1)


def _moved(findings: pd.DataFrame) -> Iterator[str]:
    yield f"Look-ahead audit: {len(findings)} numbers moved when only what came after the issue day was changed."
    for row in findings.head(SHOWN_PROBLEMS).itertuples(index=False):
        place = f"{row.product} {row.destination} {row.model} of {row.issued}, {row.table} {row.row} {row.column}"
        yield f"{row.corruption}: {place}: {row.before} became {row.after}."
    if len(findings) > SHOWN_PROBLEMS:
        yield f"and {len(findings) - SHOWN_PROBLEMS} more."


# What may happen -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Supposed:
    """What may happen, as given on the command line."""

    added: tuple[str, ...]
    files: tuple[str, ...]
    lapsing: tuple[str, ...]

    def events(self, products: Sequence[str]) -> pd.DataFrame:
        """The events added, each with its probability; what is wrong with an option is a usage error."""
        import pandas as pd

        import forecast as fc
        from forecast.scenario import SUPPOSED_COLUMNS, supposed_events, supposed_rows

        if not (self.added or self.files or self.lapsing):
            raise typer.BadParameter("expected something that may happen: --add, --scenario-file or --lapse.")
        found = [fc.read_scenario(*self.files)] if self.files else []
        try:
            raw = {"--add": supposed_rows(self.added, products)} if self.added else {}
            found += [supposed_events(raw, fc.read_destinations())] if raw else []
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--add") from error
        return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=SUPPOSED_COLUMNS)

    def lapses(self, events: pd.DataFrame, issued: date) -> dict[str, float]:
        """Probabilities by event of the calendar; anything else is a usage error."""
        from forecast.scenario import check_lapses

        found: dict[str, float] = {}
        for text in self.lapsing:
            event, _, number = (part.strip() for part in text.rpartition("="))
            try:
                probability = float(number)
            except ValueError as error:
                expected = f"expected an event and a probability such as EVENT=0.4, found {text!r}."
                raise typer.BadParameter(expected, param_hint="--lapse") from error
            if event in found:
                raise typer.BadParameter(f"{event} stands twice: expected each event once.", param_hint="--lapse")
            found[event] = probability
        try:
            check_lapses(events, found, issued)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--lapse") from error
        return found

    def about(self, given: _Given, choice: _Choice, found: Scenario, seed: int) -> dict[str, Any]:
        """What ``run.json`` says: arguments, inputs, and every branch with its probability."""
        from forecast.output import about_run

        arguments = {
            "exports": given.exports,
            "events": given.events,
            "product": choice.products,
            "destination": choice.destinations,
            "models": choice.models,
            "add": self.added,
            "scenario_file": self.files,
            "lapse": self.lapsing,
            "horizon": found.horizon,
        }
        cutoffs = dict(zip(found.by_branch["product"], found.by_branch["cutoff"], strict=True))
        inputs = given.paths() | {word: Path(word) for word in self.files}
        about = about_run("scenario", arguments, issued=choice.issued, seed=seed, cutoffs=cutoffs, inputs=inputs)
        return about | {"branches": {branch.name: branch.probability for branch in found.branches}}


def _branched(
    tables: _Tables,
    choice: _Choice,
    supposed: pd.DataFrame,
    lapses: Mapping[str, float],
    horizon: int | None,
    seed: int,
    jobs: int,
    progress: Progress,
) -> Scenario:
    import forecast as fc

    return fc.scenario_all(
        tables.exports,
        tables.events,
        tables.groups,
        supposed,
        lapses=lapses,
        issued=choice.issued,
        products=choice.products,
        destinations=choice.destinations,
        models=choice.models,
        horizon=horizon,
        totals=tables.totals,
        seed=seed,
        jobs=jobs,
        progress=progress,
    )


def _write_branches(folder: Path, found: Scenario, about: Mapping[str, Any]) -> None:
    """The run with its mixture, and ``branches.csv``."""
    from forecast.output import new_folder, write_run
    from forecast.tables import as_text

    with new_folder(folder) as beside:
        write_run(beside, found.run, about)
        as_text(found.by_branch).to_csv(beside / "branches.csv", index=False, lineterminator="\n", encoding="utf-8")


def _print_branches(found: Scenario, products: Sequence[str], names: Mapping[str, str], folder: Path) -> None:
    from forecast.report.branches import print_branches

    console = _console()
    for product in products:
        if product in set(found.by_branch["product"]):
            print_branches(found, product, names, console)
        else:
            typer.echo(f"{product}: no destination could be forecast; reasons are in failures.csv.", err=True)
    typer.echo(f"Every branch and every model's numbers are in {folder}.")


def _print_effects(given: _Given, products: list[str], codes: list[str], issued: date | None) -> None:
    """What was learned of events; of the total of a product, if it has one, where no destination is asked for."""
    import forecast as fc
    from forecast.report.agenda import of_totals, print_effects

    tables = _read(given)
    products = products or ([SHIPPED_PRODUCT] if given.exports == (SHIPPED,) else [])
    choice = _chosen(tables, products, codes, [], issued)
    found = fc.learned_effects(
        tables.exports,
        tables.events,
        tables.groups,
        issued=choice.issued,
        products=choice.products,
        destinations=choice.destinations,
        totals=tables.totals,
    )
    print_effects(found if codes else of_totals(found), _names(tables.places), _console())


# How it is said ------------------------------------------------------------------------------------------------------


def _console() -> Console:
    from rich.console import Console

    from forecast.report.table import PIPED

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED)


@contextmanager
def _plain_refusals() -> Iterator[None]:
    """What is wrong with the user's data or folder, a line for each problem, exit 1; Ctrl-C, one line, exit 130."""
    try:
        from forecast.output import OutputError
        from forecast.tables import TableError

        try:
            yield
        except (TableError, OutputError) as error:
            problems = str(error).splitlines()
            for problem in problems[:SHOWN_PROBLEMS]:
                typer.echo(problem, err=True)
            if len(problems) > SHOWN_PROBLEMS:
                typer.echo(f"and {len(problems) - SHOWN_PROBLEMS} more.", err=True)
            raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped: nothing was left half-written.", err=True)
        raise typer.Exit(130) from None


@contextmanager
def _silent_libraries() -> Iterator[None]:
    """No warning and no log line of a library reaches the user: what matters to them is in the tables."""
    former = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(former)


@contextmanager
def _progress_bar(what: str, quiet: bool) -> Iterator[Progress]:
    """A function to be told how much is done of how much; a bar on a terminal's stderr shows it after a while."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=None)
    late = Timer(BAR_AFTER_SECONDS, bar.start)
    late.daemon = True
    late.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        late.cancel()
        late.join()
        bar.stop()
