"""A run that was killed goes on, ends as if nothing had happened, and refuses to go on with other figures."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from datetime import date
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.backtest.checkpoint import Checkpoint, CheckpointError, table_digest
from forecast.tables.frames import as_text
from forecast.tables.schema import RUN_TABLES

EVENTS = calendar({"kind": "licensing", "announced": date(2024, 1, 10)})
TABLES = [*RUN_TABLES]
MODELS = ["naive", "theta", "pooled", "combination"]
OPTIONS = {"models": MODELS, "last": 3, "horizon": 2, "calibrate": False, "engine": "compiled"}

CHILD = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[1].split(os.pathsep)
import forecast as fc
from simulated import GROUPS
from test_checkpoint import EVENTS, OPTIONS, world

def killed_after_four(done, total):
    assert total > 4
    if done == 4:
        os.kill(os.getpid(), signal.SIGKILL)

checkpoint = fc.Checkpoint(Path(sys.argv[2]))
fc.backtest_all(world(), EVENTS, GROUPS, checkpoint=checkpoint, progress=killed_after_four, **OPTIONS)
"""


def world() -> pd.DataFrame:
    countries = {name: steady(60, level, 0.08, level) for name, level in {"USA": 100, "JPN": 40, "DEU": 60}.items()}
    return exports(countries | {"WLD": sum(countries.values()), "ITA": [5.0, 6.0]})


def run(checkpoint: Checkpoint | None = None, **options) -> fc.Forecasts:
    arguments = {"exports": world(), "events": EVENTS, **OPTIONS, **options}
    return fc.backtest_all(
        arguments.pop("exports"), arguments.pop("events"), GROUPS, checkpoint=checkpoint, **arguments
    )


def as_bytes(result: fc.Forecasts) -> list[bytes]:
    return [as_text(getattr(result, name)).to_csv(index=False).encode() for name in TABLES]


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> Path:
    """A folder as SIGKILL left it, after four pieces of work."""
    folder = tmp_path_factory.mktemp("killed") / "run.partial"
    command = [sys.executable, "-c", CHILD, os.pathsep.join(map(str, Path(__file__).parents[:2])), str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return folder


@pytest.fixture(scope="module")
def whole() -> fc.Forecasts:
    """A run that keeps no parts and that nobody ends."""
    return run()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> tuple[Path, fc.Forecasts]:
    """A folder with all parts of a run, and the run."""
    folder = tmp_path_factory.mktemp("finished") / "run.partial"
    return folder, run(Checkpoint(folder))


def copy(folder: Path, place: Path) -> Path:
    """A folder to spoil."""
    place.mkdir()
    for file in folder.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_run_goes_on_and_ends_byte_identical(killed, whole, tmp_path, jobs):
    """After kill -9 four parts are there; they are not done again, and all tables end as an uninterrupted run's."""
    folder = copy(killed, tmp_path / "run.partial")
    assert len(list(folder.glob("*.part"))) == 4
    done = []
    resumed = run(Checkpoint(folder, resume=True), jobs=jobs, progress=lambda count, total: done.append(count))
    assert done[0] == 5
    assert as_bytes(resumed) == as_bytes(whole)
    for name in TABLES:
        pd.testing.assert_frame_equal(getattr(resumed, name), getattr(whole, name))


@pytest.mark.slow
def test_a_checkpoint_changes_nothing(finished, whole, tmp_path):
    """A run that keeps its parts gives the tables of one that does not; resumed at its end it has nothing to do."""
    folder, kept = finished
    assert as_bytes(kept) == as_bytes(whole)
    calls = []
    resumed = Checkpoint(copy(folder, tmp_path / "run.partial"), resume=True)
    again = run(resumed, progress=lambda *counts: calls.append(counts))
    assert as_bytes(again) == as_bytes(kept)
    assert calls == []


@pytest.mark.slow
def test_a_damaged_part_is_done_again(finished, tmp_path):
    """A part that does not match its checksum, or that is empty, is no part."""
    made, whole = finished
    folder = copy(made, tmp_path / "run.partial")
    (folder / "00000.part").write_bytes((folder / "00000.part").read_bytes()[:-1])
    (folder / "00001.part").write_bytes(b"")
    done = []
    again = run(Checkpoint(folder, resume=True), progress=lambda count, total: done.append((count, total)))
    assert len(done) == 2
    assert as_bytes(again) == as_bytes(whole)


@pytest.mark.slow
def test_without_resume_a_partial_run_is_replaced(finished, tmp_path):
    """A run begun anew starts with nothing done."""
    checkpoint = Checkpoint(copy(finished[0], tmp_path / "run.partial"))
    assert checkpoint.read(0) is not None
    checkpoint.begin({}, {})
    assert checkpoint.read(0) is None
    assert [file.name for file in checkpoint.folder.iterdir()] == ["plan.json"]
    checkpoint.remove()
    assert not checkpoint.folder.exists()


OTHER = {
    "exports": ({"exports": world().assign(volume_t=lambda table: table["volume_t"] * 1.001)}, "exports have changed"),
    "events": ({"events": EVENTS.assign(kind="ban")}, "events have changed"),
    "horizon": ({"horizon": 3}, "horizon was 2 then and 3 now"),
    "refit": ({"refit": 2}, "refit was 1 then and 2 now"),
    "window": ({"window": 48}, "window was null then and 48 now"),
    "seed": ({"seed": 7}, "seed was 0 then and 7 now"),
    "engine": ({"engine": "reference"}, 'engine was "compiled" then and "reference" now'),
    "calibrate": ({"calibrate": True}, "calibrate was false then and true now"),
    "origins": ({"last": 2}, "origins is not what it was"),
    "models": ({"models": ["naive"]}, 'models was ["naive", "theta", "pooled", "combination"] then and ["naive"] now'),
    "series": ({"destinations": ["USA"]}, "series is not what it was"),
}


@pytest.mark.parametrize(("options", "changed"), OTHER.values(), ids=OTHER)
@pytest.mark.slow
def test_another_run_is_not_resumed(killed, options, changed):
    """What changed since is named, one sentence for all of it, and the folder is left as it was."""
    before = sorted(killed.iterdir())
    message = f"{killed}: the run begun there cannot be resumed: {changed}. Run without --resume."
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        run(Checkpoint(killed, resume=True), **options)
    assert sorted(killed.iterdir()) == before


@pytest.mark.slow
def test_parts_of_other_tasks_are_not_resumed(killed, monkeypatch):
    """Where a version of this package cuts the work otherwise, a part by its place is of something else."""
    monkeypatch.setattr("forecast.backtest.plan.CELLS_AT_A_TIME", 0)
    with pytest.raises(CheckpointError, match="parts is not what it was"):
        run(Checkpoint(killed, resume=True))


def test_a_file_that_changed_is_named(tmp_path):
    """The caller's names stand before those of the tables; a file that is gone or new counts as changed."""
    folder = tmp_path / "run.partial"
    Checkpoint(folder, inputs={"a.csv": "1", "b.csv": "2"}).begin({"exports": "x"}, {})
    message = f"{folder}: the run begun there cannot be resumed: b.csv has changed, c.csv has changed. Run without"
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}"):
        Checkpoint(folder, True, {"a.csv": "1", "b.csv": "3", "c.csv": "4"}).begin({"exports": "y"}, {})


def test_another_version_of_the_package_does_not_resume(tmp_path):
    """Its numbers might differ."""
    folder = tmp_path / "run.partial"
    Checkpoint(folder).begin({}, {})
    plan = folder / "plan.json"
    plan.write_text(plan.read_text().replace(f'"{version("export-forecast")}"', '"0.0.0"'))
    with pytest.raises(CheckpointError, match=r"cannot be resumed: export-forecast has changed\. Run without"):
        Checkpoint(folder, resume=True).begin({}, {})


def test_a_run_that_is_not_there_is_not_resumed(tmp_path):
    """Nor is one begun in silence."""
    folder = tmp_path / "run.partial"
    message = f"{folder}: expected a run to resume, found none. Run without --resume."
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        run(Checkpoint(folder, resume=True))
    assert not folder.exists()


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    """What is not ours is not replaced."""
    (tmp_path / "thesis.txt").write_text("all of it")
    message = f"{tmp_path}: expected nothing or a run in progress, found other files. Choose another --output."
    with pytest.raises(CheckpointError, match=f"^{re.escape(message)}$"):
        run(Checkpoint(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "all of it"


@pytest.mark.slow
def test_a_part_appears_whole_or_not_at_all(whole, tmp_path, monkeypatch):
    """Killed before the rename, a part is not there: what was written of it does not count."""
    checkpoint = Checkpoint(tmp_path / "run.partial")
    checkpoint.begin({}, {})

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write(0, whole)
    assert checkpoint.read(0) is None


def test_a_digest_tells_tables_apart():
    """The last bit of a volume, the name of a column or the order of rows makes another digest; the index does not."""
    table = world()
    same = table.set_axis(range(7, 7 + len(table)))
    assert table_digest(same) == table_digest(table)
    nudged = table.assign(volume_t=table["volume_t"].where(table.index != 3, table["volume_t"] * (1 + 2e-16)))
    others = [nudged, table.rename(columns={"source": "origin"}), table.iloc[::-1]]
    assert table_digest(table) not in {table_digest(other) for other in others}
