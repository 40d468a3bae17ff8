"""Damaged and foreign run folders, made of a sound one: each a name and a function that spoils a copy.

Run as a script, every one of them is read as ``forecast report`` reads it, figures drawn, and what is neither a page
nor a sentence is printed: ``python tests/safety/damage.py``.
"""

# ruff: noqa: E402 (as a script, it has to say first where the package and its neighbours lie)

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from attacked import FILES, run, write_world

from forecast.report.page import sections
from forecast.report.page.figures import Picture
from forecast.report.page.run_tables import read_replay
from forecast.tables.run_folder import OutputError, check_place, read_run
from forecast.tables.schema import RUN_TABLES
from forecast.verify.parity import PARITY_COLUMNS

Damage = Callable[[Path], None]

CELLS = {
    "empty": "",
    "word": "x",
    "nan": "nan",
    "inf": "inf",
    "negative": "-1",
    "overflow": "1e400",
    "many digits": "9" * 30,
    "fraction": "0.5",
    "month 13": "2023-13",
    "year 0": "0000-01",
    "far": "9999-12-31",
    "long": "y" * 100_000,
    "steering": "\x1b[31m\u202e",
    "mathematics": "$\\frac{1}{2",
    "markup": "<script>[/x]",
}
VALUES = {
    "null": None, "list": [], "object": {}, "zero": 0, "negative": -1, "huge": 10**400, "text": "",
    "long": "x" * 100_000,
    "list of null": [None], "deep": json.loads("[" * 400 + "]" * 400), "object of lists": {"a": [1]}, "true": True,
    "steering": "\x1b[31m",
}  # fmt: skip
PARTS = (
    "package",
    "command",
    "arguments",
    "issued",
    "seed",
    "cutoffs",
    "inputs",
    "versions",
    "files",
    "reference_fits",
)
ARGUMENTS = ("exports", "events", "models", "horizon", "engine", "product", "vintage")
SECTIONS = (
    sections.the_answer, sections.what_was_asked, sections.the_calendar, sections.forecasts_and_actuals,
    sections.seen_and_when, sections.errors_by_place_and_phase, sections.calibration, sections.significance,
    sections.what_events_added, sections.the_worst_misses, sections.failures_and_drops,
)  # fmt: skip


def make_sound(place: Path) -> Path:
    """The folder of a small backtest, with rows in every table that a page shows."""
    write_world(place)
    with chdir(place):
        models = ["--models", "naive,theta,combination", "--no-calibrate", "--origins", "4", "--parity", "0"]
        made = run("backtest", *FILES, *models, "--output", "run", "--quiet")
    assert made.exit_code == 0, made.output
    folder = place / "run"
    for name in ("effects", "dropped", "failures", "calibration"):
        row = {column: _plausible(column) for column in RUN_TABLES[name].columns}
        _write(folder / f"{name}.csv", [[*row], [*row.values()]])
    _write(folder / "parity.csv", [PARITY_COLUMNS, [_plausible(column) for column in PARITY_COLUMNS]])
    return folder


def _plausible(column: str) -> str:
    words = {"product": "magnets", "destination": "USA", "issued": "2023-01-20", "month": "2023-01", "model": "theta",
             "event": "ban_step", "reason": "too short", "phase": "calm", "horizon": "1", "cells": "50",
             "order": "(1, 0, 0)"}  # fmt: skip
    return words.get(column, "0.25")


def _read(path: Path) -> list[list[str]]:
    return [*csv.reader(io.StringIO(path.read_text(encoding="utf-8")))]


def _write(path: Path, rows: list[list[str]]) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    path.write_text(stream.getvalue(), encoding="utf-8")


def damages(sound: Path) -> Iterator[tuple[str, Damage]]:
    """Every damage, by name."""
    for path in sorted(sound.iterdir()):
        for what, spoil in FILE_DAMAGES.items():
            yield f"{path.name}: {what}", lambda folder, name=path.name, spoil=spoil: spoil(folder / name)
    for path in sorted(sound.glob("*.csv")):
        for column in _read(path)[0]:
            yield from _of_column(path.name, column)
    for part in PARTS:
        for what, value in VALUES.items():
            yield f"run.json: {part} is {what}", lambda folder, part=part, value=value: _set(folder, value, part)
    for name in ARGUMENTS:
        for what, value in VALUES.items():
            yield (
                f"run.json: argument {name} is {what}",
                lambda folder, name=name, value=value: _set(folder, value, "arguments", name),
            )
    yield "without_events: a run inside itself", lambda folder: shutil.copytree(sound, folder / "without_events")
    yield "without_events: empty", lambda folder: (folder / "without_events").mkdir()
    yield "without_events: a file", lambda folder: (folder / "without_events").touch()


def _of_column(name: str, column: str) -> Iterator[tuple[str, Damage]]:
    yield f"{name}: without {column}", lambda folder: _drop(folder / name, column)
    for what, text in CELLS.items():
        yield f"{name}: {column} is {what}", lambda folder, text=text: _put(folder / name, column, text, rows=1)
        yield f"{name}: {column} is {what} throughout", lambda folder, text=text: _put(folder / name, column, text)


def _drop(path: Path, column: str) -> None:
    rows = _read(path)
    place = rows[0].index(column)
    _write(path, [row[:place] + row[place + 1 :] for row in rows])


def _put(path: Path, column: str, text: str, rows: int | None = None) -> None:
    header, *body = _read(path)
    place = header.index(column)
    for row in body[:rows]:
        row[place] = text
    _write(path, [header, *body])


def _set(folder: Path, value: object, *keys: str) -> None:
    about = json.loads((folder / "run.json").read_text())
    inside = about
    for key in keys[:-1]:
        inside = inside[key]
    inside[keys[-1]] = value
    (folder / "run.json").write_text(json.dumps(about))


def _replaced_by(content: bytes) -> Damage:
    return lambda path: path.write_bytes(content) and None


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def _cut(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def _doubled(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content + content)


def _longer_row(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"1,2,3" * 20 + b"\n")


FILE_DAMAGES: dict[str, Damage] = {
    "gone": Path.unlink,
    "empty": _replaced_by(b""),
    "a line break": _replaced_by(b"\n"),
    "binary": _replaced_by(bytes(range(256)) * 4),
    "zeros": _replaced_by(b"\x00" * 100),
    "an open quote": _replaced_by(b'product,destination\n"x'),
    "UTF-16": _replaced_by("product,model\n".encode("utf-16")),
    "semicolons": lambda path: path.write_text(path.read_text().replace(",", ";")) and None,
    "the first line": lambda path: path.write_text(path.read_text().splitlines()[0] + "\n") and None,
    "cut": _cut,
    "doubled": _doubled,
    "a longer row": _longer_row,
    "a folder": _folder,
    "a pipe": _pipe,
    "a link to itself": _link,
}


def attempt(folder: Path, *, drawing: bool) -> str:
    """The word page, or the sentence why there is none; any other exception is the caller's to see."""
    sentences = [_sentence_of(check_place, folder), _sentence_of(read_run, folder), _sentence_of(read_replay, folder)]
    for sentence in filter(None, sentences):
        assert len(sentence.splitlines()) == 1, sentence
        assert len(sentence) < 1000, len(sentence)
        assert str(folder) in sentence, sentence
    if sentences[-1]:
        return sentences[-1]
    replay = read_replay(folder)
    for section in SECTIONS:
        for piece in section(replay):
            if isinstance(piece, Picture) and drawing:
                piece._repr_mimebundle_()
    return "page"


def _sentence_of(read: Callable[[Path], object], folder: Path) -> str:
    """The refusal of a reader; empty where it has none."""
    try:
        read(folder)
    except OutputError as error:
        return str(error)
    return ""


def spoilt(sound: Path, damage: Damage, place: Path) -> Path:
    """A copy of the sound folder with the damage done."""
    folder = place / "run"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    damage(folder)
    return folder


def main() -> int:
    """Try all, and print those that end in a traceback and how many there were."""
    counts = {"page": 0, "sentence": 0, "traceback": 0}
    with TemporaryDirectory() as name:
        place = Path(name)
        (place / "world").mkdir()
        (place / "copy").mkdir()
        sound = make_sound(place / "world")
        for what, damage in damages(sound):
            try:
                found = attempt(spoilt(sound, damage, place / "copy"), drawing="--draw" in sys.argv)
                counts["page" if found == "page" else "sentence"] += 1
            except Exception:
                counts["traceback"] += 1
                print(f"{what}\n{traceback.format_exc(limit=-2)}", flush=True)
    print(f"{sum(counts.values())} folders: {counts}")
    return 1 if counts["traceback"] else 0


if __name__ == "__main__":
    sys.exit(main())
