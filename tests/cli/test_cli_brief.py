"""`forecast brief` from end to end: of the folder of an update, and of the store that it was made with."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import simulated
from typer.testing import CliRunner, Result

from forecast import cli, read_run
from forecast.report.text import digits, signed
from forecast.tables.frames import as_text
from forecast.tables.run_folder import foreign_files

DAYS = (date(2022, 6, 20), date(2022, 7, 20))
RUN = Path("output/update-2022-07-20")
HOW = ("--models", "naive,structural,combination", "--no-calibrate", "--experience", "none", "--horizon", "2")


def run(*words: str) -> Result:
    return CliRunner().invoke(cli.app, words)


@pytest.fixture(scope="module")
def updated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two monthly updates into one store; the second has new figures, a revision and an event."""
    folder = tmp_path_factory.mktemp("updates")
    series = {"WLD": list(simulated.steady(42, 1000.0)), "USA": list(simulated.steady(42, 200.0, seed=1))}
    exports = simulated.exports(series, product="widgets", start="2019-01")
    columns = ["product", "destination", "month", "volume_t", "released"]
    licence = {"kind": "licensing", "announced": date(2021, 6, 1), "products": ("widgets",)}
    ban = {
        "event": "ban",
        "kind": "ban",
        "announced": date(2022, 7, 1),
        "products": ("widgets",),
        "destinations": ("USA",),
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(folder)
        for number, day in enumerate(DAYS, start=1):
            patched.setattr("forecast.cli.inputs.today", lambda day=day: day)
            known = exports[[released <= day for released in exports["released"]]]
            revised = known["volume_t"].where(known["month"].astype(str) != "2022-03", known["volume_t"] * 1.1**number)
            as_text(known.assign(volume_t=revised)[columns]).to_csv("exports.csv", index=False)
            as_text(simulated.calendar(*[licence, ban][:number])).to_csv("events.csv", index=False)
            done = run("update", "exports.csv", "--events", "events.csv", "--store", "s.duckdb", *HOW)
            assert done.exit_code == 0, done.output
    return folder


@pytest.fixture
def place(updated: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(updated)
    monkeypatch.setattr("forecast.cli.inputs.today", lambda: DAYS[1])
    return updated


def rows_below(markdown: str, title: str) -> list[list[str]]:
    """The cells of the table under a heading that begins so."""
    section = markdown.partition(f"### {title}")[2].partition("\n### ")[0]
    return [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")][2:]


@pytest.mark.slow
def test_the_brief_of_an_update_has_its_numbers_and_what_changed(place: Path):
    """Page, Markdown and workbook beside the run; forecasts, parts and contributions are those of its tables."""
    done = run("brief", "--run", str(RUN), "--store", "s.duckdb", "--markdown", "--xlsx")
    assert done.exit_code == 0, done.output
    assert done.stdout == "".join(f"Brief: {RUN / f'brief.{ending}'}\n" for ending in ("html", "xlsx", "md"))
    markdown, page = ((RUN / f"brief.{ending}").read_text(encoding="utf-8") for ending in ("md", "html"))
    found, moved = read_run(RUN), pd.read_csv(RUN / "changes.csv", keep_default_na=False)
    shown = found.forecasts[found.forecasts["model"] == "combination"]
    expected = {(str(row.month), digits(row.volume_t), f"{digits(row.lower_80)} to {digits(row.upper_80)}")
                for row in shown.itertuples()}  # fmt: skip
    assert expected == {tuple(row[1:4]) for row in rows_below(markdown, "Forecast by destination")}
    causes = [name for name, own in moved.groupby("contribution", sort=False) if own["change_t"].abs().sum()]
    assert {"revisions", "new_figures", "calendar_added"} <= set(causes)
    usa = moved[(moved["destination"] == "USA") & (moved["month"] == "2022-07")].set_index("contribution")["change_t"]
    (said,) = [
        row for row in rows_below(markdown, "Since the issue of 2022-06-20") if row[:2] == ["United States", "2022-07"]
    ]
    assert said[5:] == [signed(usa[name]) for name in causes]
    assert "### Parts of the forecast: United States, 2022-07" in markdown
    scored = pd.read_csv(RUN / "scored.csv").query("model == 'combination'")
    held = {(row.month, digits(row.volume_t), digits(row.actual_t)) for row in scored.itertuples()}
    assert held == {(row[1], row[2], row[4]) for row in rows_below(markdown, "The last issue and the actual")}
    assert {month for month, *_ in held} == {"2022-06"}
    assert all(f">{word}</h3>" in page for word in ("What changed", "Why", "How often right"))
    assert foreign_files(RUN) == []


@pytest.mark.slow
def test_the_brief_of_a_store_is_that_of_its_last_update_but_for_the_parts(place: Path):
    """The same numbers from the database alone, and a word on where the parts are."""
    assert run("brief", "--run", str(RUN), "--store", "s.duckdb", "--markdown", "-q").exit_code == 0
    done = run("brief", "--store", "s.duckdb", "--output", "of-store/page.html", "--markdown")
    assert done.exit_code == 0, done.output
    of_run, of_store = (path.read_text(encoding="utf-8") for path in (RUN / "brief.md", Path("of-store/page.md")))
    assert of_store == re.sub(r"### Parts of the forecast: .*?(?=### (?!Parts))", "", of_run, flags=re.DOTALL)
    assert of_store != of_run
    said = "A store keeps no parts of its forecasts: the brief of the update's own folder has them."
    assert said in Path("of-store/page.html").read_text(encoding="utf-8")
    assert said not in (RUN / "brief.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_what_changed_is_written_in_the_open_schema_and_closes(place: Path):
    """Beside the page of a store too; contributions of each forecast add up to its change."""
    assert run("brief", "--store", "s.duckdb", "--output", "open/page.html", "-q").exit_code == 0
    table, moved = pd.read_csv("open/page-news_decomposition.csv"), pd.read_csv(RUN / "changes.csv")
    sums = table.groupby(["variable", "date"])["contribution"].sum().tolist()
    cells = moved.drop_duplicates(["destination", "month"]).sort_values(["destination", "month"])
    assert sums == pytest.approx((cells["after_t"] - cells["before_t"]).tolist(), abs=1e-9)


@pytest.mark.slow
def test_an_issue_made_again_the_same_day_has_the_track_record_of_the_store(place: Path):
    """Actuals are compared with the issue of an earlier day, from the store as from a run that names it."""
    words = ("--models", "naive,structural,combination", "--no-calibrate", "--experience", "none", "--quiet")
    Path("again.duckdb").write_bytes(Path("s.duckdb").read_bytes())
    files = ("--exports", "exports.csv", "--events", "events.csv", "--store", "again.duckdb", "--output", "again")
    assert run("next", *files, *words).exit_code == 0
    for source in ((), ("--run", "again")):
        done = run("brief", *source, "--store", "again.duckdb", "--output", "record/page.html", "--quick", "--markdown")
        assert done.exit_code == 0, done.output
        markdown = Path("record/page.md").read_text(encoding="utf-8")
        assert {row[1] for row in rows_below(markdown, "The last issue and the actual")} == {"2022-06"}
        assert rows_below(markdown, "Track record of the store, one month ahead")[0][:2] == ["all months", "2"]


@pytest.mark.slow
def test_without_its_store_the_brief_of_an_update_asks_for_it(place: Path):
    """It is found where the run says that it lies; else exit 1 and what to do, of the newest run as of a named one."""
    assert run("brief", "--run", str(RUN), "--quick", "--output", "found/page.html").exit_code == 0
    Path("s.duckdb").rename("elsewhere.duckdb")
    for words in (("brief",), ("brief", "--run", str(RUN))):
        done = run(*words)
        assert done.exit_code == 1
        assert done.stderr.endswith(
            f"expected a store, found none. {RUN} rests on a store: name it with --store FILE.\n"
        )
    Path("elsewhere.duckdb").rename("s.duckdb")
    done = run("brief", "--store", "absent.duckdb")
    assert done.stderr == "absent.duckdb: expected a store, found none. Make one with forecast update FILE.\n"


@pytest.mark.slow
def test_the_rest_of_the_world_has_one_number(place: Path):
    """In table, why, what changed, store and explain it is what adds up with the total; no other number is said."""
    how = ("--exports", "exports.csv", "--events", "events.csv", *HOW, "--output", "one", "--store", "one.duckdb")
    done = run("next", *how)
    assert done.exit_code == 0, done.output
    found = read_run(Path("one"))
    rest, alone = (
        table.query("destination == 'ROW' and model == 'combination'")
        .sort_values("month")["volume_t"]
        .map(digits)
        .tolist()
        for table in (found.reconciled, found.forecasts)
    )
    assert rest[0] != alone[0]
    said = " ".join(done.stdout.split())
    assert (
        "Totals Rest of world is World less United States, as in draws in which these add up (reconciled.csv); in "
        "forecasts.csv it stands by itself the other forecasts are of each series by itself: medians need not add up"
    ) in said
    assert "(its months are shown as they add up with World): Rest of world" in said
    assert run("brief", "--run", "one", "--markdown").exit_code == 0
    markdown = Path("one/brief.md").read_text(encoding="utf-8")
    forecast, changed = (
        [row for row in rows_below(markdown, title) if row[0] == "Rest of world"]
        for title in ("Forecast by destination", "Since the issue of")
    )
    assert forecast[0][2] == rest[0]
    assert [row[3] for row in changed] == [number for number, _ in zip(rest, changed, strict=False)]
    assert f"| forecast | {rest[0]} |" in markdown
    assert run("brief", "--store", "one.duckdb", "--output", "kept.html", "--markdown").exit_code == 0
    own = [row for row in rows_below(Path("kept.md").read_text("utf-8"), "Forecast by") if row[0] == "Rest of world"]
    assert [row[2] for row in own] == rest
    assert f"{rest[0]} t" in run("explain", "ROW", "--run", "one").stdout
