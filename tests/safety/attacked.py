"""A small world in a folder, and the commands run on it: what the attacks of these tests begin with."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import simulated
from typer.testing import CliRunner, Result

from forecast import cli
from forecast.tables.frames import as_text

FILES = ["--exports", "exports.csv", "--events", "events.csv"]
QUICK = [*FILES, "--models", "naive", "--no-calibrate"]
NEXT = ["next", *QUICK, "--output", "o"]
BACKTEST = ["backtest", *QUICK, "--origins", "3", "--parity", "0", "--output", "o"]
SCENARIO = ["scenario", *QUICK, "--add", "kind=ban, destinations=USA, announced=2023-06-01, effective=2023-06-01, "
            "probability=0.5", "--output", "o"]  # fmt: skip


def write_world(place: Path) -> Path:
    """exports.csv and events.csv in ``place``: two series of forty months up to 2023-04, and one licence."""
    series = {"USA": list(simulated.steady(40)), "DEU": list(simulated.steady(40, 60.0, seed=1))}
    as_text(simulated.exports(series)).to_csv(place / "exports.csv", index=False)
    calendar = simulated.calendar({"kind": "licensing", "announced": date(2022, 1, 10)})
    as_text(calendar).to_csv(place / "events.csv", index=False)
    return place


def run(*arguments: str) -> Result:
    """A command as typed; an exception that is no exit would be a traceback on the user's screen."""
    result = CliRunner().invoke(cli.app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*arguments: str) -> str:
    """The one sentence on stderr of a command that ends with exit 1."""
    result = run(*arguments)
    assert result.exit_code == 1, (result.exit_code, result.output)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def contents(folder: Path) -> dict[str, bytes]:
    """Bytes of every file below a folder, by its path inside it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def strays(folder: Path) -> list[str]:
    """Names below a folder that only a writer at work may use."""
    return sorted(path.name for path in folder.rglob(".*"))


def rewrite_about(folder: Path, **changes: object) -> None:
    """run.json with some parts replaced."""
    path = folder / "run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
