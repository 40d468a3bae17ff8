"""The folder of a run: its tables as CSV, and ``run.json`` that says what made them and which files are its own.

A folder appears whole or not at all (`forecast.safety.atomic`), one writer at a time (`forecast.safety.lock`). What
lies in it is data: text and numbers of stated types, whoever sent it.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.safety.atomic import is_stray, read_regular, whole_folder, write_whole
from forecast.safety.inert import json_text, visible
from forecast.safety.limits import LARGEST_FILE
from forecast.safety.lock import LockedError, is_lock, locked
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES, TableSchema

PACKAGE = "export-forecast"
ABOUT = "run.json"
WITHOUT_EVENTS = "without_events"
"""The folder inside a run's folder that holds the same run without events."""

LIBRARIES = ("numpy", "pandas", "scipy", "statsmodels", "prophet", "numba", "scikit-learn", "holidays")
"""Those that a number can depend on: their versions stand in ``run.json`` beside Python's."""

LARGEST_ABOUT, LARGEST_TABLE = 2**24, 2**31
"""Bytes of ``run.json`` and of a table that are read at most."""

_BRIEF = ("brief.html", "brief.pdf", "brief.xlsx", "brief.md", "brief-changes.csv", "brief-news_decomposition.csv")

ADDED_LATER = frozenset({ABOUT, "report.html", "report.ipynb", "brief.ipynb", *_BRIEF})
"""Files that commands put into the folder of a run beside those that it lists."""

SHOWN_FILES = 5
"""Names of files that a refusal lists."""

_SAVED = {name: schema for name, schema in RUN_TABLES.items() if schema.saved}
_MORE = ("scores", "significance", "parity", "sums", "sums_omitted", "branches")
_UNLISTED = {f"{name}.csv" for name in (*_SAVED, *_MORE)}
"""Files of a run whose ``run.json`` lists none, as those of the first release."""


class OutputError(ValueError):
    """Why a folder cannot hold a run, or does not hold one: one sentence."""


# A place for a run ---------------------------------------------------------------------------------------------------


def check_place(folder: Path) -> None:
    """Nothing when a run can be written to ``folder``: not there yet, empty, or an earlier run's to be replaced.

    Raises
    ------
    OutputError
        When the folder holds something that no run wrote, is a file, a link, a mount point or the current folder, or
        stands where nothing can be written.
    """
    expected = f"{folder}: expected a new or empty folder, or one of an earlier run"
    try:
        found = _hindrance(folder)
        if found:
            raise OutputError(f"{expected}, found {found}")
        parent = next(path for path in folder.absolute().parents if os.path.lexists(path))
    except OSError as error:
        raise unwritable(folder, error, "folder") from error
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise OutputError(f"{folder}: expected a folder that can be written, found that {parent} cannot be written to.")


def _hindrance(folder: Path) -> str | None:
    """What keeps a run from being put at ``folder``, with what to do."""
    if folder.is_symlink():
        return "a link. Name the folder itself."
    if not folder.is_dir():
        return "a file. Choose another name." if os.path.lexists(folder) else None
    if Path.cwd().is_relative_to(folder.resolve()):
        return "the current folder or one above it. Choose a folder inside it."
    if os.path.ismount(folder):
        return "a mount point, which cannot be replaced. Choose a folder inside it."
    if not any(folder.iterdir()):
        return None
    if not _is_run(folder):
        return f"other files without a {ABOUT} of ours. Choose another folder."
    strangers = foreign_files(folder)
    return f"{_listed(strangers)}, which no run wrote. Choose another folder." if strangers else None


def _is_run(folder: Path) -> bool:
    try:
        return bool(read_about(folder))
    except OutputError:
        return False


def _listed(names: list[str]) -> str:
    shown = [visible(name) for name in names[:SHOWN_FILES]]
    if len(names) > SHOWN_FILES:
        return f"{', '.join(shown)} and {len(names) - SHOWN_FILES} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def foreign_files(folder: Path) -> list[str]:
    """What lies in the folder of a run and is not of that run: files and whole folders, by their paths inside it.

    A run without events inside it, and nothing else in that, counts as its own.

    Raises
    ------
    OutputError
        When the folder is not that of a run.
    """
    own = read_about(folder).get("files")
    listed = set(_UNLISTED | {"table.md", "plots/"} if own is None else own) | ADDED_LATER
    return [*_strangers(folder, "", listed, any_plot=own is None)]


def _strangers(folder: Path, inside: str, own: Collection[str], any_plot: bool) -> Iterator[str]:
    for entry in sorted(folder.iterdir()):
        name = f"{inside}{entry.name}"
        if entry.is_dir() and not entry.is_symlink():
            if f"{name}/" in own:
                yield from _strangers(entry, f"{name}/", own, any_plot)
            elif entry.name != WITHOUT_EVENTS or not _is_run(entry) or foreign_files(entry):
                yield name
        elif not _is_own(entry, name, own, any_plot):
            yield name


def _is_own(entry: Path, name: str, own: Collection[str], any_plot: bool) -> bool:
    of_run = name in own or (any_plot and name.startswith("plots/") and entry.suffix == ".png")
    return not entry.is_symlink() and (of_run or is_stray(entry.name) or is_lock(entry.name))


def unwritable(path: Path, error: OSError, what: str) -> OutputError:
    """The refusal where the disk does not take a file or a folder."""
    reason = (error.strerror or str(error)).lower()
    return OutputError(f"{path}: expected a {what} that can be written, found that it cannot ({reason}).")


@contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Hold ``folder`` as the place of this run alone, from before the work until it is written.

    Raises
    ------
    OutputError
        As in `check_place`, when another run is writing there, or when the disk refuses.
    """
    check_place(folder)
    with ExitStack() as held:
        _hold(held, folder.resolve(), folder, "folder")
        yield


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """An empty folder beside ``folder``, which takes its place when the block ends and vanishes when it fails.

    Where the block has put a ``run.json`` into it, that is completed by the list of all files.

    Raises
    ------
    OutputError
        As in `check_place`, when another run is writing there, or when the disk refuses.
    """
    with claimed(folder):
        try:
            with whole_folder(folder.resolve(), _check_replaceable) as beside:
                yield beside
                _list_files(beside)
        except OSError as error:
            raise unwritable(folder, error, "folder") from error


def _hold(held: ExitStack, place: Path, path: Path, what: str) -> None:
    """Take the lock of ``place`` for as long as ``held`` is; what hinders it is a sentence."""
    try:
        held.enter_context(locked(place))
    except LockedError as error:
        raise OutputError(str(error)) from error
    except OSError as error:
        raise unwritable(path, error, what) from error


def _check_replaceable(folder: Path) -> None:
    if any(folder.iterdir()) and (strangers := foreign_files(folder)):
        raise OutputError(f"{folder}: found {_listed(strangers)}, which no run wrote. Choose another folder.")


def _list_files(folder: Path) -> None:
    """Complete ``run.json`` by the paths of all that lies in ``folder``; folders end in a slash."""
    if not (folder / ABOUT).exists():
        return
    names = [f"{path.relative_to(folder).as_posix()}{'/' if path.is_dir() else ''}" for path in folder.rglob("*")]
    _write_about(folder, read_about(folder) | {"files": sorted(names)})


def write_page(path: Path, content: str | bytes, replace: bool = True) -> None:
    """Put a file at ``path``, whole, text in UTF-8; a link that stands there is replaced, not followed.

    Raises
    ------
    OutputError
        When another run is writing there or the disk refuses; without ``replace`` also when something stands there.
    """
    place = Path(os.path.abspath(path))  # noqa: PTH100 (what a link at the end points to is not wanted)
    with ExitStack() as held:
        _hold(held, place, path, "file")
        try:
            write_whole(place, content.encode("utf-8", "replace") if isinstance(content, str) else content, replace)
        except OSError as error:
            raise unwritable(path, error, "file") from error


# What is written and read --------------------------------------------------------------------------------------------


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
    _write_about(folder, about)


def _write_about(folder: Path, about: Mapping[str, Any]) -> None:
    """``run.json``; what is no text in a file's name, or steers a screen, is written as JSON's escape of it."""
    text = json_text(about, indent=2, sort_keys=True)
    (folder / ABOUT).write_bytes(f"{text}\n".encode())


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
        "inputs": {name: hashlib.sha256(read_regular(path, LARGEST_FILE)).hexdigest() for name, path in inputs.items()},
        "versions": {"python": platform.python_version()} | {name: version(name) for name in (PACKAGE, *LIBRARIES)},
    }


def read_about(folder: str | Path) -> dict[str, Any]:
    """What ``run.json`` in the folder of a run says, each part of the type that a run writes.

    Raises
    ------
    OutputError
        When there is no such file, it was not written by this package, or a part is not what a run writes.
    """
    path = Path(folder) / ABOUT
    try:
        about = json.loads(read_regular(path, LARGEST_ABOUT).decode("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise OutputError(f"{folder}: expected the folder of a run, found no {ABOUT} that can be read.") from error
    if not isinstance(about, dict) or about.get("package") != PACKAGE:
        raise OutputError(f"{folder}: expected the folder of a run, found a {ABOUT} that is not {PACKAGE}'s.")
    for name, (is_sound, expected) in _ABOUT.items():
        if name in about and not is_sound(about[name]):
            raise OutputError(f"{path}: expected {name} to be {expected}, found {visible(repr(about[name])[:60])}.")
    return about


def _is_texts(value: Any) -> bool:
    """Whether a value is a list of text."""
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _is_text_by_name(value: Any) -> bool:
    return isinstance(value, dict) and _is_texts([*value.values()])


def _are_arguments(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    files = [value.get(name) for name in ("exports", "events")]
    return all(words is None or isinstance(words, str) or _is_texts(words) for words in files)


_ABOUT: dict[str, tuple[Callable[[Any], bool], str]] = {
    "arguments": (_are_arguments, "arguments by name, files among them as text"),
    "inputs": (_is_text_by_name, "a sha256 by the name of each file"),
    "versions": (_is_text_by_name, "a version by the name of each library"),
    "cutoffs": (_is_text_by_name, "a month by product"),
    "files": (_is_texts, "a list of files"),
    "issued": (lambda value: isinstance(value, str), "a day"),
    "seed": (lambda value: isinstance(value, int), "a whole number"),
}
"""What must hold of each part of ``run.json``, with the words for it."""


_DIVIDED = ["product", "destination", "issued", "month"]


def read_run(folder: str | Path) -> Forecasts:
    """The tables of the run in ``folder`` as they were when it was written: months as periods, days as dates.

    Raises
    ------
    OutputError
        When the folder is not that of a run, or a table of it is missing or not of its types.

    Examples
    --------
    >>> import forecast as fc
    >>> fc.read_run("nowhere")
    Traceback (most recent call last):
    forecast.tables.run_folder.OutputError: nowhere: expected the folder of a run, found no run.json that can be read.
    """
    read_about(folder)
    tables = {name: read_saved(Path(folder), schema) for name, schema in _SAVED.items()}
    check_forecasts(Path(folder) / "forecasts.csv", tables["forecasts"])
    divided, forecast = (pd.MultiIndex.from_frame(tables[name][_DIVIDED]) for name in ("parts", "forecasts"))
    if not divided.isin(forecast).all():
        raise OutputError(
            f"{folder}: expected parts.csv of what forecasts.csv has, found others: run the command again."
        )
    return Forecasts(**tables)


def check_forecasts(path: Path, table: pd.DataFrame) -> None:
    """Nothing when every forecast of a run has bounds about its median, and a month at its horizon.

    Raises
    ------
    OutputError
        With the first row where that is not so.
    """
    volumes = table[["lower_95", "lower_80", "volume_t", "upper_80", "upper_95"]].to_numpy(float)
    ascending = (np.diff(volumes, axis=1) >= 0).all(axis=1)
    wrong = ~(np.isfinite(volumes).all(axis=1) & (volumes >= 0).all(axis=1) & ascending)
    expected = "finite tonnes with lower_95 <= lower_80 <= volume_t <= upper_80 <= upper_95"
    if not wrong.any():
        ahead = table["month"].astype("int64") - table["cutoff"].astype("int64")
        wrong = (ahead != table["horizon"]).to_numpy() | (table["horizon"] < 1).to_numpy()
        expected = "month to be horizon months after cutoff"
    if wrong.any():
        raise OutputError(f"{path}: row {int(wrong.argmax()) + 2}: expected {expected}, found other numbers.")


def read_saved(folder: Path, schema: TableSchema, what: str = "run") -> pd.DataFrame:
    """A table in the folder of a run, which messages call ``what``, typed; without rows where it needs no file.

    Raises
    ------
    OutputError
        When it cannot be read, or a column or cell is not of its type.
    """
    path = folder / f"{schema.name}.csv"
    if schema.optional and not os.path.lexists(path):
        return schema.empty()
    try:
        content = read_regular(path, LARGEST_TABLE)
        raw = pd.read_csv(BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8", index_col=False)
    except (OSError, ValueError) as error:
        raise OutputError(f"{folder}: expected {path.name} of a {what}, found none that can be read.") from error
    lacking = ", ".join(name for name in schema.columns if name not in raw)
    if lacking:
        raise OutputError(f"{path}: expected the columns of a {what}, found none called {lacking}.")
    try:
        return schema.from_text(raw)
    except ValueError as error:
        raise OutputError(f"{path}: {error}") from error
