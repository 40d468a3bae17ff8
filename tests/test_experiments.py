"""The experiments: notebooks that only show, answers whose numbers are in the results, results that come out again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from datetime import date
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student

from forecast.report.page.notebook import run_notebook
from forecast.report.page.run_tables import sha256
from forecast.report.track_record import TRACK_COLUMNS, read_track_phases, read_track_record
from forecast.sources.plain import shipped

ROOT = Path(__file__).resolve().parents[1]
HOME = ROOT / "experiments"
EXPERIMENTS = sorted(path.parent for path in HOME.glob("*/experiment.toml"))
NAMES = [folder.name for folder in EXPERIMENTS]
NOTEBOOKS = sorted(HOME.glob("*/*.ipynb"))

sys.path.insert(0, str(HOME))

import answers  # noqa: E402
import run  # noqa: E402
import simulate  # noqa: E402


def settings(folder: Path) -> dict[str, object]:
    return tomllib.loads((folder / "experiment.toml").read_text(encoding="utf-8"))


def test_every_experiment_has_a_notebook():
    """Question, settings, notebook, results and answer stand in every folder."""
    assert tuple(NAMES) == run.EXPERIMENTS
    assert [path.parent.name for path in NOTEBOOKS] == NAMES
    wanted = {"README.md", "answer.md", "experiment.toml", "results"}
    assert all(wanted <= {path.name for path in folder.iterdir()} for folder in EXPERIMENTS)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_no_notebook_defines_a_function(path: Path):
    """Cells import, call and show, and are committed without outputs."""
    code = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert not any(re.search(r"\b(def|class|lambda)\b", cell.source) for cell in code)
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


@pytest.mark.slow
def test_every_number_of_the_answers_is_in_the_results():
    """README.md is what the results say, word by word; the templates of the answers hold no measured number."""
    assert (HOME / "README.md").read_text(encoding="utf-8") == answers.readme(HOME, NAMES)
    for folder in EXPERIMENTS:
        typed = re.sub(r"\{[^}]*\}", "", (folder / "answer.md").read_text(encoding="utf-8"))
        typed = re.sub(r"(80|95) %|\b(\d{1,2} )?(April|July|August|October)( 20\d\d)?", "", typed)
        assert not re.search(r"\d", typed), folder.name


@pytest.mark.parametrize("folder", EXPERIMENTS, ids=NAMES)
def test_results_are_of_the_settings_that_stand_beside_them(folder: Path):
    """The arguments in run.json are those of experiment.toml, and shipped figures are the shipped ones of today."""
    about = json.loads((folder / "results" / "run.json").read_text(encoding="utf-8"))
    assert about["arguments"] == {name: value for name, value in settings(folder).items() if name != "world"}
    places = {name: folder / "results" / name for name in about["inputs"]}
    files = {name: path if path.exists() else shipped(name) for name, path in places.items()}
    assert about["inputs"] == {name: sha256(path) for name, path in files.items()}


def test_the_shipped_track_record_is_that_of_the_first_experiment():
    """Every k of n comes out again from the committed results."""
    record = read_track_record()
    pd.testing.assert_frame_equal(record, answers.track_record(HOME / "01-magnets-2025" / "results"), check_dtype=False)
    assert record.columns.tolist() == TRACK_COLUMNS
    assert record["held"].between(0, record["n"]).all()
    assert {"WLD", "USA"} <= set(record["destination"])


def test_the_shipped_phases_are_those_of_the_first_experiment_and_add_up_to_the_record():
    """Every count comes out again from the committed results; over phases they are those over destinations."""
    phases, record = read_track_phases(), read_track_record()
    found = answers.track_phases(HOME / "01-magnets-2025" / "results")
    pd.testing.assert_frame_equal(phases, found, check_dtype=False, check_categorical=False)
    for level in (80, 95):
        own = record[record["level"] == level]
        assert [phases["n"].sum(), phases[f"held_{level}"].sum()] == [own["n"].sum(), own["held"].sum()]


def test_the_track_record_counts_what_lay_inside():
    """Of the world, by a loop over the rows of forecasts.csv."""
    rows = pd.read_csv(HOME / "01-magnets-2025" / "results" / "forecasts.csv")
    rows = rows.query("destination == 'WLD' and model == 'combination' and horizon == 1 and actual_t == actual_t")
    inside = sum(row.lower_80 <= row.actual_t <= row.upper_80 for row in rows.itertuples())
    record = read_track_record().query("destination == 'WLD' and level == 80")
    assert record[["held", "n"]].to_numpy().tolist() == [[inside, len(rows)]]


def test_a_simulated_step_multiplies_a_whole_month_by_its_effect():
    """Without noise, wave and trend: half of May under a step of log 1/2 leaves 3/4, all of June a half."""
    world = {
        "start": "2024-04", "months": 3, "destinations": ["USA"], "level_t": [100.0], "trend_a_year": 0.0,
        "season": 0.0, "new_year": 0.0, "noise": 0.0, "persistence": 0.0,
        "events": [{"event": "e", "kind": "licensing", "destinations": ["ALL"], "announced": date(2024, 5, 1),
                    "effective": date(2024, 5, 16), "step": float(np.log(0.5)), "temporary": 0.0}],
    }  # fmt: skip
    exports, events, truth = simulate.simulated(world, seed=0)
    assert exports["volume_t"].to_numpy() == pytest.approx([100.0, 100 * (15 + 16 / 2) / 31, 50.0], abs=1e-3)
    assert events["effective"].tolist() == [date(2024, 5, 16)]
    assert truth.astype({"first": str}).to_numpy().tolist() == [
        ["USA", "e", "notice", 0.0, "2024-05"],
        ["USA", "e", "force_0", pytest.approx(np.log(0.5)), "2024-05"],
        ["USA", "e", "force_1", pytest.approx(np.log(0.5)), "2024-06"],
    ]


def test_a_simulated_phase_has_the_mean_effect_of_its_days():
    """By a loop over the days of the second month after the effect, of a change that passes."""
    event = {"event": "e", "kind": "licensing", "destinations": ["ALL"], "announced": date(2024, 1, 1),
             "effective": date(2024, 1, 1), "step": -1.0, "temporary": -0.5}  # fmt: skip
    world = {"start": "2024-01", "months": 4, "destinations": ["USA"], "events": [event]}
    ages = [day / (365.25 / 12) for day in range(121)]
    factors = [np.exp(-1.0 - 0.5 * 0.7**age) for age in ages if 1 <= age < 2]
    found = simulate.true_effects(world).set_index("phase")["effect"]
    assert found["force_1"] == pytest.approx(np.log(np.mean(factors)))
    assert found.index.tolist() == ["force_0", "force_1", "force_2", "force_3-5"]


def test_a_recovered_effect_is_one_whose_interval_holds_the_truth():
    """The committed table says so in every row."""
    table = pd.read_csv(HOME / "03-simulated" / "results" / "recovered.csv")
    held = (table["lower"] <= table["effect"]) & (table["effect"] <= table["upper"])
    assert table["inside"].tolist() == held.astype(int).tolist()
    assert len(table) > 100


def test_an_effect_is_seen_once_a_month_of_its_phase_is_published():
    """Licensing of May 2025: at the origin of 20 June only its first phase was; the tariff of 2022 all along."""
    table = pd.read_csv(HOME / "03-simulated" / "results" / "recovered.csv").query("destination == 'USA'")
    rows = table[table["issued"] == "2025-06-20"].set_index(["episode", "phase"])["seen"]
    assert rows["licensing-2025"].to_dict() == {
        "force_0": 1, "force_1": 0, "force_2": 0, "force_3-5": 0, "force_6-11": 0
    }  # fmt: skip
    assert rows["tariff-2022"].eq(1).all()


def test_earlier_results_are_looked_up_where_a_folder_keeps_them():
    """Each value of previous.toml is named in the answer beside it."""
    for path in HOME.glob("*/previous.toml"):
        text = (path.parent / "answer.md").read_text(encoding="utf-8")
        named = set(re.findall(r"\{previous_(\w+)\}", text))
        assert named == set(tomllib.loads(path.read_text(encoding="utf-8"))), path.parent.name


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=NAMES)
def test_notebooks_run_from_the_committed_results(path: Path, tmp_path: Path):
    """From the first cell to the last, in the notebook's own folder."""
    done = run_notebook(path, {}, tmp_path, path.parent)
    shown = [output for cell in done.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in shown)
    assert not [output for output in shown if output.output_type in ("error", "stream")]


@pytest.mark.slow
@pytest.mark.parametrize("folder", EXPERIMENTS, ids=NAMES)
def test_results_come_out_again_from_scratch(folder: Path, tmp_path: Path):
    """Every table of both runs, to a millionth; texts to the letter."""
    run.run_experiment(folder, tmp_path / "results")
    committed = sorted((folder / "results").rglob("*.csv"))
    assert committed == [folder / path.relative_to(tmp_path) for path in sorted((tmp_path / "results").rglob("*.csv"))]
    for path in committed:
        again, found = pd.read_csv(tmp_path / path.relative_to(folder)), pd.read_csv(path)
        if path.name == "significance.csv":
            assert_tested_alike(again, found)
            again, found = (table.drop(columns=["statistic", "p_value"]) for table in (again, found))
        pd.testing.assert_frame_equal(again, found, rtol=1e-6, atol=1e-9, obj=str(path.relative_to(HOME)))


def assert_tested_alike(again: pd.DataFrame, found: pd.DataFrame):
    """Statistics of losses that are the same to a millionth, and the p-values that follow from them.

    The statistic is a mean over its spread: where it is large, what the losses move by in their last digits is as many
    times larger in the spread.
    """
    size = found["statistic"].abs()
    apart = (again["statistic"] - found["statistic"]).abs()
    assert again["statistic"].isna().equals(found["statistic"].isna())
    assert (apart[size.notna()] <= 1e-9 + 1e-6 * (size * np.maximum(size, 1.0))[size.notna()]).all()
    expected = 2 * student.cdf(-again["statistic"].abs(), again["months"] - 1)
    np.testing.assert_allclose(again["p_value"], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.slow
def test_an_unknown_experiment_is_refused_with_the_known_names():
    """In a sentence, before anything runs."""
    command = [sys.executable, str(HOME / "run.py"), "04-nothing"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ)
    assert done.returncode == 2
    assert "there is no experiment 04-nothing: choose among 01-magnets-2025" in done.stderr
