"""A run in progress is data, begins from any state of its folder, and never removes what it did not make."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import pickle
import zipfile
from datetime import date
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from attacked import BACKTEST, contents, refused, run, write_world

from forecast.backtest.checkpoint import Checkpoint, CheckpointError
from forecast.backtest.parts import PartError, as_part, from_part
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES, ColumnType

T = ColumnType
LABELS = ["magnets", "USA", "Ünï=cødé", "-1"]
ODD = [0.1, 1 / 3, -0.0, np.nan, np.inf, 5e-324, 1.7976931348623157e308]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a world."""
    monkeypatch.chdir(tmp_path)
    return write_world(tmp_path)


def column(own: ColumnType, rows: int) -> pd.Series:
    """A column of a type with unlike cells."""
    turns = {
        T.NUMBER: ODD,
        T.COUNT: [0, 7, -3, 2**53 + 1],
        T.MONTH: [pd.Period("1951-01", "M"), pd.Period("2099-12", "M")],
        T.FLAG: [True, False],
        T.LABEL_DAY: [date(2023, 5, 20), date(1951, 1, 1)],
        T.DAY: [date(2023, 5, 20), None],
    }.get(own, LABELS)
    return pd.Series(list(itertools.islice(itertools.cycle(turns), rows)))


def odd_run(rows: int = 9) -> Forecasts:
    """A run with rows in every table and numbers of every kind."""
    return Forecasts(**{
        name: pd.DataFrame({of: column(own, rows) for of, own in schema.types.items()})
        for name, schema in RUN_TABLES.items()
    })  # fmt: skip


def test_a_part_keeps_every_bit() -> None:
    """Packed tables come back with their types, labels and floats: the same bits, not-a-number and minus zero too."""
    packed = odd_run().packed()
    back = from_part(as_part(packed))
    for name, table in packed:
        found = getattr(back, name)
        pd.testing.assert_frame_equal(found.astype(object), table.astype(object), check_exact=True)
        assert (found.dtypes.astype(str) == table.dtypes.astype(str)).all(), name
    numbers = packed.forecasts["volume_t"].to_numpy()
    assert back.forecasts["volume_t"].to_numpy().tobytes() == numbers.tobytes()


def test_tables_without_rows_come_back_empty() -> None:
    """With all their columns."""
    back = from_part(as_part(Forecasts()))
    for name, table in back:
        assert table.empty
        assert list(table.columns) == RUN_TABLES[name].columns


class Evil:
    """Makes a folder when unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, ("obeyed",)


def signed(payload: bytes) -> bytes:
    """A part with a checksum that fits."""
    return hashlib.sha256(payload).digest() + payload


def archive(method: int = zipfile.ZIP_STORED, **entries: bytes) -> bytes:
    """An npz archive of any entries."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w", method) as made:
        for name, content in entries.items():
            made.writestr(f"{name}.npy", content)
    return stream.getvalue()


def npy(array: np.ndarray, **options: bool) -> bytes:
    """An array as a file."""
    stream = BytesIO()
    np.save(stream, array, **options)
    return stream.getvalue()


def text(value: object) -> bytes:
    """The entry of labels."""
    return npy(np.frombuffer(json.dumps(value).encode(), np.uint8))


WRONG_PARTS = {
    "pickle": pickle.dumps(Evil()),
    "pickled array": archive(labels=npy(np.array([Evil()], dtype=object), allow_pickle=True)),
    "pickled column": archive(
        labels=text({"dropped": [[]] * 5}), dropped_codes=npy(np.array([Evil()], dtype=object), allow_pickle=True)
    ),
    "empty": b"",
    "no labels": archive(),
    "labels of another kind": archive(labels=text([1])),
    "null": archive(labels=text(None)),
    "deep": archive(labels=npy(np.frombuffer(b"[" * 100_000, np.uint8))),
    "another table": archive(labels=text({"passwords": []})),
    "codes beyond the labels": archive(
        labels=text({"dropped": [["a"]] * 5}), dropped_codes=npy(np.full((5, 2), 9, dtype=np.int64))
    ),
    "too few columns": archive(labels=text({"dropped": [["a"]] * 5}), dropped_codes=npy(np.zeros((2, 2), np.int64))),
    "labels that are no text": archive(
        labels=text({"dropped": [[7]] * 5}), dropped_codes=npy(np.zeros((5, 2), np.int64))
    ),
    "a bomb": archive(zipfile.ZIP_DEFLATED, labels=npy(np.zeros(10_000_000, np.uint8))),
    "half": as_part(odd_run())[:1000],
}


@pytest.mark.parametrize("name", WRONG_PARTS)
def test_a_part_with_a_fitting_checksum_is_still_only_data(tmp_path: Path, monkeypatch, name: str) -> None:
    """Nothing in it is run or believed: the task is done again."""
    monkeypatch.chdir(tmp_path)
    checkpoint = Checkpoint(tmp_path / "o.partial")
    checkpoint.begin({}, {})
    (tmp_path / "o.partial" / "00000.part").write_bytes(signed(WRONG_PARTS[name]))
    assert checkpoint.read(0) is None
    assert [path.name for path in tmp_path.iterdir()] == ["o.partial"]
    with pytest.raises(PartError):
        from_part(WRONG_PARTS[name])


@pytest.mark.slow
@pytest.mark.parametrize("again", [[], ["--resume"]], ids=["anew", "resume"])
def test_a_hostile_part_in_a_resumed_backtest_is_done_again(place: Path, again: list[str]) -> None:
    """The command ends with the same bytes as without it."""
    assert run(*BACKTEST).exit_code == 0
    whole = contents(place / "o")
    plan = kept_plan(place)
    Path("o.partial").mkdir()
    Path("o.partial/plan.json").write_bytes(plan)
    Path("o.partial/00000.part").write_bytes(signed(pickle.dumps(Evil())))
    assert run(*BACKTEST, *again).exit_code == 0
    assert contents(place / "o") == whole
    assert sorted([path.name for path in Path().iterdir()]) == ["events.csv", "exports.csv", "o"]


def kept_plan(place: Path) -> bytes:
    """The plan of the backtest of these tests, as it stands while it runs."""
    kept = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "remove", lambda self: kept.append((self.folder / "plan.json").read_bytes()))
        assert run(*BACKTEST[:-1], "other").exit_code == 0
    for folder in ("other", "other.partial"):
        for path in (place / folder).iterdir():
            path.unlink()
        (place / folder).rmdir()
    return kept[0]


@pytest.mark.slow
def test_a_kill_before_the_plan_is_no_dead_end(place: Path) -> None:
    """Parts without a plan: --resume says that there is none, and without it the run begins."""
    Path("o.partial").mkdir()
    Path("o.partial/00001.part").touch()
    Path("o.partial/.forecast-0123456789ab-0123456789abcdef.new").touch()
    assert refused(*BACKTEST, "--resume") == "o.partial: expected a run to resume, found none. Run without --resume."
    assert run(*BACKTEST).exit_code == 0
    assert not Path("o.partial").exists()


OWN = {"package": "export-forecast", "inputs": {}, "tables": {}, "arguments": {}}
PLANS = {
    "nothing": b"",
    "no json": b"{",
    "binary": b"\x00\xff",
    "null": b"null",
    "a list": b"[]",
    "text": b'"plan"',
    "a number": b"1e999",
    "many digits": b"9" * 5000,
    "deep": b"[" * 100_000,
    "an object": b"{}",
    "another program's": json.dumps(OWN | {"package": "else"}).encode(),
    "without inputs": json.dumps({"package": "export-forecast", "tables": {}, "arguments": {}}).encode(),
    "inputs null": json.dumps(OWN | {"inputs": None}).encode(),
    "tables a list": json.dumps(OWN | {"tables": []}).encode(),
    "arguments text": json.dumps(OWN | {"arguments": "x"}).encode(),
    "more": json.dumps(OWN | {"mine": 1}).encode(),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_that_is_none_is_kept_and_refused(tmp_path: Path, name: str) -> None:
    """Any other JSON in plan.json is somebody else's: a sentence, with and without --resume, and it stays."""
    folder = tmp_path / "o.partial"
    folder.mkdir()
    (folder / "plan.json").write_bytes(PLANS[name])
    message = (
        f"{folder}: expected nothing or a run in progress, found a plan.json of none. Choose another --output, or "
    )
    for resume in (False, True):
        with pytest.raises(CheckpointError) as refusal:
            Checkpoint(folder, resume).begin({}, {})
        assert str(refusal.value) == f"{message}remove the folder."
    assert (folder / "plan.json").read_bytes() == PLANS[name]


def test_a_plan_of_ours_with_other_contents_is_named_or_replaced(tmp_path: Path) -> None:
    """What changed is said, whatever types the former values have."""
    folder = tmp_path / "o.partial"
    folder.mkdir()
    wrong = OWN | {"inputs": {"a.csv": [1]}, "arguments": {"seed": {"x": None}, "\x1b[31m": 1}}
    (folder / "plan.json").write_text(json.dumps(wrong))
    with pytest.raises(CheckpointError) as refusal:
        Checkpoint(folder, True).begin({}, {"seed": 0})
    assert "a.csv has changed" in str(refusal.value)
    assert "\x1b" not in str(refusal.value)
    Checkpoint(folder).begin({}, {"seed": 0})
    Checkpoint(folder, True).begin({}, {"seed": 0})


@pytest.mark.parametrize("kind", ["file", "link", "link to a folder"])
def test_a_partial_folder_that_is_none_is_refused(place: Path, kind: str) -> None:
    """A file or a link stands where the run in progress would be kept."""
    Path("mine").mkdir()
    Path("mine/thesis.docx").touch()
    if kind == "file":
        Path("o.partial").touch()
    else:
        Path("o.partial").symlink_to("mine" if "folder" in kind else "nowhere")
    found = "a file" if kind == "file" else "a link"
    for more in ([], ["--resume"]):
        assert refused(*BACKTEST, *more) == (
            f"o.partial: expected nothing or a run in progress, found {found}. Choose another --output, or remove it."
        )
    assert [path.name for path in Path("mine").iterdir()] == ["thesis.docx"]


def test_files_of_others_in_a_partial_folder_stay(tmp_path: Path) -> None:
    """Neither begin nor remove takes more than a run in progress has put there."""
    folder = tmp_path / "o.partial"
    checkpoint = Checkpoint(folder)
    checkpoint.begin({}, {})
    (folder / "thesis.docx").write_text("years")
    (folder / "00001.part").symlink_to(folder / "thesis.docx")
    with pytest.raises(CheckpointError, match=r"found other files\. Choose another --output\.$"):
        checkpoint.begin({}, {})
    checkpoint.remove()
    assert sorted([path.name for path in folder.iterdir()]) == ["00001.part", "thesis.docx"]
    assert (folder / "thesis.docx").read_text() == "years"


@pytest.mark.slow
@pytest.mark.parametrize("reason", [28, 5], ids=["full", "broken"])
def test_a_disk_that_refuses_is_a_sentence(place: Path, monkeypatch, reason: int) -> None:
    """A full or broken disk under a checkpoint ends with one line, and what was kept before can be resumed."""
    assert run(*BACKTEST).exit_code == 0
    whole = contents(place / "o")
    sync, calls = os.fsync, []

    def refuse(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 2:
            raise OSError(reason, os.strerror(reason))
        sync(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", refuse)
        sentence = refused(*BACKTEST)
    assert sentence == (
        f"o.partial: expected a folder that can keep the run, found that it cannot ({os.strerror(reason).lower()})."
    )
    assert contents(place / "o") == whole
    assert run(*BACKTEST, "--resume").exit_code == 0
    assert contents(place / "o") == whole
