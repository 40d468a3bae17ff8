"""forecast scenario and forecast events --effects: what is printed, what is written, and what is refused."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import simulated
from typer.testing import CliRunner, Result

from forecast import cli, read_run
from forecast.scenario.events import SUPPOSED_COLUMNS
from forecast.scenario.forecast import BASE, MIXTURE
from forecast.tables.frames import as_text
from forecast.tables.run_folder import read_about
from forecast.tables.schema import RUN_TABLES

LICENSING = "kind=licensing,destinations=USA,announced=2023-01-25,effective=2023-02-01,probability=0.3"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with exports.csv (magnets and gallium to December 2022) and events.csv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2023, 1, 25))
    magnets = {"WLD": simulated.steady(36, 1000.0), "USA": simulated.steady(36, 200.0, seed=1)}
    gallium = {"USA": simulated.steady(36, 10.0, seed=2)}
    tables = [simulated.exports(magnets), simulated.exports(gallium, product="gallium")]
    columns = ["product", "destination", "month", "volume_t", "released"]
    as_text(pd.concat(tables)[columns]).to_csv("exports.csv", index=False)
    events = simulated.calendar(
        {"event": "gallium", "kind": "licensing", "products": ("gallium",), "announced": date(2022, 6, 1)},
        {
            "event": "truce", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 3, 1),
            "ends": date(2023, 3, 1), "ends_announced": date(2022, 3, 1), "ends_status": "scheduled",
        },
    )  # fmt: skip
    as_text(events).to_csv("events.csv", index=False)
    return tmp_path


FILES = ("--exports", "exports.csv", "--events", "events.csv")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def scenario(*more: str) -> Result:
    return run("scenario", *FILES, "--product", "magnets", "--models", "theta", *more)


def said(result: Result) -> str:
    """What is on stderr as one line, without the frame around it."""
    return " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())


@pytest.mark.slow
def test_a_scenario_prints_branches_and_writes_a_folder(place: Path) -> None:
    """Mixture and branches on the screen; in the folder the run with its mixture, every branch, and probabilities."""
    result = scenario("--add", LICENSING)
    assert (result.exit_code, result.stderr) == (0, "")
    assert re.search(r"^destination +month +mixture +70 % +30 %$", result.stdout, re.M)
    folder = place / "output" / "scenario-2023-01-20"
    assert result.stdout.endswith("Every branch and every model's numbers are in output/scenario-2023-01-20.\n")
    assert sorted(path.name for path in folder.glob("*.csv"))[0] == "branches.csv"
    rows = read_run(folder).forecasts
    assert rows.columns.tolist() == RUN_TABLES["forecasts"].columns
    assert rows["model"].unique().tolist() == ["theta", MIXTURE]
    by_branch = pd.read_csv(folder / "branches.csv")
    assert by_branch.columns.tolist() == [*RUN_TABLES["forecasts"].columns, "branch", "probability"]
    assert by_branch.groupby("branch", sort=False)["probability"].first().to_dict() == {
        BASE: 0.7, "licensing-2023-02-01": 0.3,
    }  # fmt: skip
    about = read_about(folder)
    assert about["branches"] == {BASE: 0.7, "licensing-2023-02-01": 0.3}
    assert about["arguments"]["horizon"] == 3
    assert about["command"] == "scenario"


@pytest.mark.slow
def test_the_forecasts_of_next_are_in_a_scenario_unchanged(place: Path) -> None:
    """The rows of the models are those that forecast next gives with the same horizon, byte for byte.

    The rest of the world, which next adds, is no series of a scenario.
    """
    scenario("--add", LICENSING, "--output", "a")
    run("next", *FILES, "--product", "magnets", "--models", "theta", "--horizon", "3", "--output", "b")
    lines = [Path(name, "forecasts.csv").read_text().splitlines() for name in ("a", "b")]
    of_next = [line for line in lines[1] if ",ROW," not in line]
    assert [line for line in lines[0] if f",{MIXTURE}," not in line] == of_next


@pytest.mark.slow
def test_a_file_is_the_same_as_an_option(place: Path) -> None:
    """An events file with probability gives the branches that --add gives; its digest is in run.json."""
    cells = dict.fromkeys(SUPPOSED_COLUMNS, "") | dict(part.split("=") for part in LICENSING.split(","))
    cells |= {"event": "licensing-2023-02-01", "products": "magnets"}
    pd.DataFrame([cells]).to_csv("may.csv", index=False)
    assert scenario("--add", LICENSING, "--output", "a").exit_code == 0
    assert scenario("--scenario-file", "may.csv", "--output", "b").exit_code == 0
    assert Path("a/branches.csv").read_bytes() == Path("b/branches.csv").read_bytes()
    assert "may.csv" in read_about("b")["inputs"]


@pytest.mark.slow
def test_lapse_and_addition_together(place: Path) -> None:
    """Two suppositions are four branches; quiet prints nothing."""
    result = scenario("--add", LICENSING, "--lapse", "truce=0.5", "--quiet")
    assert (result.exit_code, result.output) == (0, "")
    assert read_about("output/scenario-2023-01-20")["branches"] == pytest.approx(
        {BASE: 0.35, "licensing-2023-02-01": 0.15, "truce lapses": 0.35, "licensing-2023-02-01 + truce lapses": 0.15}
    )


@pytest.mark.slow
def test_a_product_without_a_forecast_is_a_line(place: Path) -> None:
    """A product of which nothing can be forecast has its reasons in the folder, and the others are shown."""
    late = simulated.exports({"WLD": [1.0]}, "2022-12", "late")
    as_text(late[["product", "destination", "month", "volume_t"]]).to_csv("late.csv", index=False)
    result = run("scenario", *FILES, "--exports", "late.csv", "--models", "theta", "--add", LICENSING)
    assert result.exit_code == 0
    assert result.stderr == "late: no destination could be forecast; reasons are in failures.csv.\n"
    assert re.findall(r"^Exports of (\w+)", result.stdout, re.M) == ["gallium", "magnets"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ([], "expected something that may happen: --add, --scenario-file or --lapse. The shipped ones are"),
        (["--add", "ban"], "expected field=value with commas between, found 'ban'."),
        (["--add", LICENSING.replace("kind", "what")], "'what' is not a field: fields are event, kind, products,"),
        (["--add", LICENSING.replace("effective=2023-02-01,", "")], "probability, found nothing for effective."),
        (["--add", LICENSING.replace("0.3", "1.3")], "probability must be a number from 0 to 1, found '1.3'."),
        (["--add", LICENSING.replace("licensing", "threat")], "must be one that changes forecasts, found 'threat'"),
        (["--add", LICENSING.replace("USA", "United Sttes")], "Did you mean USA (United States)?"),
        (["--lapse", "truce"], "expected an event and a probability such as EVENT=0.4, found 'truce'."),
        (["--lapse", "truce=maybe"], "expected an event and a probability such as EVENT=0.4, found 'truce=maybe'."),
        (["--lapse", "truce=2"], "truce: probability must be a number from 0 to 1, found 2."),
        (["--lapse", "truce=0.1", "--lapse", "truce=0.2"], "truce stands twice: expected each event once."),
        (["--lapse", "gallium=0.4"], "to have a scheduled end ahead: expected one of truce."),
        (["--add", LICENSING, "--horizon", "0"], "Invalid value for '--horizon'"),
    ],
)
def test_wrong_options(place: Path, options: list[str], sentence: str) -> None:
    """A wrong option is a usage error in a sentence; exit 2, nothing written."""
    result = scenario(*options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in said(result)
    assert not (place / "output").exists()


@pytest.mark.slow
def test_wrong_data(place: Path) -> None:
    """What contradicts the figures or the calendar, or is wrong in a file, is a line on stderr; exit 1."""
    early = scenario("--add", LICENSING.replace("2023-02-01", "2022-11-01"))
    found = "found 2022-11-01, and figures up to 2022-12. What has begun belongs in the calendar."
    sentence = f"licensing-2022-11-01: effective must lie after the last figures of magnets, {found}\n"
    assert (early.exit_code, early.stderr) == (1, sentence)
    header = ",".join(SUPPOSED_COLUMNS)
    Path("may.csv").write_text(f"{header}\nx,ban,ALL,ALL,2023-02-01,2023-02-01,,,,,,,1.5\n")
    wrong = scenario("--scenario-file", "may.csv")
    sentence = "may.csv row 2: x: probability must be a number from 0 to 1, found '1.5'.\n"
    assert (wrong.exit_code, wrong.stderr) == (1, sentence)
    many = scenario(*[word for _ in range(7) for word in ("--add", LICENSING)])
    assert many.exit_code == 1
    assert many.stderr.endswith("each of which doubles the branches, found 7.\n")
    assert not (place / "output").exists()


@pytest.mark.slow
def test_effects_of_the_events_of_given_files(place: Path) -> None:
    """Of each product the total, else every destination; as known on the day of the latest figures."""
    both = run("events", *FILES, "--effects")
    assert both.exit_code == 0
    assert re.findall(r"^What episodes do to exports of (.*)$", both.stdout, re.M) == [
        "gallium, United States", "magnets, World",
    ]  # fmt: skip
    assert "known on 2023-01-20; percent of the volume under it" in both.stdout
    gallium = run("events", *FILES, "--effects", "--product", "gallium", "--issued", "2022-12-20")
    assert re.findall(r"^What episodes do to exports of (.*)$", gallium.stdout, re.M) == ["gallium, United States"]
    assert "known on 2022-12-20" in gallium.stdout
    assert re.search(
        r"^licensing of 20\d\d-\d\d-\d\d, 100 % of the volume, rests on 1 of licensing$", gallium.stdout, re.M
    )
    wrong = run("events", *FILES, "--effects", "--product", "galium")
    assert wrong.exit_code == 2
    assert "'galium' is not known: did you mean gallium?" in said(wrong)


@pytest.mark.slow
def test_effects_of_the_shipped_calendar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is asked for, magnets to the world; licensing takes two fifths or more of month 1."""
    monkeypatch.chdir(tmp_path)
    result = run("events", "--effects", "--issued", "2025-04-20")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("What episodes do to exports of rare earth magnets, World\n")
    said = "licensing of 2025-04-04, 100 % of the volume, rests on 5 of licensing"
    (cells,) = re.findall(rf"^{said}\n(.*)\n", result.stdout, re.M)
    _, _, month_1, *_ = re.findall(r"[+-]?\d+", cells)
    assert int(month_1) < -40
