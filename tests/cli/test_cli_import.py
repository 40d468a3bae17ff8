"""`forecast import` and `forecast validate`: files, exit codes, and what is said."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from forecast.cli import app
from forecast.cli.inputs import Given, Tables, say_doubts

LONG = "Country;Month;Net weight (kg)\nUK;2025-05;1500\nROW;2025-05;10\nUtopia;2025-06;20\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.csv").write_text(LONG)
    return tmp_path


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(words))
    return result.exit_code, result.stdout, result.stderr


def test_import_writes_the_table_and_what_could_not_be_used(folder: Path):
    """Exit 0: exports.csv, beside it row by row what was left out, and a line per cause on the screen."""
    code, said, _ = run("import", "mine.csv", "--product", "w")
    assert code == 0
    assert (folder / "exports.csv").read_text().splitlines()[1].startswith("w,GBR,2025-05,1.5,2025-06-20,reported")
    unused = pd.read_csv(folder / "exports-unused.csv")
    assert unused["row"].tolist() == [3, 4]
    assert "Not used, 1: a destination that is not known (Utopia: 1 row with 20 in all)." in said
    assert "1 figures used, 2 not." in said


def test_options_say_what_the_file_does_not(folder: Path):
    """Columns, unit, names and output of the caller's."""
    Path("odd.csv").write_text("where,when,much\nUtopia,2025-05,2\n")
    words = ["--column", "destination=where", "--column", "month=when", "--column", "volume=much", "--unit", "lb"]
    code, _, said = run(
        "import", "odd.csv", *words, "--name", "Utopia=USA", "--product", "w", "--output", "a/b.csv", "-q"
    )
    assert code == 0, said
    assert Path("a/b.csv").read_text().splitlines()[1].startswith("w,USA,2025-05,0.00090718474,")


@pytest.mark.parametrize(
    ("words", "code", "sentence"),
    [
        (["import", "absent.csv"], 1, "absent.csv: expected a file of export figures"),
        (["import", "mine.csv", "--source", "census"], 1, "expected a file of census"),
        (["import", "mine.csv", "--source", "nobody"], 1, "--source: expected one of"),
        (["import", "mine.csv", "--unit", "pieces"], 1, "counted in pieces, which have no weight"),
        (["import", "mine.csv", "--column", "destination"], 2, "expected two words with = between them"),
        (["import", "mine.csv", "--released", "soon"], 2, "expected a day as YYYY-MM-DD"),
        (["import"], 2, "Missing argument"),
        (["validate", "absent.csv"], 1, "absent.csv: expected a CSV file"),
    ],
)
def test_what_is_wrong_is_a_sentence(folder: Path, words: list[str], code: int, sentence: str):
    """Exit 1 for data, 2 for usage, one sentence on stderr, no file written."""
    got, _, said = run(*words)
    assert got == code
    assert sentence in said
    assert not (folder / "exports.csv").exists()


def test_validate_finds_and_strict_fails(folder: Path):
    """Findings are printed with exit 0; `--strict` makes them exit 1."""
    volumes = [100.1, 103.7, 98.2, 101_900.0, 99.4, 104.3, 97.6]
    rows = [f"w,USA,2025-{month:02d},{volume}" for month, volume in enumerate(volumes, 1)]
    Path("slip.csv").write_text("product,destination,month,volume_t\n" + "\n".join(rows) + "\n")
    code, said, _ = run("validate", "slip.csv")
    assert code == 0
    assert "w USA 2025-04" in said
    assert "kilograms?" in said
    assert run("validate", "slip.csv", "--strict")[0] == 1
    assert run("validate", "mine.csv", "--strict")[0] == 0


@pytest.mark.slow
def test_next_names_the_worst_finding_and_a_product_without_events(folder: Path):
    """One line each on stderr: what looks wrong first, how many more there are, and what no event names."""
    volumes = [100.1, 103.7, 98.2, 101_900.0, 99.4, 104.3, 97.6, 102.2]
    rows = [f"w,USA,2025-{month:02d},{volume}" for month, volume in enumerate(volumes, 1)]
    Path("slip.csv").write_text("product,destination,month,volume_t\n" + "\n".join(rows) + "\n")
    words = ("--exports", "slip.csv", "--models", "naive", "--no-calibrate")
    code, _, said = run("next", *words)
    assert code == 0, said
    slip = "Look at this first: w USA 2025-04: 101,900 t, 1,022 times its neighbours: kilograms? (unit slip)."
    unnamed = "No event on file names w: only events that name ALL products are known of it."
    assert said.splitlines()[:2] == [slip, unnamed]
    assert "No event on file" not in run("next", *words, "--events", "none")[2]


@pytest.mark.parametrize(
    ("words", "then"),
    [
        (["update", "customs.csv", "--store", "my store"], "update exports.csv --store 'my store'"),
        (["next", "--exports", "customs.csv"], "next --exports exports.csv"),
        (["validate", "customs.csv"], "validate exports.csv"),
    ],
)
def test_a_file_without_a_unit_needs_two_commands_which_are_named_in_order(folder: Path, words: list[str], then: str):
    """A command without `--unit` says the import that writes a file, and itself with that file."""
    (folder / "customs.csv").write_text("Country,Month,NetWeight\nUK,2025-05,1500\n")
    code, _, said = run(*words)
    assert (code, said.strip()) == (
        1,
        "customs.csv: expected the unit in the heading 'NetWeight' or in a column of units, found none. Say it: "
        f"forecast import customs.csv --unit kg --output exports.csv, then forecast {then} "
        "(or --unit t, '100 kg', lb, kt, usd).",
    )


def test_rows_that_are_derived_are_no_doubt_of_the_file(capsys: pytest.CaptureFixture[str]):
    """The rest of the world is the total less a few destinations: the others are inside it, not beside it."""
    months = pd.period_range("2023-01", periods=6, freq="M")
    volumes = {"WLD": 100.0, "USA": 60.0, "CHL": 30.0, "ROW": 40.0}
    row = {"product": "w", "precision_t": float("nan"), "source": "", "released": date(2024, 1, 1)}
    rows = [row | {"destination": code, "month": month, "volume_t": volume + place,
                   "status": "derived" if code == "ROW" else "reported"}
            for place, month in enumerate(months) for code, volume in volumes.items()]  # fmt: skip
    own = pd.DataFrame(rows)
    for table, said in ((own, False), (own.assign(status="reported"), True)):
        tables = Tables(table, own.iloc[:0], {}, own.iloc[:0], None, None, date(2024, 1, 2))
        say_doubts(Given(("mine.csv",), ("none",)), tables, ["w"])
        assert ("parts add to" in capsys.readouterr().err) == said
