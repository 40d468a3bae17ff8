"""`--experience`: what is learned from beside the files given, as a setting of the run."""

from __future__ import annotations

import json
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from forecast.backtest import run
from forecast.cli import app
from forecast.level_shifts import propose

EVENTS = (
    "event,kind,products,destinations,announced,effective,ends,ends_announced,source,description\n"
    "old,ban,other,ALL,2023-06-01,2023-06-01,2024-01-01,2023-12-01,s,d\n"
    "new,ban,mine,ALL,2024-12-25,2025-01-01,,,s,d\n"
)
FAST = ("--models", "structural", "--no-calibrate", "--events", "events.csv")


def series(product: str, effect: float) -> list[str]:
    """Two years and a half of a product that a ban of June 2023 changes by ``effect``, and 2024 again."""
    months = pd.period_range("2022-01", "2024-12", freq="M")
    noise = np.random.default_rng(len(product)).normal(0, 0.05, len(months))
    hit = np.where((months >= pd.Period("2023-06")) & (months < pd.Period("2024-01")), effect, 1.0)
    volumes = 100 * np.exp(noise) * hit
    return [f"{product},USA,{month},{volume:.3f}" for month, volume in zip(months, volumes, strict=True)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Figures of the user's own, those of another product that the same kind of measure stopped, and a calendar."""
    monkeypatch.chdir(tmp_path)
    header = "product,destination,month,volume_t"
    Path("mine.csv").write_text("\n".join([header, *series("mine", 1.0), ""]))
    Path("other.csv").write_text("\n".join([header, *series("other", 0.02), *series("mine", 7.0), ""]))
    Path("events.csv").write_text(EVENTS)
    return tmp_path


def ran(command: str, *words: str) -> tuple[pd.DataFrame, dict]:
    """The forecasts of a run and what run.json says of it."""
    result = CliRunner().invoke(app, [command, *words, *FAST, "--output", "run", "--quiet"])
    assert result.exit_code == 0, result.stderr
    return pd.read_csv("run/forecasts.csv"), json.loads(Path("run/run.json").read_text())


@pytest.mark.slow
def test_experience_is_a_setting_of_the_run(folder: Path):
    """The word and the file's sha256 are in run.json; only the user's own products are forecast."""
    for experience in ("priors", "none", "other.csv", "shipped"):
        found, about = ran("next", "--exports", "mine.csv", "--experience", experience)
        assert about["arguments"]["experience"] == experience
        assert ("other.csv" in about["inputs"]) == (experience == "other.csv")
        assert ("shipped exports.csv" in about["inputs"]) == (experience == "shipped")
        assert found[["product", "destination"]].drop_duplicates().to_numpy().tolist() == [["mine", "USA"]]


@pytest.mark.slow
def test_what_a_measure_did_to_other_series_is_learned_and_mine_stands_instead_of_theirs(folder: Path):
    """A ban that stopped another product lowers what is expected of this one; their figures of it count for nothing."""
    alone = ran("next", "--exports", "mine.csv", "--experience", "priors")[0]["volume_t"].item()
    taught = ran("next", "--exports", "mine.csv", "--experience", "other.csv")[0]["volume_t"].item()
    both = Path("other.csv").read_text().splitlines()
    Path("other.csv").write_text("\n".join([line for line in both if not line.startswith("mine")]))
    assert taught == ran("next", "--exports", "mine.csv", "--experience", "other.csv")[0]["volume_t"].item()
    assert taught != alone
    none = ran("next", "--exports", "mine.csv", "--experience", "none")[0]["volume_t"].item()
    assert len({alone, taught, none}) == 3


@pytest.mark.slow
def test_experience_after_the_issue_day_changes_nothing(folder: Path):
    """The figures of others count from their own release: what they do later moves no forecast of the past."""
    words = ("--exports", "mine.csv", "--experience", "other.csv", "--issued", "2023-09-20")
    before = ran("next", *words)[0]
    lines = Path("other.csv").read_text().splitlines()
    later = [line if line.split(",")[2:3] < ["2023-09"] or line.startswith("product") else f"{line}9" for line in lines]
    Path("other.csv").write_text("\n".join(later))
    pd.testing.assert_frame_equal(ran("next", *words)[0], before)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("backtest", ("--origins", "2", "--parity", "0")),
        ("scenario", ("--add", "kind=ban,destinations=USA,announced=2025-01-25,effective=2025-02-01,probability=0.5")),
    ],
)
def test_replays_and_scenarios_take_it(folder: Path, command: str, words: tuple[str, ...]):
    """The same files and words give the numbers of the same experience in every command."""
    found = {
        experience: ran(command, "--exports", "mine.csv", *words, "--experience", experience)
        for experience in ("priors", "other.csv")
    }
    assert [about["arguments"]["experience"] for _, about in found.values()] == ["priors", "other.csv"]
    assert set(found["other.csv"][0]["product"]) == {"mine"}
    if command == "scenario":
        assert found["priors"][0]["volume_t"].tolist() != found["other.csv"][0]["volume_t"].tolist()


@pytest.mark.slow
def test_an_update_takes_it(folder: Path):
    """Without experience a store forecasts from its own figures alone; run.json says so."""
    words = ["update", "mine.csv", "--store", "s.duckdb", *FAST, "--output", "run", "--quiet"]
    result = CliRunner().invoke(app, [*words, "--experience", "none"])
    assert result.exit_code == 0, result.stderr
    about = json.loads(Path("run/run.json").read_text())
    assert about["arguments"]["experience"] == "none"
    again = CliRunner().invoke(app, [*words, "--experience", "other.csv"])
    assert again.exit_code == 0, again.stderr
    assert json.loads(Path("run/run.json").read_text())["arguments"]["experience"] == "other.csv"


@pytest.mark.slow
def test_an_explanation_is_of_the_forecast_with_that_experience(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """What explain divides is what next forecasts with the same word, to the last digit."""
    real, quick = run.forecast_all, {"models": ["structural", "combination"], "calibrate": False}
    monkeypatch.setattr(run, "forecast_all", lambda *tables, **options: real(*tables, **{**options, **quick}))
    words = ("--exports", "mine.csv", "--events", "events.csv")
    found = {}
    for experience in ("priors", "other.csv", "none"):
        said = CliRunner().invoke(app, ["explain", "USA", *words, "--experience", experience, "--json"])
        assert said.exit_code == 0, said.stderr
        (one,) = json.loads(said.stdout)
        found[experience] = one["forecast_t"]
    for experience, tonnes in found.items():
        shown, _ = ran("next", *words[:2], "--experience", experience)
        median = shown.loc[shown["model"] == "combination", "volume_t"].item()
        assert tonnes == pytest.approx(median, rel=1e-12)
    assert len(set(found.values())) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("experience", "priors", "products"), [
    ("none", "none", {"mine"}), ("priors", "shipped", {"mine"}), ("other.csv", "shipped", {"mine", "other"}),
])  # fmt: skip
def test_changes_are_sought_with_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch, experience: str, priors: str, products: set[str]
):
    """Replays learn from the other series, and nothing is proposed on them."""
    asked = []

    def stub(exports: pd.DataFrame, *_: object, **options: object) -> propose.Proposals:
        asked.append((set(exports["product"]), options["experience"], options["products"]))
        return real(exports, *_, **options)

    real = partial(propose.proposed_events, model="naive", origins=2)
    monkeypatch.setattr(propose, "proposed_events", stub)
    words = ["changes", "--exports", "mine.csv", "--events", "events.csv", "--experience", experience]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.stderr
    assert asked == [(products, priors, ["mine"])]
    assert "other" not in result.stdout


@pytest.mark.slow
def test_analogues_are_sought_in_it(folder: Path):
    """A measure of one's own is set beside that of the other series, and beside none where there is no experience."""
    words = ["analogues", "new", "--exports", "mine.csv", "--events", "events.csv", "--output", "found.csv"]
    for experience, events in (("other.csv", ["old"]), ("none", [])):
        result = CliRunner().invoke(app, [*words, "--experience", experience])
        assert result.exit_code == 0, result.stderr
        assert pd.read_csv("found.csv")["event"].tolist() == events


@pytest.mark.slow
def test_an_update_of_one_series_forecasts_that_series_as_next_does(folder: Path, monkeypatch: pytest.MonkeyPatch):
    """Shipped series of its product stay out, those of others are experience: the same numbers, and no other row."""
    monkeypatch.setattr("forecast.cli.inputs.today", lambda: date(2025, 1, 25))
    own = Path("mine.csv").read_text().replace("mine,", "rare_earth_magnets,")
    Path("mine.csv").write_text(own)
    updated = CliRunner().invoke(
        app, ["update", "mine.csv", "--store", "s.duckdb", "--horizon", "1", *FAST, "--output", "run", "--quiet"]
    )
    assert updated.exit_code == 0, updated.stderr
    found = pd.read_csv("run/forecasts.csv")
    assert found[["product", "destination"]].to_numpy().tolist() == [["rare_earth_magnets", "USA"]]
    nexts, _ = ran("next", "--exports", "mine.csv", "--experience", "shipped", "--issued", "2025-01-25")
    pd.testing.assert_frame_equal(found, nexts)


def test_an_experience_that_is_not_there_is_a_sentence(folder: Path):
    """Exit 1 and the file's name."""
    result = CliRunner().invoke(app, ["next", "--exports", "mine.csv", *FAST, "--experience", "absent.csv"])
    assert result.exit_code == 1
    assert "absent.csv: expected a CSV file, found none that can be read" in result.stderr
