"""Our forecasts judged by utilsforecast's and sktime's own measures, beside ours.

Needs an environment of its own: ``pip install utilsforecast sktime``. First, in the environment of the package, run
``python benchmarks/other_evaluations.py write frames``; then, in the other one, the same with ``judge`` for ``write``,
which prints a row per measure: theirs, ours, and the difference.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

MODELS = ["naive", "theta", "combination"]
LEVELS = [80, 95]


def write(folder: Path) -> None:
    """The frames of a backtest of the shipped magnets over 12 origins, and our own scores of them."""
    import forecast as fc
    from forecast.adapters import forecasts_to_nixtla, to_sktime
    from forecast.scoring.scores import scores

    folder.mkdir(parents=True, exist_ok=True)
    exports, events, groups = fc.read_exports(), fc.read_events(), fc.read_groups()
    run = fc.backtest_all(
        exports, events, groups, products=["rare_earth_magnets"], destinations=["WLD", "USA"], models=MODELS, last=12,
        calibrate=False,
    )  # fmt: skip
    rows = run.forecasts[run.forecasts["actual_t"].notna()]
    forecasts_to_nixtla(rows).to_csv(folder / "forecasts.csv", index=False)
    to_sktime(exports).to_csv(folder / "panel.csv")
    scores(rows, exports).query("slice == 'all'").to_csv(folder / "scores.csv", index=False)


def judge(folder: Path) -> None:
    """Print their measures beside ours."""
    from sktime.datatypes import check_is_mtype
    from sktime.performance_metrics.forecasting import mean_absolute_error
    from utilsforecast.losses import coverage, mae

    frame = pd.read_csv(folder / "forecasts.csv", parse_dates=["ds"]).drop(columns="cutoff").assign(unique_id="all")
    ours = pd.read_csv(folder / "scores.csv").set_index("model")
    panel = pd.read_csv(folder / "panel.csv")
    panel["month"] = pd.PeriodIndex(panel["month"], freq="M")
    panel = panel.set_index(["product", "destination", "month"])
    valid, message, _ = check_is_mtype(panel, "pd_multiindex_hier", return_metadata=True)
    print("sktime hierarchical panel:", "valid" if valid else message)
    for model in MODELS:
        pairs = {
            "utilsforecast mae": (mae(frame, [model])[model].iloc[0], ours.loc[model, "mae_t"]),
            "sktime mean_absolute_error": (mean_absolute_error(frame["y"], frame[model]), ours.loc[model, "mae_t"]),
        }
        for level in LEVELS:
            theirs = coverage(frame, [model], level)[model].iloc[0]
            pairs[f"utilsforecast coverage {level}"] = (theirs, ours.loc[model, f"coverage_{level}"])
        for name, (theirs, own) in pairs.items():
            print(f"{model:12} {name:28} {theirs:12.6f} {own:12.6f} {theirs - own:.1e}")


if __name__ == "__main__":
    {"write": write, "judge": judge}[sys.argv[1]](Path(sys.argv[2]))
