from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
import time
import warnings
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import simulated
import typer
from typer.testing import CliRunner, Result

from forecast import cli, read_run
from forecast.registry import DEFAULT_ENGINE, MODELS
from forecast.tables.frames import as_text
from forecast.tables.run_folder import read_about

HEAVY = ("pandas", "numpy", "scipy", "statsmodels", "prophet", "sklearn", "matplotlib", "joblib")
QUICK = "naive,theta,combination"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with exports.csv and events.csv, on a day on which no later figures are out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2023, 1, 25))
    series = {"WLD": list(simulated.steady(36, 1000.0)), "USA": list(simulated.steady(30, 200.0, seed=1)), "ITA": [1.0]}
    columns = ["product", "destination", "month", "volume_t", "released"]
    as_text(simulated.exports(series)[columns]).to_csv("exports.csv", index=False)
    events = simulated.calendar(
        {"kind": "licensing", "announced": date(2021, 6, 1)},
        {"kind": "truce", "announced": date(2022, 3, 1), "destinations": ("USA",), "products": ("magnets",)},
    )
    as_text(events).to_csv("events.csv", index=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def forecast_next(*more: str) -> Result:
    plain = ["--exports", "exports.csv", "--events", "events.csv", "--models", QUICK, "--no-calibrate"]
    return run("next", *plain, *more)


def test_next_prints_a_table_and_writes_a_folder(place: Path) -> None:
    """A row per destination with a forecast, a reason for the others, and a folder named by the issue day."""
    result = forecast_next()
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    head = "Exports of magnets: forecast for 2023-01\nissued 2023-01-20, figures up to 2022-12;"
    assert result.stdout.startswith(head)
    assert re.search(r"^World +[\d,]+ +2022-12 +[\d,]+ +[\d,]+ to [\d,]+ .*licensing, truce", result.stdout, re.M)
    assert "Italy: No model could be fitted (naive needs 3 observed months and found 1)" in result.stdout
    assert "2022-06: United States" in result.stdout
    folder = place / "output" / "next-2023-01-20"
    assert sorted(path.name for path in folder.iterdir()) == [
        "dropped.csv", "effects.csv", "estimates.csv", "failures.csv", "forecasts.csv", "parts.csv", "run.json",
        "table.md",
    ]  # fmt: skip
    rows = read_run(folder).forecasts
    assert set(zip(rows["destination"], rows["model"], strict=True)) == {
        (destination, model) for destination in ("USA", "WLD") for model in QUICK.split(",")
    }
    assert (folder / "table.md").read_text().startswith("## Exports of magnets: forecast for 2023-01\n")


def test_figures_in_place_of_others_are_said_and_kept(place: Path) -> None:
    """On stderr, and as a note of the run."""
    (place / "more.csv").write_text("product;destination;month;volume_t\nmagnets;USA;2022-01;1\n")
    result = forecast_next("--exports", "more.csv", "--models", "naive", "--destination", "USA")
    sentence = "exports.csv: 30 figures are taken in place of 1 of more.csv: magnets USA (30 for 1)."
    assert sentence in result.stderr
    assert read_about(place / "output" / "next-2023-01-20")["notes"] == [sentence]


def test_the_table_shows_the_numbers_of_the_folder(place: Path) -> None:
    """Median and 80 % interval of the printed table are the combination's rows of forecasts.csv."""
    result = forecast_next("--output", "run")
    rows = read_run("run").forecasts.query("model == 'combination' and destination == 'USA'").iloc[0]
    numbers = f"{rows['volume_t']:,.0f}  +{rows['lower_80']:,.0f} to {rows['upper_80']:,.0f}"
    assert re.search(rf"^United States .* {numbers} ", result.stdout, re.M)


@pytest.mark.slow
def test_same_inputs_same_files(place: Path) -> None:
    """Two runs on the same files give the same bytes in every file, pictures among them."""
    for name in ("a", "b"):
        assert forecast_next("--output", name, "--plot", "--quiet").exit_code == 0
    files = [{path.name: path.read_bytes() for path in Path(name).rglob("*.*")} for name in ("a", "b")]
    assert files[0] == files[1]
    assert {"magnets-WLD.png", "magnets-USA.png", "magnets-ITA.png"} < set(files[0])


def test_quiet_prints_nothing(place: Path) -> None:
    """With --quiet a run that succeeds says nothing, and writes what it would."""
    result = forecast_next("--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert (place / "output" / "next-2023-01-20" / "run.json").exists()


@pytest.mark.slow
def test_selection_by_comma_or_repetition(place: Path) -> None:
    """Lists may be given with commas or by repeating the option; what is left out is not forecast."""
    with_comma = forecast_next("--destination", "USA,WLD", "--output", "a")
    repeated = forecast_next("--destination", "WLD", "--destination", "USA", "--output", "b")
    assert with_comma.exit_code == repeated.exit_code == 0
    assert set(read_run("a").forecasts["destination"]) == {"USA", "WLD"}
    assert read_run("a").failures.empty
    pd.testing.assert_frame_equal(read_run("a").forecasts, read_run("b").forecasts)


@pytest.mark.slow
def test_destinations_are_given_by_code_or_name(place: Path) -> None:
    """Whole names and codes of any letters, each once, in every command alike; run.json has the codes."""
    mixed = forecast_next("--destination", "United States,usa", "--destination", "World")
    assert mixed.exit_code == 0, mixed.output
    assert read_about("output/next-2023-01-20")["arguments"]["destination"] == ["USA", "WLD"]
    quick = ("--exports", "exports.csv", "--events", "events.csv", "--models", "naive", "--no-calibrate", "--quiet")
    judged = run("next", *quick, "--override", "United States=300t: order book", "--output", "judged")
    assert judged.exit_code == 0, judged.output
    assert read_run(Path("judged")).judgements["destination"].tolist() == ["USA", "WLD"]
    calendars = [run("events", "--events", "events.csv", "--destination", word).stdout for word in ("Germany", "DEU")]
    assert calendars[0] == calendars[1]


def test_run_json_says_what_was_asked(place: Path) -> None:
    """Arguments, seed, issue day and every input file with its sha256 stand in run.json; the folder's name does not."""
    forecast_next("--seed", "5", "--horizon", "2", "--events", "shipped")
    about = read_about("output/next-2023-01-20")
    assert about["seed"] == 5
    assert about["issued"] == "2023-01-20"
    assert about["cutoffs"] == {"magnets": "2022-12"}
    assert about["arguments"] == {
        "exports": ["exports.csv"],
        "events": ["events.csv", "shipped"],
        "product": ["magnets"],
        "destination": None,
        "models": QUICK.split(","),
        "engine": DEFAULT_ENGINE,
        "calibrate": False,
        "experience": "priors",
        "horizon": 2,
    }
    assert set(about["inputs"]) == {"exports.csv", "events.csv", "shipped events.csv", "shipped destinations.csv"}


@pytest.mark.slow
def test_without_events(place: Path) -> None:
    """--events none forecasts without any event; it stands alone."""
    result = run("next", "--exports", "exports.csv", "--events", "none", "--models", "naive,combination")
    assert result.exit_code == 0
    assert "Events acting" not in result.stdout
    both = run("next", "--exports", "exports.csv", "--events", "none", "--events", "events.csv")
    assert both.exit_code == 2
    assert "'none' stands alone" in both.stderr


def test_a_misspelt_product_of_an_event_is_asked_about(place: Path) -> None:
    """An event that acts on none of the exports by a slip is named on stderr, and the table is as without it."""
    lines = (place / "events.csv").read_text().splitlines(keepends=True)
    (place / "slip.csv").write_text("".join(lines[:2]) + lines[2].replace("magnets", "magnet"))
    result = run("next", "--exports", "exports.csv", "--events", "slip.csv", "--models", "naive", "--no-calibrate")
    assert result.exit_code == 0
    assert "Did you mean magnets?" in result.stderr
    assert result.stderr.startswith("Event event-1 names the product 'magnet', of which there are no exports")
    assert "truce" not in result.stdout


@pytest.mark.slow
def test_an_event_called_off_before_its_effect_is_said_of_ones_own_calendar(place: Path) -> None:
    """By `next` and `events`, once; of a calendar without one nothing is."""
    lines = (place / "events.csv").read_text().splitlines(keepends=True)
    slip = (
        lines[1]
        .replace("event-0", "slip")
        .replace("2021-06-01,2021-06-01,,", "2021-05-25,2021-06-01,2021-05-28,2021-05-28")
    )
    assert slip != lines[1]
    (place / "slip.csv").write_text("".join([*lines, slip]))
    said = "Never in force: slip ends 2021-05-28, before its day of effect 2021-06-01."
    for command in (("next", "--exports", "exports.csv", "--models", "naive", "--no-calibrate"), ("events",)):
        for calendar, times in (("slip.csv", 1), ("events.csv", 0)):
            result = run(*command, "--events", calendar)
            assert result.exit_code == 0
            assert result.output.count(said) == times


def test_one_model_alone(place: Path) -> None:
    """Without the combination the table shows the first model named, and says so."""
    result = run("next", "--exports", "exports.csv", "--events", "none", "--models", "theta,naive")
    assert "the forecast is the median of theta" in result.stdout
    assert re.search(r"^Without a forecast +Italy: theta needs 12 observed months and found 1", result.stdout, re.M)


@pytest.mark.slow
def test_every_product_of_given_files(place: Path) -> None:
    """With --exports every product is forecast, a table each; of one without figures by the day a line is said."""
    late = simulated.exports({"WLD": [1.0, 2.0, 3.0, 4.0]}, "2022-06", "gallium")
    as_text(late[["product", "destination", "month", "volume_t"]]).to_csv("late.csv", index=False)
    arguments = ["--exports", "late.csv", "--models", "naive"]
    both = forecast_next(*arguments)
    assert re.findall(r"^Exports of (\w+)", both.stdout, re.M) == ["gallium", "magnets"]
    early = forecast_next(*arguments, "--issued", "2022-05-25", "--output", "early")
    assert early.exit_code == 0
    assert re.findall(r"^Exports of (\w+)", early.stdout, re.M) == ["magnets"]
    assert early.stderr == (
        "gallium: nothing was released by 2022-05-25.\n"
        "No event on file names gallium: only events that name ALL products are known of it.\n"
    )


@pytest.mark.slow
def test_newer_figures_are_told(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Today's date never changes the table: that later figures are out is a line on stderr, not with --issued."""
    before = forecast_next()
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2023, 3, 21))
    after = forecast_next()
    assert (before.stdout, before.stderr) == (after.stdout, "")
    assert after.stderr == (
        "magnets: your figures end in 2022-12; those of 2023-01 to 2023-02 came out on 2023-03-20.\n"
    )
    given = forecast_next("--issued", "2023-01-20")
    assert (given.stdout, given.stderr) == (before.stdout, "")


def test_a_later_day_without_later_figures(place: Path) -> None:
    """With a later --issued the table itself says what has come out since."""
    result = forecast_next("--issued", "2023-04-21")
    line = "Newer figures +your figures end in 2022-12; those of 2023-01 to 2023-03 came out from 2023-03-20"
    assert re.search(line, result.stdout)
    assert re.search(r"Next figures +2023-05-20", result.stdout)


# Bad input ------------------------------------------------------------------------------------------------------------

HEADER = "product,destination,month,volume_t"
EVENT_HEADER = "event,kind,products,destinations,announced,effective,ends,ends_announced,source,description"
GOOD = "magnets,USA,2022-01,1.5"

BAD_EXPORTS = {
    "duplicate": (f"{HEADER}\n{GOOD}\n{GOOD}\n", "row 3: USA 2022-01"),
    "negative": (f"{HEADER}\nmagnets,USA,2022-01,-1\n", "row 2: USA 2022-01: volume_t must be zero or more tonnes"),
    "empty": (f"{HEADER}\nmagnets,USA,2022-01,\n", "volume_t must be tonnes, found an empty cell"),
    "nan": (f"{HEADER}\nmagnets,USA,2022-01,NaN\n", "found 'NaN'"),
    "infinite": (f"{HEADER}\nmagnets,USA,2022-01,inf\n", "found 'inf'"),
    "absurd": (f"{HEADER}\nmagnets,USA,2022-01,2e9\n", "at most 1e9 tonnes, found '2e9'"),
    "text": (f"{HEADER}\nmagnets,USA,2022-01,12 t\n", "found '12 t'"),
    "destination": (f"{HEADER}\nmagnets,Germany,2022-01,1\n", "found 'Germany'. Did you mean DEU (Germany)?"),
    "month": (f"{HEADER}\nmagnets,USA,2022-13,1\n", "month must be a month as YYYY-MM, found '2022-13'"),
    "future": (f"{HEADER}\nmagnets,USA,2023-02,1\n", "must not be after today's month, 2023-01"),
    "missing field": (f"{HEADER}\nmagnets,USA,2022-01\n", "row 2: expected 4 fields as in the header, found 3"),
    "extra field": (f"{HEADER}\n{GOOD},9\n", "row 2: expected 4 fields as in the header, found 5"),
    "missing column": ("product,destination,month\nmagnets,USA,2022-01\n", "expected column volume_t, found only"),
    "nothing": ("", "found an empty file"),
    "header only": (f"{HEADER}\n", "expected rows below the header, found none"),
    "encoding": (f"{HEADER},source\n{GOOD},Zürich\n".encode("latin-1"), "expected UTF-8 text, found byte 0xfc in row"),
    "columns": ("one;two\n1;2\n", "bad.csv: expected a header, found none (first row: one, two)"),
    "html": ("<!doctype html><p>Not found</p>", "found an HTML or XML page"),
    "binary": (b"PK\x03\x04\x00\x00", "expected an Excel workbook, found one that cannot be read"),
}

BAD_EVENTS = {
    "ends early": ("a,ban,ALL,ALL,2022-02-01,2022-02-01,2022-01-01,,,", "a: ends"),
    "unannounced": ("a,ban,ALL,ALL,,2022-02-01,,,,", "a: announced must be a day as YYYY-MM-DD, found an empty cell"),
    "impossible": ("a,ban,ALL,ALL,2022-02-30,2022-02-01,,,,", "announced must be a day as YYYY-MM-DD"),
    "kind": ("a,bann,ALL,ALL,2022-02-01,2022-02-01,,,,", "Did you mean ban?"),
    "destination": ("a,ban,ALL,Germany,2022-02-01,2022-02-01,,,,", "Did you mean DEU (Germany)?"),
    "twice": ("a,ban,ALL,ALL,2022-02-01,2022-02-01,,,,\na,tax,ALL,ALL,2022-02-01,2022-02-01,,,,", "a stands already"),
}


@pytest.mark.parametrize("case", BAD_EXPORTS)
def test_bad_exports(place: Path, case: str) -> None:
    """Whatever is wrong with a file of figures is a sentence with file, place and finding; exit 1, nothing written."""
    content, sentence = BAD_EXPORTS[case]
    (place / "bad.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(place.rglob("*"))
    result = run("next", "--exports", "bad.csv", "--events", "none", "--models", "naive")
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("bad.csv")
    assert sentence in line
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("command", ["next", "events"])
@pytest.mark.parametrize("case", BAD_EVENTS)
def test_bad_events(place: Path, case: str, command: str) -> None:
    """Whatever is wrong with a calendar is a sentence, from either command; exit 1, nothing written."""
    content, sentence = BAD_EVENTS[case]
    (place / "bad.csv").write_text(f"{EVENT_HEADER}\n{content}\n")
    before = sorted(place.rglob("*"))
    result = run(command, "--events", "bad.csv", *(["--exports", "exports.csv"] if command == "next" else []))
    assert (result.exit_code, result.stdout) == (1, "")
    (line,) = result.stderr.splitlines()
    assert line.startswith("bad.csv row")
    assert sentence in line
    assert sorted(place.rglob("*")) == before


def test_all_problems_at_once(place: Path) -> None:
    """Problems of both files come together, a line each, at most twenty and the count of the others."""
    rows = "".join(f"magnets,USA,2022-01,x{row}\n" for row in range(22))
    (place / "bad.csv").write_text(f"{HEADER}\n{rows}")
    (place / "worse.csv").write_text(f"{EVENT_HEADER}\na,ban,ALL,ALL,soon,2022-02-01,,,,\n")
    result = run("next", "--exports", "bad.csv", "--events", "worse.csv")
    lines = result.stderr.splitlines()
    assert result.exit_code == 1
    assert len(lines) == 21
    assert lines[0].startswith("bad.csv row 2: USA 2022-01: volume_t must be a number of tonnes")
    assert lines[-1] == "and 3 more."


def test_a_file_that_is_not_there(place: Path) -> None:
    """A path without a file is a sentence and exit 1."""
    result = run("next", "--exports", "gone.csv")
    assert result.exit_code == 1
    assert result.stderr == (
        "gone.csv: expected a CSV file, found none that can be read at gone.csv (no such file or directory).\n"
    )


@pytest.mark.slow
def test_gaps_zeros_and_short_series_are_no_errors(place: Path) -> None:
    """A series with gaps and zeros is forecast; one of a month is a row of failures.csv."""
    volumes = [5.0, 0.0, float("nan")] * 10
    table = simulated.exports({"DEU": volumes, "FRA": [1.0]})
    as_text(table[["product", "destination", "month", "volume_t"]]).to_csv("odd.csv", index=False)
    result = run("next", "--exports", "odd.csv", "--events", "none", "--models", QUICK, "--output", "odd")
    assert result.exit_code == 0
    tables = read_run("odd")
    assert set(tables.forecasts["destination"]) == {"DEU"}
    assert set(tables.failures["destination"]) == {"FRA"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--destination", "germany"], "'germany' is not in the data: expected one of ITA, USA, WLD."),
        (["--destination", "USA,United"], "'United' is not in the data: did you mean USA (United States)?"),
        (["--product", "magnet"], "'magnet' is not known: did you mean magnets?"),
        (["--models", "prophets"], "'prophets' is not known: did you mean prophet?"),
        (["--issued", "2022-02-30"], "expected a day as YYYY-MM-DD, found '2022-02-30'."),
        (["--issued", "2019-01-01"], "nothing was released by 2019-01-01; the first figures came out on 2020-02-20."),
        (["--horizon", "0"], "Invalid value for '--horizon'"),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
        (["--nonsense"], "No such option: --nonsense"),
        (["mine.csv"], "'mine.csv': expected nothing without its option: did you mean --exports mine.csv?"),
    ],
)
def test_wrong_options(place: Path, options: list[str], sentence: str) -> None:
    """A wrong option is a usage error that names what may have been meant; exit 2, nothing written."""
    result = run("next", "--exports", "exports.csv", "--events", "events.csv", *options)
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in said
    assert not (place / "output").exists()


@pytest.mark.slow
def test_a_destination_that_was_not_out_on_the_day(place: Path) -> None:
    """It is not on the lists of the day, and asked for by name it is a usage error with the day on which it came."""
    later = simulated.exports({"KOR": [1.0] * 6}, start="2022-07")[["product", "destination", "month", "volume_t"]]
    as_text(later).to_csv("later.csv", index=False)
    result = forecast_next("--exports", "later.csv", "--issued", "2022-06-20")
    assert result.exit_code == 0, result.output
    assert "Italy: No model could be fitted" in result.stdout
    assert "Korea" not in result.stdout
    refused = forecast_next("--exports", "later.csv", "--issued", "2022-06-20", "--destination", "KOR,USA")
    said = " ".join(re.sub("[│╭╮╰╯─]", " ", refused.stderr).split())
    assert refused.exit_code == 2
    assert "--issued: no figure of KOR was released by 2022-06-20; the first came out on 2022-08-20." in said


def test_other_peoples_folder(place: Path) -> None:
    """A folder that holds something else is refused before any work, and left as it was."""
    (place / "mine").mkdir()
    (place / "mine" / "notes.txt").write_text("mine")
    result = forecast_next("--output", "mine")
    assert (result.exit_code, result.stdout) == (1, "")
    found = "expected a new or empty folder, or one of an earlier run, found other files without a run.json of ours."
    assert result.stderr == f"mine: {found} Choose another folder.\n"
    assert [path.name for path in (place / "mine").iterdir()] == ["notes.txt"]
    through = forecast_next("--output", "exports.csv/run")
    assert through.exit_code == 1
    assert "expected a folder that can be written" in through.stderr


@pytest.mark.slow
def test_the_rest_of_the_world_is_drawn_as_the_table_shows_it(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconciled with the total, and not as it is forecast by itself."""
    from matplotlib.figure import Figure

    from forecast.report import plots

    series = {
        code: list(simulated.steady(36, level, seed=seed)) for code, level, seed in (("WLD", 1e3, 0), ("USA", 200, 1))
    }
    as_text(simulated.exports(series)[["product", "destination", "month", "volume_t", "released"]]).to_csv(
        "exports.csv", index=False
    )
    drawn = {}

    def plot(known: object, groups: object, forecasts: pd.DataFrame, key: tuple[str, str], **_: object) -> Figure:
        rows = forecasts[(forecasts["destination"] == key[1]) & (forecasts["model"] == "combination")]
        drawn[key[1]] = rows["volume_t"].tolist()
        return Figure()

    monkeypatch.setattr(plots, "plot_series", plot)
    assert forecast_next("--plot", "--output", "mine").exit_code == 0
    found = read_run(place / "mine")
    by_itself = found.forecasts.query("destination == 'ROW' and model == 'combination'")["volume_t"].tolist()
    assert drawn["ROW"] == found.reconciled.query("destination == 'ROW'")["volume_t"].tolist() != by_itself
    assert drawn["USA"] == found.forecasts.query("destination == 'USA' and model == 'combination'")["volume_t"].tolist()


@pytest.mark.slow
def test_an_earlier_run_is_replaced(place: Path) -> None:
    """A second run in the same folder replaces the first whole."""
    forecast_next("--plot")
    assert forecast_next().exit_code == 0
    assert not (place / "output" / "next-2023-01-20" / "plots").exists()
    assert [path.name for path in (place / "output").iterdir()] == ["next-2023-01-20"]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("where", ["forecast.backtest.run.run_tasks", "forecast.tables.run_folder.write_run"])
def test_ctrl_c(place: Path, monkeypatch: pytest.MonkeyPatch, where: str, compiled: bool) -> None:
    """Ctrl-C at work or while writing ends with one line and exit 130, and leaves nothing behind.

    Out of compiled code it comes as an error of the system, with the interrupt as its cause.
    """

    def interrupt(*_: object, **__: object) -> None:
        if compiled:
            raise SystemError("returned a result with an exception set") from KeyboardInterrupt()
        raise KeyboardInterrupt

    monkeypatch.setattr(where, interrupt)
    before = sorted(place.rglob("*.csv"))
    result = forecast_next()
    assert (result.exit_code, result.stdout) == (130, "")
    assert result.stderr == "Stopped: nothing was left half-written.\n"
    assert [path for path in sorted(place.rglob("*")) if path.is_file()] == before


@pytest.mark.slow
def test_ctrl_c_in_a_terminal(place: Path) -> None:
    """A real interrupt while models are fitted gives one line, exit 130, and no folder.

    The handler is set by hand: under a shell that runs the tests in the background interrupts are ignored.
    """
    code = """
import signal
import time
from forecast import cli
from forecast.backtest import run as backtest
signal.signal(signal.SIGINT, signal.default_int_handler)
def work(*_, **__):
    print("working", flush=True)
    time.sleep(30)
backtest.run_tasks = work
cli.app(["next"])
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert (process.returncode, said) == (130, "Stopped: nothing was left half-written.\n")
    assert not (place / "output").exists()


# Events ---------------------------------------------------------------------------------------------------------------


def test_the_calendar_as_known_on_a_day(place: Path) -> None:
    """The calendar shows what was announced by the day, on the destinations and products asked for."""
    everything = run("events", "--events", "events.csv", "--all")
    assert everything.exit_code == 0
    assert re.findall(r"^(\S+) .* (licensing|truce) ", everything.stdout, re.M) == [
        ("2021-06-01", "licensing"), ("2022-03-01", "truce"),
    ]  # fmt: skip
    early = run("events", "--events", "events.csv", "--issued", "2022-02-28")
    assert "truce" not in early.stdout
    elsewhere = run("events", "--events", "events.csv", "--destination", "DEU", "--product", "magnets")
    assert "licensing" in elsewhere.stdout
    assert "truce" not in elsewhere.stdout
    wrong = run("events", "--destination", "Germony")
    assert wrong.exit_code == 2
    assert "did you mean DEU (Germany)?" in " ".join(re.sub("[│]", " ", wrong.stderr).split())


# Help and start -------------------------------------------------------------------------------------------------------


def commands() -> dict[str, object]:
    group = typer.main.get_command(cli.app)
    return {"": group, **group.commands}  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", commands())
def test_everything_has_help(name: str) -> None:
    """Every command and every option says in plain words what it does."""
    command = commands()[name]
    assert command.help
    for option in command.params:
        assert option.help, option.name
        assert option.help.endswith("."), option.name
    shown = run(*([name] if name else []), "--help")
    assert shown.exit_code == 0
    assert all(option.opts[0] in shown.stdout for option in command.params)


def test_help_names_every_model() -> None:
    """The names in the help of --models are those that there are."""
    (option,) = [option for option in commands()["next"].params if "--models" in option.opts]
    assert f": {', '.join(MODELS)}." in option.help


def test_libraries_are_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Inside a command no warning and no log line comes through; afterwards both do again."""
    with cli.console.silent_libraries():
        warnings.warn("a library's worry", RuntimeWarning, stacklevel=1)
        logging.getLogger("prophet").critical("a library's chatter")
    assert capsys.readouterr() == ("", "")
    assert logging.getLogger("prophet").isEnabledFor(logging.CRITICAL)
    with pytest.raises(RuntimeWarning, match=r"^again$"):
        warnings.warn("again", RuntimeWarning, stacklevel=1)


@pytest.mark.parametrize(
    ("terminal", "quiet", "after", "shown"),
    [(True, False, 0.0, True), (True, False, 60.0, False), (True, True, 0.0, False), (False, False, 0.0, False)],
)
def test_progress_only_on_a_terminal_and_only_when_slow(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    terminal: bool,
    quiet: bool,
    after: float,
    shown: bool,
) -> None:
    """The bar comes on stderr of a terminal, after a while, and not with --quiet."""
    monkeypatch.setenv("FORCE_COLOR", "1" if terminal else "")
    monkeypatch.setattr(cli.console, "BAR_AFTER_SECONDS", after)
    with cli.console.progress_bar("Forecasting", quiet) as report:
        report(1, 2)
        time.sleep(0.3)
    output = capsys.readouterr()
    assert output.out == ""
    assert ("Forecasting" in output.err) is shown


def fresh(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["next", "--help"], ["events", "--help"], ["--version"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Help and version load neither tables nor models nor plots."""
    code = f"""
import sys
from forecast.cli import app
try:
    app({arguments!r})
except SystemExit:
    pass
print("loaded", sorted({{name.split(".")[0] for name in sys.modules}} & set({HEAVY!r})))
"""
    assert fresh(code).endswith("loaded []\n")


def test_python_m_forecast() -> None:
    """The package runs as a module, under its own name."""
    done = subprocess.run([sys.executable, "-m", "forecast", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"export-forecast \d+\.\d+\.\d+\S*\n", done.stdout)
    usage = subprocess.run([sys.executable, "-m", "forecast", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: forecast [OPTIONS] COMMAND [ARGS]..." in usage.stdout


@pytest.mark.slow
def test_the_shipped_run(tmp_path: Path) -> None:
    """The shipped data are forecast in an empty folder; nothing is on stderr but that newer figures are out."""
    command = [sys.executable, "-m", "forecast", "next", "--engine", DEFAULT_ENGINE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    allowed = ("rare_earth_magnets: the shipped figures end in ", "Compiling the kernels, once on this machine: ")
    assert all(line.startswith(allowed) for line in done.stderr.splitlines())
    (folder,) = (tmp_path / "output").iterdir()
    rows = read_run(folder).forecasts
    shown = set(rows.loc[rows["model"] == "combination", "destination"])
    assert {"WLD", "USA", "DEU", "JPN", "KOR", "VNM"} <= shown


@pytest.mark.slow
@pytest.mark.usefixtures("kept_origins")
def test_what_the_combination_learned_is_said_and_kept(place: Path) -> None:
    """With calibration a line says from how many earlier forecasts, and calibration.csv has a row per forecast."""
    result = forecast_next("--calibrate", "--output", "run")
    assert result.exit_code == 0, result.output
    assert re.search(r"^Learned +(event|calm) months(:|, from \d+ earlier forecasts:) ", result.stdout, re.M)
    found = read_run("run")
    shown = found.forecasts[found.forecasts["model"] == "combination"]
    assert found.calibration["destination"].tolist() == shown["destination"].tolist()


@pytest.mark.slow
@pytest.mark.usefixtures("kept_origins")
def test_how_often_intervals_held_is_shown_of_own_files(place: Path) -> None:
    """Where the run is calibrated: in the table, in record.csv, and in the brief; the rest of the world has none."""
    result = forecast_next("--calibrate", "--output", "run")
    assert result.exit_code == 0, result.output
    of_world = read_run(Path("run")).record.query("destination == 'WLD' and level == 80").iloc[0]
    said = f"{of_world['held']} of {of_world['n']}"
    assert re.search(rf"^World .* {said} ", result.stdout, re.M)
    brief = run("brief", "--run", "run", "--quick")
    assert brief.exit_code == 0, brief.output
    page = Path("run/brief.html").read_text(encoding="utf-8")
    assert f"one month ahead such intervals held {said} times" in page
    assert "How often intervals held, one month ahead" in page
    plain = forecast_next("--no-calibrate", "--output", "plain")
    assert "held" not in plain.stdout
