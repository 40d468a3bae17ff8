from __future__ import annotations

import io
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import simulated
import stored
from rich.console import Console
from typer.testing import CliRunner, Result

from forecast import cli, read_run
from forecast.cli.store_tables import print_scored, print_what_changed
from forecast.store.changes import CHANGE_COLUMNS, NEWS_DECOMP_COLUMNS
from forecast.store.database import Store
from forecast.store.issued import issues
from forecast.tables.frames import as_text

PLAIN = ["--models", "naive,theta,combination", "--no-calibrate", "--product", "widgets", "--events", "events.csv"]
DAYS = [date(2022, 6, 20), date(2022, 7, 20)]


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a calendar and two months' files of a product of our own; the second revises a figure."""
    monkeypatch.chdir(tmp_path)
    exports = stored.figures().assign(product="widgets")
    for number, day in enumerate(DAYS, start=1):
        table = stored.until(exports, day)
        table = table.assign(volume_t=table["volume_t"].where(table.index != 3, table["volume_t"] * number))
        stored.write(table, tmp_path / f"month-{number}.csv")
    events = simulated.calendar({"kind": "licensing", "announced": date(2021, 6, 1), "products": ("widgets",)})
    as_text(events).to_csv("events.csv", index=False)
    on(monkeypatch, DAYS[0])
    return tmp_path


def on(monkeypatch: pytest.MonkeyPatch, day: date) -> None:
    monkeypatch.setattr("forecast.cli.inputs.today", lambda: day)


@pytest.mark.slow
def test_two_months_of_updates(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first makes the store, the second scores, says what changed and writes it; a third changes nothing."""
    first = run("update", "month-1.csv", "--store", "s.duckdb", *PLAIN)
    assert first.exit_code == 0, first.output
    assert first.stdout.startswith("Taken in: 87 new figures, 0 revised, 0 on file already.\n")
    on(monkeypatch, DAYS[1])
    second = run("update", "month-2.csv", "--store", "s.duckdb", *PLAIN)
    assert second.exit_code == 0, second.output
    revised = "3 new figures, 1 revised (1 without a release day of their own, known from today), 86 on file already"
    assert second.stdout.startswith(f"Taken in: {revised}.\n")
    for line in ("What was issued, and the actual", "What changed of widgets", "new figures", "revisions"):
        assert line in second.stdout
    folder = Path("output/update-2022-07-20")
    assert pd.read_csv(folder / "changes.csv").columns.tolist() == CHANGE_COLUMNS
    assert pd.read_csv(folder / "news_decomposition.csv").columns.tolist() == NEWS_DECOMP_COLUMNS
    assert len(read_run(folder).forecasts)
    third = run("update", "month-2.csv", "--store", "s.duckdb", *PLAIN)
    assert third.stdout == (
        "Taken in: month-2.csv was taken in before and changes nothing.\n"
        "Nothing has changed since the issue of 2022-07-20: same figures, same calendar, same settings.\n"
    )


@pytest.mark.slow
def test_track_and_revisions_after_two_months(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The month that came out is shown with its actual, each series is drawn, and the revised figure is named.

    A second issue of the first day is said not to count.
    """
    run("update", "month-1.csv", "--store", "s.duckdb", *PLAIN)
    run("update", "--store", "s.duckdb", *PLAIN, "--seed", "1")
    on(monkeypatch, DAYS[1])
    run("update", "month-2.csv", "--store", "s.duckdb", *PLAIN)
    result = run("track", "--store", "s.duckdb")
    assert result.exit_code == 0, result.output
    assert "Track record of widgets" in result.stdout
    assert "nothing below n = 8" in result.stdout
    record = result.stdout.partition("Track record of widgets")[2]
    assert {line.split()[0] for line in record.splitlines() if " months " in line} == {"model", "combination"}
    assert re.search(r"The combination, one month ahead: \d of 3 actuals inside the 80 % interval", result.stdout)
    assert "Other models: --models naive,theta\n" in result.stdout
    made_again = "9 forecasts were made again from figures up to the same month and do not count: the first ones do.\n"
    assert made_again in result.stdout
    chosen = run("track", "--store", "s.duckdb", "--models", "naive,combination", "--output", "chosen").stdout
    listed = [line.split()[0] for line in chosen.partition("Track record")[2].splitlines() if " all months " in line]
    assert listed == ["combination", "naive"]
    folder = Path("output/track-2022-07-20")
    assert sorted(path.name for path in (folder / "plots").iterdir()) == [
        "widgets-DEU.png", "widgets-USA.png", "widgets-WLD.png",
    ]  # fmt: skip
    assert set(pd.read_csv(folder / "track.csv")["model"]) == {"naive", "theta", "combination"}
    result = run("revisions", "--store", "s.duckdb")
    assert "2020-04" in result.stdout
    assert "+100 %" in result.stdout
    assert run("revisions", "--store", "s.duckdb", "--destination", "DEU").stdout.startswith("No figure")


def test_without_a_store_nothing_is_written_outside_the_output_folder(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Next makes no store by itself, and track says how to make one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data-home"))
    result = run("next", "--exports", "month-1.csv", *PLAIN, "--quiet")
    assert result.exit_code == 0, result.output
    assert not (place / "data-home").exists()
    refused = run("track")
    assert refused.exit_code == 1
    assert refused.stderr.endswith("store.duckdb: expected a store, found none. Make one with forecast update FILE.\n")


@pytest.mark.slow
def test_update_makes_the_default_store_in_the_users_data_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_DATA_HOME is where it goes."""
    monkeypatch.setenv("XDG_DATA_HOME", str(place / "data-home"))
    assert run("update", "month-1.csv", *PLAIN, "--quiet").exit_code == 0
    with Store(place / "data-home" / "export-forecast" / "store.duckdb") as store:
        assert [issue.issued for issue in issues(store)] == [DAYS[0]]


@pytest.mark.slow
def test_next_keeps_its_issue_and_shows_judgement(place: Path) -> None:
    """With --store the issue is kept once; the judged number and its reason stand below the table and in the folder."""
    arguments = ["next", "--exports", "month-1.csv", *PLAIN, "--store", "s.duckdb"]
    result = run(*arguments, "--override", "USA=-20%: customs strike")
    assert result.exit_code == 0, result.output
    assert "judged" in result.stdout
    assert "(-20%): customs strike" in result.stdout
    folder = Path("output/next-2022-06-20")
    table = read_run(folder)
    assert set(table.judgements["reason"]) == {"customs strike", "follows its parts"}
    usa = table.forecasts.query("destination == 'USA'").set_index("model")["volume_t"]
    assert usa["judged"] == pytest.approx(0.8 * usa["combination"])
    again = run(*arguments, "--override", "USA=-20%: customs strike")
    assert "on file already" in again.stderr
    with Store("s.duckdb") as store:
        assert len(issues(store)) == 1


def test_an_override_without_a_reason_is_refused(place: Path) -> None:
    """One sentence, exit 1, and no folder."""
    result = run("next", "--exports", "month-1.csv", *PLAIN, "--override", "USA=-20%")
    assert result.exit_code == 1
    assert result.stderr == "'USA=-20%': expected a reason after a colon, found none. Say why.\n"
    assert not Path("output").exists()


@pytest.mark.slow
def test_the_record_of_next_comes_from_the_store(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After nine months of updates next says how often the 80 % interval held, from the store."""
    exports = stored.figures().assign(product="widgets")
    days = [day for day in sorted(set(exports["released"])) if day >= date(2022, 6, 20)][:10]
    for day in days:
        on(monkeypatch, day)
        stored.write(stored.until(exports, day), place / "latest.csv")
        assert run("update", "latest.csv", "--store", "s.duckdb", *PLAIN, "--horizon", "1", "--quiet").exit_code == 0
    result = run("next", "--exports", "latest.csv", *PLAIN, "--store", "s.duckdb")
    assert result.exit_code == 0, result.output
    assert "held" in result.stdout
    assert " of 9" in result.stdout


@pytest.mark.parametrize("products", [["widgets"], ["widgets", "rare_gadgets"]])
def test_rows_of_several_products_name_their_own(products: list[str]) -> None:
    """One product needs no column; of two, each row says of which it is."""
    row = {"destination": "DEU", "model": "combination", "month": pd.Period("2026-10"), "horizon": 1, "volume_t": 725.0,
           "lower_80": 493.0, "upper_80": 1059.0, "actual_t": 623.0, "inside_80": True, "inside_95": True,
           "error": 0.16}  # fmt: skip
    console = Console(file=io.StringIO(), width=80)
    print_scored(pd.DataFrame([row | {"product": name} for name in products]), ["combination"], {}, console)
    _, _, _, head, _, *lines = console.file.getvalue().splitlines()
    named = [name.replace("_", " ") for name in products] if len(products) > 1 else []
    assert head.startswith("product" if named else "destination")
    assert [line.startswith(name) for line, name in zip(lines, named, strict=False)] == [True] * len(named)


def test_products_that_nothing_moved_are_one_line() -> None:
    """A product with a contribution above rounding has a table, the others a sentence together."""
    row = {"destination": "DEU", "model": "combination", "month": pd.Period("2026-10"), "before_t": 50.0,
           "before": DAYS[0], "issued": DAYS[1], "contribution": "new_figures"}  # fmt: skip
    moved = {"widgets": 5.0, "rare_gadgets": 4.2e-08, "gallium": 0.0}
    changes = pd.DataFrame(
        [row | {"product": name, "change_t": by, "after_t": 50.0 + by} for name, by in moved.items()]
    )
    console = Console(file=io.StringIO(), width=120)
    print_what_changed(changes, {}, console)
    printed = console.file.getvalue()
    said = "Nothing has moved the forecasts of rare gadgets, gallium since the issue of 2022-06-20.\n"
    assert printed.startswith(said)
    assert printed.count("What changed of") == 1
    assert "e-0" not in printed


@pytest.mark.slow
@pytest.mark.parametrize("words", [["update", "month-1.csv", "--events", "none"], ["track"], ["revisions"]])
def test_a_store_in_use_is_said_in_a_line(place: Path, words: list[str]) -> None:
    """While another process has the store, every command that needs it ends with exit 1 and one sentence."""
    command = [sys.executable, "-m", "forecast", *words, "--store", "s.duckdb"]
    with Store(place / "s.duckdb"):
        done = subprocess.run(command, capture_output=True, text=True, cwd=place)
    wait = "the store is in use by another process. Wait until it has ended, and do it again."
    assert (done.returncode, done.stderr) == (1, f"s.duckdb: {wait}\n")


@pytest.mark.slow
def test_a_damaged_store_is_said_in_a_line(place: Path) -> None:
    """Exit 1 and a sentence on stderr."""
    run("update", "month-1.csv", "--store", "s.duckdb", *PLAIN)
    Path("s.duckdb").write_bytes(b"nonsense" * 100)
    result = run("track", "--store", "s.duckdb")
    assert result.exit_code == 1
    assert "damaged or none of ours" in result.stderr


QUICK = ["--models", "naive,structural,combination", "--no-calibrate"]


@pytest.mark.slow
def test_a_store_that_is_named_gives_figures_calendar_and_day(place: Path) -> None:
    """Scenario, explain, changes and next forecast from the store what its update did, not the shipped figures."""
    words = [*QUICK, "--events", "events.csv", "--horizon", "1"]
    assert run("update", "month-1.csv", "--store", "s.duckdb", *words, "--output", "up").exit_code == 0
    issued = read_run(Path("up")).forecasts.query("model == 'combination'").set_index(["destination", "month"])
    add = "kind=listing, destinations=USA, announced=2022-07-01, effective=2022-08-01, probability=0.5"
    for words in (["scenario", "--add", add, *QUICK], ["next", *QUICK]):
        done = run(*words, "--store", "s.duckdb", "--output", "out")
        assert done.exit_code == 0, done.output
        found = read_run(Path("out")).forecasts.set_index(["destination", "month", "model"])["volume_t"]
        model = "mixture" if words[0] == "scenario" else "combination"
        month = issued.index.get_level_values("month").max()
        assert found["DEU", month, model] == pytest.approx(issued.loc[("DEU", month), "volume_t"], rel=1e-9)
        assert set(read_run(Path("out")).forecasts["product"]) == {"widgets"}
    parts = run("explain", "USA", "--run", "up", "--json")
    assert '"title": "licensing of 2021-06-01"' in parts.stdout
    assert run("changes", "--store", "s.duckdb").stdout.startswith("Exports of widgets: changes")
    assert run("brief", "--run", "up", "--quick").exit_code == 0
    assert run("explain", "United States", "--run", "up", "--json").stdout == parts.stdout
    calendar = run("events", "--store", "s.duckdb").stdout
    assert re.search(r"^licensing +2021-06-01 +all +widgets", calendar, re.M)


@pytest.mark.slow
def test_a_scheduled_end_of_ones_own_calendar_is_kept(place: Path) -> None:
    """After an update with it a scenario lets it lapse without the file as with it; its name may be a shipped one."""
    truce = {"event": "truce-2025-11-usa", "kind": "truce", "destinations": ("USA",), "products": ("widgets",)}
    days = {"announced": date(2022, 3, 1), "ends": date(2022, 8, 1), "ends_announced": date(2022, 3, 1)}
    as_text(simulated.calendar({**truce, **days, "ends_status": "scheduled"})).to_csv("events.csv", index=False)
    assert run("update", "month-1.csv", "--store", "s.duckdb", *PLAIN).exit_code == 0
    words = ["scenario", "--store", "s.duckdb", "--lapse", "truce-2025-11-usa=0.4", "--models", "theta"]
    for more in (["--output", "kept"], ["--output", "given", "--events", "events.csv"]):
        done = run(*words, *more)
        assert done.exit_code == 0, done.output
        assert "ends on 2022-08-01 as scheduled: 40 %" in done.stdout
    assert Path("kept/branches.csv").read_text() == Path("given/branches.csv").read_text()


@pytest.mark.slow
def test_quiet_says_nothing_of_an_imported_file_either(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A download that is read on the way has its line on stderr, and none with --quiet."""
    download = Path(__file__).parents[2] / "docs" / "samples" / "download-march.csv"
    on(monkeypatch, date(2026, 3, 20))
    on_day = ["--events", "none", "--models", "naive", "--issued", "2026-03-20"]
    words = ["next", "--exports", str(download), *on_day]
    on_screen, quiet = run(*words), run(*words, "--quiet")
    assert "82 figures used" in on_screen.stderr
    assert (quiet.exit_code, quiet.output) == (0, "")


@pytest.mark.slow
def test_where_the_shipped_figures_are_taken_beside_a_store_it_is_said(place: Path) -> None:
    """One sentence on stderr with the option to add, and none where a store, files or --quiet are given."""
    done = run("update", "month-1.csv", "--store", "s.duckdb", *PLAIN, "--horizon", "1")
    assert done.exit_code == 0, done.output
    said = "These are the shipped figures; for those of your own store add --store s.duckdb.\n"
    effects = ["analogues", "licensing-2025-04-ree", "--product"]
    assert run(*effects, "rare_earth_magnets").stderr == said
    assert run(*effects, "rare_earth_magnets", "--exports", "shipped").stderr == ""
    Path("s.duckdb").unlink()
    assert run(*effects, "rare_earth_magnets").stderr == ""
