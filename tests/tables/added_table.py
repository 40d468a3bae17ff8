"""Adds one entry to the schema of a run, as a first import would find it, and prints what became of its rows as JSON.

    python added_table.py FOLDER

Nothing else is changed but that each forecast notes two rows of the new table, the later month first.
"""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from forecast.tables import schema
from forecast.tables.schema import ColumnType as T

NOTES = schema.TableSchema(
    "notes",
    {
        "product": T.LABEL,
        "destination": T.LABEL,
        "model": T.LABEL,
        "issued": T.LABEL_DAY,
        "month": T.MONTH,
        "place": T.COUNT,
        "size": T.NUMBER,
        "known": T.FLAG,
        "codes": T.CODES,
        "day": T.DAY,
    },
    keys=("model", "month"),
    optional=True,
)
if __name__ == "__main__":
    schema.RUN_TABLES["notes"] = NOTES  # before anything that derives from it is imported

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from simulated import GROUPS, calendar, exports, steady  # noqa: E402

import forecast as fc  # noqa: E402
from forecast.backtest.origin import OriginForecaster  # noqa: E402
from forecast.tables.run_folder import write_run  # noqa: E402

EXPORTS = exports({"USA": steady(40), "JPN": steady(40, 40.0, seed=1)})
ISSUED = date(2023, 2, 20)
OPTIONS = {"models": ["theta", "naive"], "learn": False}
SIZES = [0.5]
"""What the rows say; the leaky forecaster below has it say something of the file."""

honest = OriginForecaster.add_rows


def noting(self: OriginForecaster, name: str, key: tuple[str, str], logs: np.ndarray) -> None:
    """Note two rows beside the forecast."""
    honest(self, name, key, logs)
    issued, ahead = self.origin.issued, self.origin.design(key).X_future.index
    for month in (ahead[1], ahead[0]):
        self.rows.add("notes", (*key, name, issued, month.ordinal, 3, SIZES[-1], True, ("a", "b"), issued))


def leaky(exports: pd.DataFrame, *tables: object, **options: object) -> fc.Forecasts:
    """A forecaster whose notes add up the whole file, whenever it was released."""
    SIZES.append(float(exports["volume_t"].sum()))
    run = fc.forecast_all(exports, *tables, **options)
    SIZES.pop()
    return run


def main(folder: Path) -> None:
    """Print what writer, reader, order, checkpoint, audit and the empty run do with the table."""
    tables = EXPORTS, calendar(), GROUPS
    without = fc.forecast_all(*tables, issued=ISSUED, **OPTIONS)
    OriginForecaster.add_rows = noting
    run = fc.forecast_all(*tables, issued=ISSUED, **OPTIONS)
    about = {"arguments": {}, "package": "export-forecast"}
    for name, made in {"with": run, "without": without}.items():
        (folder / name).mkdir()
        write_run(folder / name, made, about)
    kept = fc.backtest_all(*tables, last=2, checkpoint=fc.Checkpoint(folder / "kept"), **OPTIONS)
    resumed = fc.backtest_all(*tables, last=2, checkpoint=fc.Checkpoint(folder / "kept", resume=True), **OPTIONS)
    days = {"magnets": [ISSUED]}
    found = fc.look_ahead_audit(*tables, days, forecast=leaky, **OPTIONS)
    shown = {
        "order": [[str(cell) for cell in row] for row in run.notes[["destination", "model", "month"]].to_numpy()],
        "lines": (folder / "with" / "notes.csv").read_text().splitlines()[:2],
        "read": fc.read_run(folder / "with").notes.equals(run.notes),
        "types": {name: str(kind) for name, kind in fc.read_run(folder / "with").notes.dtypes.items()},
        "file without rows": (folder / "without" / "notes.csv").exists(),
        "columns without rows": [*without.notes.columns],
        "read without rows": fc.read_run(folder / "without").notes.equals(without.notes),
        "checkpoint": resumed.notes.equals(kept.notes) and len(kept.notes) == 2 * len(run.notes),
        "audit": len(fc.look_ahead_audit(*tables, days, **OPTIONS)),
        "audit of a leak": sorted({*zip(found["table"], found["column"], strict=True)}),
        "repr": "notes 8" in repr(run),
    }
    print(json.dumps(shown))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
