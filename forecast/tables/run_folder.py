"""The folder of a run: its tables as CSV, and ``run.json`` that says what made them.

A folder appears whole or not at all: it is written beside its place, under a hidden name, and then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES

PACKAGE = "export-forecast"
ABOUT = "run.json"

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "prophet", "numba", "scikit-learn", "holidays")
"""Those that a number can depend on: their versions stand in ``run.json`` beside Python's."""

_SAVED = {name: schema for name, schema in RUN_TABLES.items() if schema.saved}


class OutputError(ValueError):
    """Why a folder cannot hold a run, or does not hold one: one sentence."""


def check_place(folder: Path) -> None:
    """Nothing when a run can be written to ``folder``: not there yet, empty, or an earlier run's to be replaced.

    Raises
    ------
    OutputError
        When the folder holds something else, is a file, or stands where nothing can be written.
    """
    expected = f"{folder}: expected a new or empty folder, or one of an earlier run"
    try:
        if folder.is_dir():
            if any(folder.iterdir()) and not _is_run(folder):
                raise OutputError(f"{expected}, found other files without a {ABOUT} of ours. Choose another folder.")
        elif os.path.lexists(folder):
            raise OutputError(f"{expected}, found a file. Choose another name.")
        parent = next(path for path in folder.absolute().parents if os.path.lexists(path))
    except OSError as error:
        raise _unwritable(folder, error) from error
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: expected a folder that can be written, found that {parent} cannot be written to.")


def _is_run(folder: Path) -> bool:
    try:
        return bool(read_about(folder))
    except OutputError:
        return False


def _unwritable(folder: Path, error: OSError) -> OutputError:
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"{folder}: expected a folder that can be written, found that it cannot ({reason}).")


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder``, which takes its place when the block ends and vanishes when it fails.

    Raises
    ------
    OutputError
        As in `check_place`, or when the disk refuses.
    """
    check_place(folder)
    target = folder.resolve()
    beside = target.with_name(f".{target.name}.{os.getpid()}.new")
    try:
        beside.mkdir(parents=True)
        yield beside
        _take_place(beside, target)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _take_place(beside: Path, target: Path) -> None:
    """Rename, with what stood there put back if that fails."""
    if not target.exists():
        beside.rename(target)
        return
    former = beside.with_suffix(".old")
    target.rename(former)
    try:
        beside.rename(target)
    except BaseException:
        former.rename(target)
        raise
    shutil.rmtree(former)


def write_run(folder: Path, run: Forecasts, about: Mapping[str, Any]) -> None:
    """The tables of a run and ``run.json`` in an existing folder: the same run gives the same bytes.

    Numbers are written in the shortest form that reads back as the same float. ``about`` comes from `about_run`; for a
    run of the compiled engine, ``reference_fits`` is added, how many fits were left to the reference.
    """
    for name, schema in _SAVED.items():
        table = getattr(run, name)
        if len(table) or not schema.optional:
            as_text(table).to_csv(folder / f"{name}.csv", index=False, lineterminator="\n", encoding="utf-8")
    if about["arguments"].get("engine") == "compiled":
        about = {**about, "reference_fits": len(run.reference_fits)}
    text = json.dumps(about, indent=2, ensure_ascii=False, sort_keys=True)
    (folder / ABOUT).write_text(text + "\n", encoding="utf-8", newline="\n")


def about_run(
    command: str,
    arguments: Mapping[str, Any],
    *,
    issued: date,
    seed: int,
    cutoffs: Mapping[str, pd.Period],
    inputs: Mapping[str, Path],
) -> dict[str, Any]:
    """What ``run.json`` says: versions, arguments, seed, cutoff by product, and the sha256 of every input by name.

    No time and no place, so that the same run says the same everywhere.
    """
    return {
        "package": PACKAGE,
        "command": command,
        "arguments": dict(arguments),
        "issued": issued.isoformat(),
        "seed": seed,
        "cutoffs": {product: str(cutoff) for product, cutoff in cutoffs.items()},
        "inputs": {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in inputs.items()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in (PACKAGE, *LIBRARIES)},
    }


def read_about(folder: str | Path) -> dict[str, Any]:
    """What ``run.json`` in the folder of a run says.

    Raises
    ------
    OutputError
        When there is no such file, or it was not written by this package.
    """
    path = Path(folder) / ABOUT
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: expected the folder of a run, found no {ABOUT} that can be read.") from error
    if not isinstance(about, dict) or about.get("package") != PACKAGE:
        raise OutputError(f"{folder}: expected the folder of a run, found a {ABOUT} that is not {PACKAGE}'s.")
    return about


def read_run(folder: str | Path) -> Forecasts:
    """The tables of the run in ``folder`` as they were when it was written: months as periods, days as dates.

    Raises
    ------
    OutputError
        When the folder is not that of a run, or a table of it is missing.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.read_run("nowhere")
    Traceback (most recent call last):
    forecast.tables.run_folder.OutputError: nowhere: expected the folder of a run, found no run.json that can be read.
    """
    read_about(folder)
    return Forecasts(**{name: _read_table(Path(folder), name) for name in _SAVED})


def _read_table(folder: Path, name: str) -> pd.DataFrame:
    path = folder / f"{name}.csv"
    schema = _SAVED[name]
    if not path.exists() and schema.optional:
        return schema.empty()
    try:
        return schema.from_text(pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: expected {name}.csv of a run, found none that can be read.") from error
