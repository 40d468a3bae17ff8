"""A run in progress: what it is a run of, and a file for each piece of work that is done, so that it can be resumed.

Every file is whole or not there: it is written beside its place, forced to the disk, and then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts

PACKAGE = "export-forecast"
PLAN = "plan.json"
SHOWN = 40
"""Characters of an argument that are shown where it is not the same."""


class CheckpointError(ValueError):
    """Why a run cannot be resumed, or cannot be kept in a folder: one sentence."""


@dataclass(frozen=True)
class Checkpoint:
    """A folder that keeps a run in progress; with ``resume`` the run that is in it goes on, else it is replaced.

    ``inputs`` names what must not change in between, such as the sha256 of each file by its name. The parts are
    pickles with a checksum: resume only a folder that you would run code from.
    """

    folder: Path
    resume: bool = False
    inputs: Mapping[str, str] = field(default_factory=dict)

    def begin(self, tables: Mapping[str, str], arguments: Mapping[str, Any]) -> None:
        """The folder made ready for a run of ``tables`` (digest by name) with ``arguments`` (that JSON can hold).

        Raises
        ------
        CheckpointError
            When the run to resume is not there or was another one, or the folder holds something else.
        """
        inputs = {PACKAGE: version(PACKAGE), **self.inputs}
        plan = {"inputs": inputs, "tables": dict(tables), "arguments": dict(arguments)}
        former = self._former()
        if self.resume:
            self._refuse_other(former, json.loads(json.dumps(plan)))
            return
        if former is None and self.folder.exists() and any(self.folder.iterdir()):
            raise CheckpointError(
                f"{self.folder}: expected nothing or a run in progress, found other files. Choose another --output."
            )
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._write(PLAN, json.dumps(plan, indent=2, sort_keys=True).encode())

    def read(self, position: int) -> Forecasts | None:
        """The result of the task at ``position`` in the plan; None where it is not done, or its file is damaged."""
        path = self._part(position)
        if not path.exists():
            return None
        content = path.read_bytes()
        checksum, payload = content[:32], content[32:]
        if hashlib.sha256(payload).digest() != checksum:
            return None
        result: Forecasts = pickle.loads(payload)
        return result

    def write(self, position: int, result: Forecasts) -> None:
        """Keep the result of the task at ``position``."""
        payload = pickle.dumps(result)
        self._write(self._part(position).name, hashlib.sha256(payload).digest() + payload)

    def remove(self) -> None:
        """Throw the folder away, once what was made of it is kept elsewhere."""
        shutil.rmtree(self.folder)

    def _part(self, position: int) -> Path:
        return self.folder / f"{position:05d}.part"

    def _former(self) -> dict[str, dict[str, Any]] | None:
        try:
            former: dict[str, dict[str, Any]] = json.loads((self.folder / PLAN).read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return former

    def _refuse_other(self, former: dict[str, dict[str, Any]] | None, plan: dict[str, dict[str, Any]]) -> None:
        if former is None:
            raise CheckpointError(f"{self.folder}: expected a run to resume, found none. Run without --resume.")
        changed = [f"{name} has changed" for name in _differing(former["inputs"], plan["inputs"])]
        changed = changed or [f"{name} have changed" for name in _differing(former["tables"], plan["tables"])]
        for name in _differing(former["arguments"], plan["arguments"]):
            changed.append(_other_argument(name, former["arguments"].get(name), plan["arguments"].get(name)))
        if changed:
            raise CheckpointError(
                f"{self.folder}: the run begun there cannot be resumed: {', '.join(changed)}. Run without --resume."
            )

    def _write(self, name: str, content: bytes) -> None:
        beside = self.folder / f".{name}.new"
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.folder / name)
        _sync(self.folder)


def _sync(folder: Path) -> None:
    """The names in a folder forced to the disk, where the system lets a folder be opened."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _differing(former: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    return [name for name in [*now, *(former.keys() - now.keys())] if former.get(name) != now.get(name)]


def _other_argument(name: str, former: Any, now: Any) -> str:
    values = f"{json.dumps(former)} then and {json.dumps(now)} now"
    return f"{name} was {values}" if len(values) <= 2 * SHOWN else f"{name} is not what it was"


def table_digest(table: pd.DataFrame) -> str:
    """The sha256 of a table's cells as text, with its columns: the same for equal tables of any origin.

    Examples
    --------
    >>> import pandas as pd
    >>> table_digest(pd.DataFrame({"volume_t": [0.1]}))[:8] == table_digest(pd.DataFrame({"volume_t": [0.1]}))[:8]
    True
    """
    return hashlib.sha256(as_text(table).to_csv(index=False).encode()).hexdigest()
