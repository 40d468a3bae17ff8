from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import simulated

from forecast.backtest.run import forecast_all
from forecast.tables.run import Forecasts
from forecast.tables.run_folder import (
    OutputError,
    about_run,
    check_place,
    new_folder,
    read_about,
    read_run,
    write_run,
)
from forecast.tables.schema import RUN_TABLES

SAVED = [name for name, table in RUN_TABLES.items() if table.saved]


@pytest.fixture(scope="module")
def run() -> Forecasts:
    """A run with rows in every table: a short series that fails; effects and what is left out by hand."""
    exports = simulated.exports({"USA": list(simulated.steady(40)), "ITA": [1.0, 2.0]})
    events = simulated.calendar({"kind": "ban", "announced": date(2023, 1, 5)})
    made = forecast_all(exports, events, {}, models=["naive", "theta", "combination"], learn=False)
    key = {"product": "magnets", "destination": "USA", "model": "arima", "issued": date(2023, 5, 20)}
    series = {name: key[name] for name in ("product", "destination", "issued")}
    phase = {"episode": "ban", "kind": "ban", "phase": "force_1", "estimate": -0.1, "lower": -1 / 3, "upper": 0.2}
    effects = pd.DataFrame([series | phase])
    dropped = pd.DataFrame([series | {"event": "quota", "reason": "the part of the volume under it is not known"}])
    left = pd.DataFrame([{**key, "reason": "arima: fit a simpler model."}])
    month = pd.Period("2023-05", freq="M")
    cell = series | {"month": month}
    judgements = pd.DataFrame([{**cell, "model_t": 0.1, "judged_t": 0.08, "rule": "-20%", "reason": "a strike; two"}])
    reconciled = made.forecasts[RUN_TABLES["reconciled"].columns[:-1]].assign(parts=1)
    bounds = dict.fromkeys(["volume_t", "lower_80", "upper_80", "lower_95", "upper_95"], 1 / 3)
    estimates = pd.DataFrame([{**cell, **bounds, "inside": "WLD", "sum_t": 0.7}])
    without = dict.fromkeys(["without_t", "without_lower_80", "without_upper_80"], 0.2)
    moved = pd.DataFrame([{**cell, "headline": "alloys", "headline_month": month, "headline_t": 0.9, **without}])
    by_hand = {"effects": effects, "dropped": dropped, "reference_fits": left, "judgements": judgements}
    return made.replaced(**by_hand, reconciled=reconciled, estimates=estimates, nowcasts=moved)


@pytest.fixture
def about(tmp_path: Path) -> dict[str, object]:
    """What made a run with one input of three bytes."""
    given = tmp_path / "given.csv"
    given.write_bytes(b"abc")
    cutoffs = {"magnets": pd.Period("2023-04", freq="M")}
    arguments = {"horizon": 1}
    return about_run("next", arguments, issued=date(2023, 5, 20), seed=7, cutoffs=cutoffs, inputs={"given.csv": given})


def written(folder: Path, run: Forecasts, about: dict[str, object]) -> Path:
    with new_folder(folder) as beside:
        write_run(beside, run, about)
    return folder


def test_a_run_is_read_back_as_it_was(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """Reading a folder gives the tables that were written: values, types and order, to the last digit."""
    back = read_run(written(tmp_path / "run", run, about))
    for name in SAVED:
        assert len(getattr(run, name)), name
        pd.testing.assert_frame_equal(getattr(back, name), getattr(run, name), check_exact=True)


def test_a_backtest_keeps_its_actuals(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """A further column of numbers is read back too, empty cells as not known."""
    actual = [float("nan"), *[1 / 3] * (len(run.forecasts) - 1)]
    known = run.replaced(forecasts=run.forecasts.assign(actual_t=actual), calibration=RUN_TABLES["calibration"].empty())
    back = read_run(written(tmp_path / "run", known, about))
    pd.testing.assert_series_equal(back.forecasts["actual_t"], known.forecasts["actual_t"], check_exact=True)


def test_tables_without_rows(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """An empty table has a file with its header, except for those that a run may do without, and is read back empty."""
    empty = Forecasts(**{name: getattr(run, name).iloc[:0] for name in SAVED})
    folder = written(tmp_path / "run", empty, about)
    assert sorted(path.name for path in folder.iterdir()) == [
        "dropped.csv", "failures.csv", "forecasts.csv", "run.json",
    ]  # fmt: skip
    back = read_run(folder)
    for name in SAVED:
        assert getattr(back, name).empty
        assert list(getattr(back, name).columns) == RUN_TABLES[name].columns


def test_same_run_same_bytes(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """The same run written twice gives the same files, byte for byte."""
    first, second = written(tmp_path / "a", run, about), written(tmp_path / "b", run, about)
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }


def test_what_made_a_run(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """run.json has versions, arguments, seed, days, cutoffs, and the sha256 of every input by name."""
    back = read_about(written(tmp_path / "run", run, about))
    assert back["inputs"] == {"given.csv": hashlib.sha256(b"abc").hexdigest()}
    assert {key: back[key] for key in ("command", "arguments", "seed", "issued", "cutoffs")} == {
        "command": "next",
        "arguments": {"horizon": 1},
        "seed": 7,
        "issued": "2023-05-20",
        "cutoffs": {"magnets": "2023-04"},
    }
    libraries = {"holidays", "numba", "numpy", "pandas", "prophet", "scikit-learn", "scipy", "statsmodels"}
    assert set(back["versions"]) == {"python", "export-forecast", *libraries}


def test_an_earlier_run_is_replaced_whole(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """Nothing of an earlier run in the same folder is left, and nothing stands beside it."""
    folder = tmp_path / "runs" / "run"
    with new_folder(folder) as beside:
        write_run(beside, run, about)
        (beside / "plots").mkdir()
        (beside / "plots" / "old.png").touch()
    written(folder, run, about)
    assert not (folder / "plots").exists()
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_an_empty_folder_is_taken(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """A folder that exists and is empty can hold a run."""
    (tmp_path / "run").mkdir()
    assert read_about(written(tmp_path / "run", run, about))["seed"] == 7


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_nothing_half_written(
    tmp_path: Path, run: Forecasts, about: dict[str, object], error: type[BaseException]
) -> None:
    """Whatever stops the writing, also Ctrl-C, the earlier run stands as it was and nothing is beside it."""
    folder = written(tmp_path / "runs" / "run", run, about)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def stopped() -> None:
        with new_folder(folder) as beside:
            (beside / "forecasts.csv").touch()
            raise error

    with pytest.raises(error):
        stopped()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["run"]


def test_an_earlier_run_comes_back(
    tmp_path: Path, run: Forecasts, about: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where names cannot be exchanged and the last rename is refused, the earlier run is put back, with a sentence."""
    folder = written(tmp_path / "runs" / "run", run, about)
    rename = Path.rename

    def refuse(self: Path, target: Path) -> Path:
        if self.suffix == ".new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr("forecast.safety.atomic._exchange_call", lambda: None)
    monkeypatch.setattr(Path, "rename", refuse)
    found = "expected a folder that can be written, found that it cannot (no space left on device)."
    with pytest.raises(OutputError) as refusal, new_folder(folder):
        pass
    assert str(refusal.value) == f"{folder}: {found}"
    assert [path.name for path in folder.parent.iterdir()] == ["run"]
    assert read_about(folder)["seed"] == 7


@pytest.mark.parametrize(
    ("name", "text"),
    [("notes.txt", "mine"), ("run.json", "{}"), ("run.json", '{"package": "another"}'), ("run.json", "no json")],
)
def test_other_peoples_files_are_safe(tmp_path: Path, name: str, text: str) -> None:
    """A folder with anything in it but a run of ours is refused and left alone."""
    (tmp_path / name).write_text(text)
    found = "expected a new or empty folder, or one of an earlier run, found other files without a run.json of ours."
    with pytest.raises(OutputError) as refusal:
        check_place(tmp_path)
    assert str(refusal.value) == f"{tmp_path}: {found} Choose another folder."
    assert (tmp_path / name).read_text() == text


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """A path that is a file, or that leads through one, is refused."""
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"file: expected a new or empty folder, .*, found a file\. Choose another"):
        check_place(tmp_path / "file")
    with pytest.raises(OutputError, match=r"below: expected a folder that can be written, found that .*file cannot be"):
        check_place(tmp_path / "file" / "below")


def test_parts_of_forecasts_that_are_not_there_are_refused(
    tmp_path: Path, run: Forecasts, about: dict[str, object]
) -> None:
    """One sentence, where a file of the folder was changed by hand."""
    one = run.forecasts.iloc[[0]]
    parts = one[["product", "destination", "issued", "month"]].assign(
        part=0, name="level", kind="level", log=0.0, tonnes=1.0
    )
    parts = parts.reindex(columns=run.parts.columns)
    assert len(read_run(written(tmp_path / "run", run.replaced(parts=parts), about)).parts) == 1
    other = written(tmp_path / "other", run.replaced(parts=parts.assign(product="gadget")), about)
    with pytest.raises(OutputError, match=r"expected parts\.csv of what forecasts\.csv has"):
        read_run(other)


def test_only_a_run_is_read(tmp_path: Path, run: Forecasts, about: dict[str, object]) -> None:
    """A folder that is no run, is another program's, or lost a table is a sentence."""
    with pytest.raises(OutputError, match=r"expected the folder of a run, found no run\.json that can be read\.$"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"package": "another"}))
    with pytest.raises(OutputError, match=r"found a run\.json that is not export-forecast's\.$"):
        read_run(tmp_path)
    folder = written(tmp_path / "run", run, about)
    (folder / "dropped.csv").unlink()
    with pytest.raises(OutputError, match=r"expected dropped\.csv of a run, found none that can be read\.$"):
        read_run(folder)


@pytest.mark.parametrize(("engine", "counted"), [("compiled", 1), ("reference", None)])
def test_fits_left_to_the_reference_are_counted(tmp_path: Path, run: Forecasts, about, engine, counted) -> None:
    """run.json of a compiled run says how many fits the reference took over; of another run, nothing."""
    about["arguments"]["engine"] = engine
    assert read_about(written(tmp_path / "run", run, about)).get("reference_fits") == counted
