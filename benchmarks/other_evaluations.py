"""Our forecasts judged by utilsforecast's and sktime's own measures, and sktime's own backtest beside ours.

Needs an environment of its own: ``pip install utilsforecast sktime``. First, in the environment of the package, run
``python benchmarks/other_evaluations.py write frames``; then, in the other one, the same with ``judge`` for ``write``,
which writes ``other_evaluations.md`` beside this script: a row per measure, theirs, ours, and the difference.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pandas as pd

MODELS = ["naive", "theta", "combination"]
LEVELS = [80, 95]
QUANTILES = [0.025, 0.1, 0.5, 0.9, 0.975]
WALK_MONTHS, WALK_ORIGINS = 60, 12
REPORT = Path(__file__).with_suffix(".md")

Row = tuple[str, str, str, float, float]
"""Model, whose measure, its name, theirs and ours."""


def write(folder: Path) -> None:
    """The frames of a backtest of the shipped magnets over 12 origins and of random walks, and our own scores."""
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
    scores(rows, exports).to_csv(folder / "scores.csv", index=False)
    write_walks(folder)


def write_walks(folder: Path) -> None:
    """Random walks without gaps, each month out on the 20th of the next, and our score of the naive model on them."""
    import numpy as np

    import forecast as fc
    from forecast.adapters import to_sktime
    from forecast.scoring.scores import scores

    draws = np.random.default_rng(1).normal(0.0, 0.2, (3, WALK_MONTHS)).cumsum(axis=1)
    months = pd.period_range("2018-01", periods=WALK_MONTHS, freq="M")
    constant = {"product": "walk", "status": "reported", "precision_t": np.nan, "source": ""}
    rows = [
        {**constant, "destination": code, "month": month, "volume_t": 100 * np.exp(value),
         "released": date((month + 1).year, (month + 1).month, 20)}
        for code, path in zip(("DEU", "JPN", "USA"), draws, strict=True)
        for month, value in zip(months, path, strict=True)
    ]  # fmt: skip
    exports = pd.DataFrame(rows)
    events = fc.read_events().iloc[:0]
    run = fc.backtest_all(exports, events, {}, models=["naive"], horizon=1, last=WALK_ORIGINS, calibrate=False)
    to_sktime(exports).to_csv(folder / "walks.csv")
    scores(run.forecasts, exports).query("slice == 'all'").to_csv(folder / "walk_scores.csv", index=False)


def judge(folder: Path) -> None:
    """Print their measures beside ours, and write them down."""
    rows = [*by_utilsforecast(folder), *by_sktime(folder), sktime_backtest(folder)]
    lines = [
        "# Our forecasts by the measures of others",
        "",
        f"Written by `benchmarks/other_evaluations.py` with {versions()}. Shipped magnets of WLD and USA, 12 origins;",
        f"for the backtest three random walks of {WALK_MONTHS} months, {WALK_ORIGINS} origins.",
        "",
        f"`to_sktime` as a hierarchical panel: {hierarchy(folder)}.",
        "",
        "| model | library | measure | theirs | ours | difference |",
        "|---|---|---|---:|---:|---:|",
        *(f"| {m} | {lib} | {name} | {a:.6f} | {b:.6f} | {a - b:.0e} |" for m, lib, name, a, b in rows),
        "",
    ]
    REPORT.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


def versions() -> str:
    """The libraries that judge."""
    from importlib.metadata import version

    return " and ".join(f"{name} {version(name)}" for name in ("utilsforecast", "sktime"))


def ours(folder: Path) -> pd.DataFrame:
    """Our scores by model and slice."""
    return pd.read_csv(folder / "scores.csv").set_index(["model", "slice"])


def forecasts(folder: Path) -> pd.DataFrame:
    """The forecasts as Nixtla's frame."""
    return pd.read_csv(folder / "forecasts.csv", parse_dates=["ds", "cutoff"])


def by_utilsforecast(folder: Path) -> Iterator[Row]:
    """`evaluate` by series and over all: absolute error, its share of volume, coverage, and quantile loss.

    The weighted interval score of two intervals and a median is twice the mean quantile loss of their five quantiles.
    """
    from utilsforecast.evaluation import evaluate
    from utilsforecast.losses import coverage, mae, mqloss, nd

    frame, own = forecasts(folder), ours(folder)
    together = frame.drop(columns="cutoff").assign(unique_id="all")
    for data in (together, frame.drop(columns="cutoff")):
        found = evaluate(data, [mae, nd, coverage], models=MODELS, level=LEVELS).set_index(["unique_id", "metric"])
        names = {"mae": "mae_t", "nd": "wape"} | {f"coverage_level{level}": f"coverage_{level}" for level in LEVELS}
        for (series, metric), values in found.iterrows():
            where = "all" if series == "all" else f"destination={series.rpartition('/')[2]}"
            for model in MODELS:
                yield (
                    model,
                    "utilsforecast",
                    f"{metric}, {where}",
                    values[model],
                    own.loc[(model, where), names[metric]],
                )
    columns = ["{}-lo-95", "{}-lo-80", "{}", "{}-hi-80", "{}-hi-95"]
    for model in MODELS:
        import numpy as np

        loss = mqloss(together, {model: [name.format(model) for name in columns]}, np.array(QUANTILES))
        yield model, "utilsforecast", "2 x mqloss (wis), all", 2 * loss[model].iloc[0], own.loc[(model, "all"), "wis"]


def by_sktime(folder: Path) -> Iterator[Row]:
    """Absolute error, coverage and pinball loss."""
    from sktime.performance_metrics.forecasting import MeanAbsoluteError
    from sktime.performance_metrics.forecasting.probabilistic import EmpiricalCoverage, PinballLoss

    frame, own = forecasts(folder), ours(folder)
    for model in MODELS:
        mine = own.loc[(model, "all")]
        yield model, "sktime", "MeanAbsoluteError, all", MeanAbsoluteError()(frame["y"], frame[model]), mine["mae_t"]
        for level in LEVELS:
            bounds = pd.DataFrame({("y", level / 100, side): frame[f"{model}-{mark}-{level}"]
                                   for side, mark in (("lower", "lo"), ("upper", "hi"))})  # fmt: skip
            theirs = EmpiricalCoverage(coverage=level / 100)(frame["y"], bounds)
            yield model, "sktime", f"EmpiricalCoverage {level}, all", float(theirs), mine[f"coverage_{level}"]
        columns = ["{}-lo-95", "{}-lo-80", "{}", "{}-hi-80", "{}-hi-95"]
        quantiles = pd.DataFrame(
            {("y", level): frame[name.format(model)] for level, name in zip(QUANTILES, columns, strict=True)}
        )
        loss = float(PinballLoss(alpha=QUANTILES)(frame["y"], quantiles))
        yield model, "sktime", "2 x PinballLoss (wis), all", 2 * loss, mine["wis"]


def panel_of(path: Path) -> pd.DataFrame:
    """A panel as `forecast.adapters.to_sktime` made it."""
    panel = pd.read_csv(path)
    panel["month"] = pd.PeriodIndex(panel["month"], freq="M")
    return panel.set_index(["product", "destination", "month"])


def hierarchy(folder: Path) -> str:
    """Whether sktime takes the shipped exports as a hierarchical panel."""
    from sktime.datatypes import check_is_mtype

    valid, message, _ = check_is_mtype(panel_of(folder / "panel.csv"), "pd_multiindex_hier", return_metadata=True)
    return "valid" if valid else str(message)


def sktime_backtest(folder: Path) -> Row:
    """Errors by sktime's `evaluate` of its last-value forecaster on each walk, beside our backtest of the naive model.

    Ours repeats the last volume a day, so that theirs is given volumes a day, and its errors are months' again.
    """
    from sktime.forecasting.model_evaluation import evaluate
    from sktime.forecasting.naive import NaiveForecaster
    from sktime.performance_metrics.forecasting import MeanAbsoluteError
    from sktime.split import ExpandingWindowSplitter

    panel = panel_of(folder / "walks.csv")
    cut = ExpandingWindowSplitter(fh=[1], initial_window=WALK_MONTHS - WALK_ORIGINS, step_length=1)
    errors: list[float] = []
    for _, series in panel.groupby(level=[0, 1]):
        y = series.droplevel([0, 1])["volume_t"]
        found = evaluate(NaiveForecaster("last"), cut, y / y.index.days_in_month, scoring=MeanAbsoluteError())
        errors += (found["test_MeanAbsoluteError"].to_numpy() * y.index.days_in_month[-len(found) :]).tolist()
    own = pd.read_csv(folder / "walk_scores.csv")["mae_t"].iloc[0]
    return "naive", "sktime", f"evaluate, {len(errors)} windows of walks", sum(errors) / len(errors), own


if __name__ == "__main__":
    {"write": write, "judge": judge}[sys.argv[1]](Path(sys.argv[2]))
