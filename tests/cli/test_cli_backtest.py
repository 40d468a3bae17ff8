"""forecast backtest: a table of scores, a folder, a run that can be killed, and an audit that fails loudly."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from datetime import date
from functools import partial
from pathlib import Path

import leaky
import pandas as pd
import pytest
import simulated
from typer.testing import CliRunner, Result

from forecast import cli, parity_sample, read_events, read_exports, read_groups, read_run
from forecast.backtest.run import backtest_all
from forecast.realtime.phases import phases
from forecast.registry import DEFAULT_ENGINE
from forecast.scoring.scores import scores
from forecast.scoring.significance import significance
from forecast.tables.frames import as_text
from forecast.tables.run_folder import read_about
from forecast.verify import look_ahead as audit

FILES = [
    "dropped.csv", "effects.csv", "failures.csv", "forecasts.csv", "parts.csv", "run.json", "scores.csv",
    "significance.csv",
]  # fmt: skip
PARTIAL = "output/backtest-2022-12-20.partial"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with exports.csv (WLD and USA to December 2022) and events.csv."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.inputs, "today", lambda: date(2023, 1, 25))
    series = {"WLD": list(simulated.steady(36, 1000.0)), "USA": list(simulated.steady(36, 200.0, seed=1))}
    columns = ["product", "destination", "month", "volume_t", "released"]
    as_text(simulated.exports(series)[columns]).to_csv("exports.csv", index=False)
    events = simulated.calendar({"kind": "licensing", "announced": date(2022, 3, 10)})
    as_text(events).to_csv("events.csv", index=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def arguments(*more: str) -> list[str]:
    return ["backtest", "--exports", "exports.csv", "--events", "events.csv", "--models", "naive,theta,combination",
            "--origins", "9", "--no-calibrate", *more]  # fmt: skip


def backtest(*more: str) -> Result:
    return run(*arguments(*more))


def folder_bytes(folder: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


@pytest.mark.slow
def test_a_table_of_scores_and_a_folder(place: Path) -> None:
    """Scores with their n by phase, tests in words, and a folder named by the last issue day with all tables."""
    result = backtest()
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    assert result.stdout.startswith(
        "Backtest of magnets: 9 issue days, 2022-04-20 to 2022-12-20\n2 series with actuals;"
    )
    assert re.search(
        r"^all months +naive +18 +\d+ +\d+ % +\d\.\d\d \(18\) .* \d+ of 18 +\d+ of 18$", result.stdout, re.M
    )
    assert re.search(r"^the three months after +naive +6 ", result.stdout, re.M)
    assert re.search(r"^no event +naive +12 ", result.stdout, re.M)
    assert re.search(
        r"^All months, in tonnes: combination is [a-z ]+ naive \(p [=<] [\d.]+, n = 9 months\)\.$", result.stdout, re.M
    )
    assert result.stdout.endswith("Every model's numbers are in output/backtest-2022-12-20.\n")
    assert sorted(folder_bytes("output/backtest-2022-12-20")) == FILES
    assert not Path(PARTIAL).exists()


@pytest.mark.slow
def test_the_folder_holds_what_the_library_says(place: Path) -> None:
    """Forecasts with actuals, scores and tests are those of the library's functions on the same tables."""
    backtest(
        "--calibrate", "--output", "run", "--horizon", "2", "--window", "30", "--refit", "2", "--seed", "3", "--quiet"
    )
    exports, events, groups = read_exports("exports.csv"), read_events("events.csv"), read_groups()
    expected = backtest_all(exports, events, groups, models=["naive", "theta", "combination"], last=9, horizon=2,
                            window=30, refit=2, seed=3)  # fmt: skip
    found = read_run("run")
    pd.testing.assert_frame_equal(found.forecasts, expected.forecasts, check_dtype=False)
    phase = phases(found.forecasts, events, groups)
    table = pd.read_csv("run/scores.csv")
    pd.testing.assert_frame_equal(table, scores(found.forecasts, exports, phase), check_dtype=False)
    tests = pd.read_csv("run/significance.csv")
    assert tests["measure"].unique().tolist() == ["mae_t", "mase", "wis"]
    wis = significance(found.forecasts, exports, measure="wis", phase=phase)
    pd.testing.assert_frame_equal(tests[tests["measure"] == "wis"].reset_index(drop=True), wis, check_dtype=False)


@pytest.mark.slow
def test_the_rows_of_a_day_are_those_of_next(place: Path) -> None:
    """`forecast next --issued D` writes the very lines that the backtest has of that day, calibrated ones too.

    The rest of the world, which next adds, is no series of a backtest.
    """
    backtest("--calibrate", "--output", "past", "--quiet")
    run("next", "--exports", "exports.csv", "--events", "events.csv", "--models", "naive,theta,combination",
        "--issued", "2022-08-20", "--output", "live", "--quiet")  # fmt: skip
    lines = Path("live/forecasts.csv").read_text().splitlines()[1:]
    live = [line for line in lines if ",ROW," not in line]
    past = [line.rpartition(",")[0] for line in Path("past/forecasts.csv").read_text().splitlines()[1:]]
    assert len(live) == 6
    assert [line for line in past if ",2022-08-20," in line] == live


@pytest.mark.slow
def test_a_backtest_states_its_parity(place: Path) -> None:
    """A line under the scores, and a table of the library's function on the same run, tables and options."""
    result = backtest("--models", "naive,arima,prophet", "--origins", "2", "--parity", "3", "--output", "run",
                      "--window", "30", "--horizon", "2", "--seed", "5", "--engine", "compiled")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert re.search(
        r"^Parity: 3 random fits redone by statsmodels and Prophet; medians differ by at most \d\.\d\d %,"
        r" and no library fit is likelier\.\n\nEvery model's numbers are in run\.\n\Z",
        result.stdout,
        re.M,
    )
    tables = read_exports("exports.csv"), read_events("events.csv"), read_groups()
    expected = parity_sample(read_run("run"), *tables, count=3, window=30, horizon=2, seed=5, engine="compiled")
    assert len(expected) == 6
    as_text(expected).to_csv("expected.csv", index=False)
    assert Path("run/parity.csv").read_text() == Path("expected.csv").read_text()
    assert read_about("run")["arguments"]["parity"] == 3


@pytest.mark.parametrize(
    "more", [("--parity", "0", "--engine", "compiled"), ("--engine", "reference")], ids=["none", "reference"]
)
def test_where_no_parity_is_asked_or_none_is_there(place: Path, more: tuple[str, ...]) -> None:
    """Neither a line nor a table."""
    result = backtest("--models", "naive,arima", "--destination", "USA", "--origins", "1", "--no-calibrate",
                      "--output", "run", *more)  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "Parity" not in result.stdout
    assert not Path("run/parity.csv").exists()


@pytest.mark.slow
def test_run_json_says_what_was_asked(place: Path) -> None:
    """Arguments, seed, last issue day, cutoff and inputs; not the folder, nor the number of processes."""
    backtest("--quiet", "--seed", "4", "--refit", "3", "--destination", "USA")
    about = read_about("output/backtest-2022-12-20")
    assert (about["command"], about["seed"], about["issued"]) == ("backtest", 4, "2022-12-20")
    assert about["cutoffs"] == {"magnets": "2022-11"}
    assert about["arguments"] == {
        "exports": ["exports.csv"], "events": ["events.csv"], "product": ["magnets"], "destination": ["USA"],
        "models": ["naive", "theta", "combination"], "engine": DEFAULT_ENGINE, "calibrate": False,
        "experience": "priors",
        "origins": 9, "from": None, "to": None, "vintage": "latest", "horizon": 1,
        "window": None, "refit": 3, "parity": 4,
    }  # fmt: skip
    assert set(about["inputs"]) == {"exports.csv", "events.csv", "shipped destinations.csv"}


@pytest.mark.slow
def test_months_are_bounded(place: Path) -> None:
    """--from and --to bound the month forecast as the next one; --origins takes the last of what is left."""
    command = ["backtest", "--exports", "exports.csv", "--events", "none", "--models", "naive", "--output", "run"]
    assert run(*command, "--from", "2022-03", "--to", "2022-07").exit_code == 0
    assert read_run("run").forecasts["month"].astype(str).unique().tolist() == [f"2022-0{m}" for m in range(3, 8)]
    assert run(*command, "--from", "2022-03", "--to", "2022-07", "--origins", "2").exit_code == 0
    assert read_run("run").forecasts["month"].astype(str).unique().tolist() == ["2022-06", "2022-07"]


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--from", "2022-13", "expected a month as YYYY-MM, found '2022-13'."),
        ("--to", "2022-01-01", "expected a month as YYYY-MM, found '2022-01-01'."),
        ("--origins", "0", "Invalid value for '--origins'"),
        ("--refit", "0", "Invalid value for '--refit'"),
        ("--window", "0", "Invalid value for '--window'"),
        ("--models", "nave", "did you mean naive"),
    ],
)
def test_what_cannot_be_asked(place: Path, option: str, value: str, sentence: str) -> None:
    """A usage error says what was expected, exit 2, and nothing is written."""
    result = backtest(option, value)
    assert result.exit_code == 2
    assert sentence in " ".join(re.sub(r"[│╭╮╰╯─]", " ", result.stderr).split())
    assert not Path("output").exists()


def test_months_without_figures(place: Path) -> None:
    """Where nothing can be forecast and scored, one sentence, exit 1."""
    result = run("backtest", "--exports", "exports.csv", "--from", "2024-01", "--models", "naive")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "magnets: expected a month with figures before it, found none to forecast.\n"


def short(months: int, product: str = "magnets") -> str:
    """A file of so many months, and its name."""
    rows = simulated.exports({"USA": [10.0 + month for month in range(months)]}, product=product)
    as_text(rows[["product", "destination", "month", "volume_t", "released"]]).to_csv(f"{product}.csv", index=False)
    return f"{product}.csv"


@pytest.mark.parametrize("models", ["naive", "naive,structural,combination"])
@pytest.mark.parametrize("months", [2, 3])
def test_a_history_too_short_is_one_sentence(place: Path, months: int, models: str) -> None:
    """It says how many months are needed and how many there are, and leaves nothing behind."""
    result = run("backtest", "--exports", short(months), "--events", "none", "--models", models, "--origins", "12")
    assert (result.exit_code, result.stdout) == (1, "")
    need = f"needs a series of at least 4 months with figures, and the longest has {months}"
    assert result.stderr == f"magnets: too short to replay: a backtest {need}.\n"
    assert not Path("output").exists()


def test_where_no_model_can_be_fitted_nothing_is_written(place: Path) -> None:
    """The reason of the last day, which had most months."""
    result = run("backtest", "--exports", short(8), "--events", "none", "--models", "arima")
    assert (result.exit_code, result.stdout) == (1, "")
    why = "arima needs 12 observed months and found 7"
    assert result.stderr.endswith(f"magnets: no model could be fitted on any issue day (on the last: {why}).\n")
    assert not list(Path("output").glob("*"))


@pytest.mark.slow
def test_fewer_origins_than_asked_for_are_counted(place: Path) -> None:
    """Days with forecasts, of each product; one too short beside others is named and they go on."""
    files = ["--exports", short(8), "--exports", short(3, "gallium"), "--events", "none", "--models", "naive"]
    result = run("backtest", *files, "--origins", "12")
    assert result.exit_code == 0, result.output
    assert "magnets: 12 issue days asked for, 5 with forecasts: the figures allow no more.\n" in result.stderr
    assert "gallium: too short to replay" in result.stderr
    exact = run("backtest", *files[:2], *files[4:], "--origins", "5")
    assert exact.stderr == ""


@pytest.mark.slow
def test_a_product_without_a_past_is_named(place: Path) -> None:
    """A product whose figures all came out at once has no origin; a line says so and the others go on."""
    gallium = simulated.exports({"USA": [1.0, 2.0]}, product="gallium").assign(released=date(2022, 6, 20))
    as_text(gallium[["product", "destination", "month", "volume_t", "released"]]).to_csv("gallium.csv", index=False)
    result = backtest("--exports", "gallium.csv", "--quiet")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "gallium: no month with figures before it was found to forecast.\n"


def test_naive_alone_has_nothing_to_be_compared_with(place: Path) -> None:
    """Scores without tests; the table of tests has its header."""
    result = run("backtest", "--exports", "exports.csv", "--events", "none", "--models", "naive", "--origins", "3")
    assert result.exit_code == 0, result.output
    assert "is better" not in result.stdout
    assert Path("output/backtest-2022-12-20/significance.csv").read_text().count("\n") == 1


def interrupted(*more: str, by: signal.Signals) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, sent a signal when its first part is done.

    Interrupts are heeded, whatever the shell that runs the tests made of them.
    """
    asked = arguments("--models", "naive,prophet", "--engine", DEFAULT_ENGINE, *more)
    command = [sys.executable, "-m", "forecast", *asked]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    until = time.monotonic() + 60
    while not list(Path(PARTIAL).glob("*.part")) and time.monotonic() < until and process.poll() is None:
        time.sleep(0.02)
    os.killpg(process.pid, by)
    out, err = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_says_how_to_go_on_and_resume_does(place: Path, jobs: str) -> None:
    """One line, exit 130, no folder; resumed, the folder has the bytes of a run that nobody stopped."""
    assert backtest("--models", "naive,prophet", "--output", "whole", "--quiet").exit_code == 0
    stopped = interrupted("--jobs", jobs, by=signal.SIGINT)
    line = f"Stopped. What is done is in {PARTIAL}: the same command with --resume goes on.\n"
    assert (stopped.returncode, stopped.stdout, stopped.stderr) == (130, "", line)
    assert not Path("output/backtest-2022-12-20").exists()
    assert backtest("--models", "naive,prophet", "--resume", "--quiet").exit_code == 0
    assert not Path(PARTIAL).exists()
    assert folder_bytes("output/backtest-2022-12-20") == folder_bytes("whole")


@pytest.mark.slow
def test_a_killed_run_resumes_but_not_with_other_figures(place: Path) -> None:
    """After kill -9 a changed file is named and refused; put back, the run ends byte-identical."""
    assert interrupted(by=signal.SIGKILL).returncode == -signal.SIGKILL
    shutil.copy("exports.csv", "kept.csv")
    Path("exports.csv").write_text(
        Path("exports.csv").read_text().replace("magnets,USA,2020-01,", "magnets,USA,2020-01,1")
    )
    refused = backtest("--models", "naive,prophet", "--resume")
    assert refused.exit_code == 1
    assert refused.stderr == (
        f"{PARTIAL}: the run begun there cannot be resumed: exports.csv has changed. Run without --resume.\n"
    )
    shutil.move("kept.csv", "exports.csv")
    other = backtest("--models", "naive,prophet", "--resume", "--horizon", "2")
    assert "cannot be resumed: horizon was 1 then and 2 now. Run without --resume." in other.stderr
    assert backtest("--models", "naive,prophet", "--resume", "--jobs", "2", "--quiet").exit_code == 0
    assert backtest("--models", "naive,prophet", "--output", "whole", "--quiet").exit_code == 0
    assert folder_bytes("output/backtest-2022-12-20") == folder_bytes("whole")


def test_nothing_to_resume(place: Path) -> None:
    """--resume without a run in progress is refused."""
    result = backtest("--resume")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == f"{PARTIAL}: expected a run to resume, found none. Run without --resume.\n"


def test_a_foreign_folder_is_left_alone(place: Path) -> None:
    """A folder of something else is neither replaced by the run nor by its parts."""
    for name in ("mine", "other.partial"):
        Path(name).mkdir()
        Path(name, "notes.txt").write_text("keep")
    for output in ("mine", "other"):
        result = backtest("--output", output)
        assert result.exit_code == 1
        assert result.stderr.count("\n") == 1
    assert [path.read_text() for path in Path().glob("*/notes.txt")] == ["keep", "keep"]


@pytest.mark.slow
def test_an_audit_without_findings(place: Path) -> None:
    """One line that says how many days were audited, exit 0."""
    result = backtest("--audit")
    assert result.exit_code == 0, result.output
    line = "Look-ahead audit: the future of 3 issue days was changed and no number moved.\n"
    assert result.stdout.endswith(line)


@pytest.mark.slow
def test_an_audit_with_findings_fails_loudly(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that reads the future is named with what moved it, the day, the series and both values; exit 1."""
    leaking = partial(audit.look_ahead_audit, forecast=leaky.leaky_model)
    monkeypatch.setattr(audit, "look_ahead_audit", leaking)
    result = backtest("--audit", "--models", "naive", "--quiet")
    assert (result.exit_code, result.stdout) == (1, "")
    first, second, *_, last = result.stderr.splitlines()
    assert re.fullmatch(
        r"Look-ahead audit: \d+ numbers moved when only figures and events after the issue day were changed\.", first
    )
    number = r"\d+\.\d+"
    assert re.fullmatch(
        rf"later_volumes: magnets USA naive of 2022-04-20, forecasts 2022-04 volume_t: {number} became {number}\.",
        second,
    )
    assert re.fullmatch(r"and \d+ more\.", last)
    assert len(result.stderr.splitlines()) == 22
