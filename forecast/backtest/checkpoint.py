"""A run in progress: what it is a run of, and a file for each piece of work that is done, so that it can be resumed.

Every file is whole or not there (`forecast.safety.atomic`), and data: numbers, and text in JSON; nothing in it is run.
A checksum tells a part that the disk has damaged, not one that somebody has written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.backtest.parts import PartError, as_part, from_part
from forecast.backtest.plan import Request, Settings, Task
from forecast.realtime.data import Data
from forecast.safety.atomic import is_stray, read_regular, remove, sync_folder, write_whole
from forecast.safety.inert import visible
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts, joined
from forecast.tables.run_folder import PACKAGE
from forecast.vocabulary.products import shipped_headlines

PLAN = "plan.json"
PARTS = "parts"
"""The argument that says what each part is of; it follows from the others in one version of this package."""

SHOWN = 40
"""Characters of an argument that are shown where it is not the same."""

LARGEST_PLAN, LARGEST_PART = 2**26, 2**31
"""Bytes of each file that are read at most."""

_PART = re.compile(r"\d{5,}\.part", re.ASCII)

Plan = dict[str, dict[str, Any]]

Progress = Callable[[int, int], None]
"""Called with how many pieces of work are done, and how many there are."""


class CheckpointError(ValueError):
    """Why a run cannot be resumed, or cannot be kept in a folder: one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder that keeps a run in progress; with ``resume`` the run that is in it goes on, else it is replaced.

    ``inputs`` names what must not change in between, such as the sha256 of each file by its name.
    """

    folder: Path
    resume: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)

    def begin(self, tables: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
        """The folder made ready for a run of ``tables`` (digest by name) with ``arguments`` (that JSON can hold).

        Raises
        ------
        CheckpointError
            When the run to resume is not there or was another one, the folder holds something else, or the disk
            refuses.
        """
        inputs = {PACKAGE: version(PACKAGE), **self.inputs}
        plan = {"inputs": inputs, "tables": dict(tables), "arguments": dict(arguments)}
        text = json.dumps({"package": PACKAGE, **plan}, indent=2, sort_keys=True)
        try:
            self._refuse_foreign()
            if self.resume:
                self._refuse_other(self._former(), json.loads(json.dumps(plan)))
                return
            self._empty()
            self.folder.mkdir(parents=True, exist_ok=True)
            write_whole(self.folder / PLAN, text.encode())
        except OSError as error:
            raise self._unwritable(error) from error

    def read(self, position: int) -> Forecasts | None:
        """The result of the task at ``position`` in the plan; None where it is not done, or its file is damaged."""
        try:
            content = read_regular(self._part(position), LARGEST_PART)
        except OSError:
            return None
        checksum, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != checksum:
            return None
        try:
            return from_part(payload)
        except PartError:
            return None

    def write(self, position: int, result: Forecasts) -> None:
        """Keep the result of the task at ``position``.

        Raises
        ------
        CheckpointError
            When the disk refuses; what was kept before is still there.
        """
        payload = as_part(result)
        try:
            write_whole(self._part(position), hashlib.sha256(payload).digest() + payload)
        except OSError as error:
            raise self._unwritable(error) from error

    def remove(self) -> None:
        """Throw away what was kept, once what was made of it is kept elsewhere; the folder too, where it is then empty.

        Raises
        ------
        CheckpointError
            When the disk refuses.
        """
        try:
            self._empty()
            if self.folder.is_dir() and not any(self.folder.iterdir()):
                self.folder.rmdir()
                sync_folder(self.folder.parent)
        except OSError as error:
            raise self._unwritable(error) from error

    def _part(self, position: int) -> Path:
        return self.folder / f"{position:05d}.part"

    def _empty(self) -> None:
        """Remove what a run in progress has put into the folder, the plan last: without parts it can begin again."""
        if not self.folder.is_dir():
            return
        own = [path for path in sorted(self.folder.iterdir()) if self._is_own(path)]
        for path in sorted(own, key=lambda path: path.name == PLAN):
            remove(path)

    def _is_own(self, path: Path) -> bool:
        """Whether a run in progress has made ``path``; a plan is ours where it says so."""
        if path.is_symlink() or path.is_dir():
            return False
        return (
            _PART.fullmatch(path.name) is not None
            or is_stray(path.name)
            or (path.name == PLAN and _plan_at(path) is not None)
        )

    def _refuse_foreign(self) -> None:
        expected = f"{self.folder}: expected nothing or a run in progress"
        if self.folder.is_symlink() or (os.path.lexists(self.folder) and not self.folder.is_dir()):
            found = "a link" if self.folder.is_symlink() else "a file"
            raise CheckpointError(f"{expected}, found {found}. Choose another --output, or remove it.")
        if not self.folder.is_dir():
            return
        foreign = [path.name for path in sorted(self.folder.iterdir()) if not self._is_own(path)]
        if foreign == [PLAN]:
            raise CheckpointError(f"{expected}, found a {PLAN} of none. Choose another --output, or remove the folder.")
        if foreign:
            raise CheckpointError(f"{expected}, found other files. Choose another --output.")

    def _former(self) -> Plan | None:
        return _plan_at(self.folder / PLAN)

    def _unwritable(self, error: OSError) -> CheckpointError:
        reason = (error.strerror or str(error)).lower()
        return CheckpointError(
            f"{self.folder}: expected a folder that can keep the run, found that it cannot ({reason})."
        )

    def _refuse_other(self, former: Plan | None, plan: Plan) -> None:
        if former is None:
            raise CheckpointError(f"{self.folder}: expected a run to resume, found none. Run without --resume.")
        changed = [f"{visible(name)} has changed" for name in _differing(former["inputs"], plan["inputs"])]
        changed = changed or [f"{visible(name)} have changed" for name in _differing(former["tables"], plan["tables"])]
        arguments = _differing(former["arguments"], plan["arguments"])
        for name in [name for name in arguments if name != PARTS] or arguments:
            changed.append(_other_argument(visible(name), former["arguments"].get(name), plan["arguments"].get(name)))
        if changed:
            raise CheckpointError(
                f"{self.folder}: the run begun there cannot be resumed: {', '.join(changed)}. Run without --resume."
            )


@dataclass
class TasksDone:
    """The packed results of tasks by their places, what is known of them on disk first."""

    count: int
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    results: dict[int, Forecasts] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.checkpoint is not None:
            kept = {place: self.checkpoint.read(place) for place in range(self.count)}
            self.results = {place: result for place, result in kept.items() if result is not None}

    def add(self, place: int, result: Forecasts) -> None:
        """Take in the result of a task."""
        self.results[place] = result
        if self.checkpoint is not None:
            self.checkpoint.write(place, result)
        if self.progress is not None:
            self.progress(len(self.results), self.count)

    def joined(self) -> Forecasts:
        """All rows, in the order of the tasks, whose results are let go; the largest table is packed still."""
        return joined((self.results.pop(place) for place in range(self.count)), still_packed=("effects",))


def _plan_at(path: Path) -> Plan | None:
    """The plan of a run in progress; None where there is none, or what is there is none of ours."""
    try:
        found = json.loads(read_regular(path, LARGEST_PLAN).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or found.pop("package", None) != PACKAGE:
        return None
    is_sound = found.keys() == {"inputs", "tables", "arguments"} and all(map(_is_mapping, found.values()))
    return found if is_sound else None


def _is_mapping(value: Any) -> bool:
    return isinstance(value, dict)


def _differing(former: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in [*now, *(former.keys() - now.keys())] if former.get(name) != now.get(name)]


def _other_argument(name: str, former: Any, now: Any) -> str:
    values = f"{json.dumps(former)} then and {json.dumps(now)} now"
    return f"{name} was {values}" if len(values) <= 2 * SHOWN else f"{name} is not what it was"


def fingerprint(
    data: Data, settings: Settings, request: Request, tasks: Sequence[Task]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Digests of the tables by name, the arguments that numbers depend on, and the digest of what each part is of."""
    groups = pd.DataFrame({"code": list(data.groups), "members": list(data.groups.values())})
    tables = {"exports": data.exports, "events": data.events, "groups": groups}
    if data.totals is not None:
        tables["period_totals"] = data.totals
    if data.headlines != shipped_headlines():
        tables["headlines"] = pd.DataFrame([asdict(one) for one in data.headlines])
    digests = {name: table_digest(table) for name, table in tables.items()}
    parts = hashlib.sha256(repr([*map(astuple, tasks)]).encode()).hexdigest()
    return digests, {**asdict(settings), "models": [*settings.models], **request.written_down(), PARTS: parts}


def table_digest(table: pd.DataFrame) -> str:
    """The sha256 of a table's cells as text, with its columns: the same for equal tables of any origin.

    Examples
    --------
    >>> import pandas as pd
    >>> table_digest(pd.DataFrame({"volume_t": [0.1]}))[:8] == table_digest(pd.DataFrame({"volume_t": [0.1]}))[:8]
    True
    """
    return hashlib.sha256(as_text(table).to_csv(index=False).encode()).hexdigest()
