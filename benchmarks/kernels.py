"""Print what the compiled kernels save against the libraries whose objectives they optimise.

Every round times the library and the kernel after each other on the same series, so that the ratio of a round is of
one moment of one machine; the table has the median ratio and its quartiles. Run: ``python benchmarks/kernels.py``.

statsforecast needs a pandas below 3, so it runs in an environment of its own, made once in ``build/statsforecast`` or
named by ``--statsforecast PYTHON``; it is handed the same series and times itself.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd

MONTHS, AHEAD = 96, 1
ORDERS = [order for order in product(range(3), range(3), range(2), range(2)) if 1 <= sum(order) <= 3]
FIRST_CALL = """
import time
start = time.process_time()
import numpy as np
from forecast.kernels import arima, prophet
imported = time.process_time()
y = np.random.default_rng(0).standard_normal(60).cumsum()
arima.forecast(arima.fit(y), y, None, np.empty((1, 0)))
fitted = time.process_time()
t = np.linspace(0.0, 1.0, 60)
prophet.fit(y, t, prophet.fourier(t, 2), prophet.changepoints(t), np.ones(4))
print(imported - start, fitted - imported, time.process_time() - fitted)
"""


PEER = """
import json, sys, time
import numpy as np
from statsforecast.models import ARIMA, AutoARIMA

for line in sys.stdin:
    asked = json.loads(line)
    y, X, X_future = (np.array(asked[name]) for name in ("y", "X", "X_future"))
    same = ARIMA(order=(1, 1, 1), season_length=12, seasonal_order=(0, 1, 1))
    model = AutoARIMA(season_length=12) if asked["auto"] else same
    start = time.perf_counter()
    fitted = model.fit(y, X)
    fitted.predict(1, X_future)
    seconds = time.perf_counter() - start
    print(json.dumps([1e3 * seconds, [fitted.model_["coef"].get(name, 0.0) for name in ("ar1", "ma1", "sma1")]]))
    sys.stdout.flush()
"""
Timed = tuple[float, float]
"""Milliseconds, and the objective reached."""


def series(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log volumes of 96 months from an airline model with four events, the events, and those of the month ahead."""
    draw = np.random.default_rng(seed)
    noise = 0.1 * draw.standard_normal(MONTHS + 200)
    change = noise[13:] - 0.4 * noise[12:-1] - 0.6 * noise[1:-12] + 0.24 * noise[:-13]
    y = np.cumsum(change)
    for t in range(12, y.size):
        y[t] += y[t - 12]
    X = np.zeros((MONTHS + AHEAD, 4))
    X[60:, 0], X[70, 1], X[85:, 3] = 1.0, 1.0, 1.0
    X[80:, 2] = 0.7 ** np.arange(MONTHS + AHEAD - 80)
    return y[-MONTHS:] + X[:MONTHS] @ [0.3, -0.2, 0.5, -0.4], X[:MONTHS], X[MONTHS:]


def milliseconds(function: Callable[[], object], repeats: int) -> float:
    """Mean wall time of a call."""
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    return 1e3 * (time.perf_counter() - start) / repeats


def timed(function: Callable[[], float]) -> Timed:
    """Wall time and result of one call."""
    start = time.perf_counter()
    result = function()
    return 1e3 * (time.perf_counter() - start), result


def compared(
    rounds: int, repeats: int, pair: Callable[[int], tuple[Callable[[], Timed], Callable[[], float]]]
) -> np.ndarray:
    """A row a round: the library's time, the kernel's, and by how much the kernel's objective is higher."""
    out = np.empty((rounds, 3))
    for seed in range(rounds):
        library, kernel = pair(seed)
        ours = kernel()
        theirs, reached = library()
        out[seed] = theirs, milliseconds(kernel, repeats), ours - reached
    return out


class Peer:
    """statsforecast in a process of its own."""

    def __init__(self, python: str) -> None:
        self.process = subprocess.Popen([python, "-c", PEER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def fitted(self, seed: int, auto: bool) -> tuple[float, list[float]]:
        """Milliseconds of a fit and a one-step forecast, and AR, MA and seasonal MA of the fixed order."""
        if not self.process.stdin or not self.process.stdout:
            raise RuntimeError("statsforecast was started without pipes.")
        asked = dict(zip(("y", "X", "X_future"), (part.tolist() for part in series(seed)), strict=True))
        self.process.stdin.write(json.dumps(asked | {"auto": auto}) + "\n")
        self.process.stdin.flush()
        took, parameters = json.loads(self.process.stdout.readline())
        return took, parameters


def peer_environment(named: str | None) -> str:
    """The Python that has statsforecast; its environment is made on the first call."""
    if named:
        return named
    folder = Path("build/statsforecast")
    if not (folder / "bin" / "python").exists():
        print(f"Making {folder} with statsforecast, once.", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(folder / "bin" / "pip"), "install", "--quiet", "statsforecast", "pandas<3"]
        subprocess.run(install, check=True)
    return str(folder / "bin" / "python")


def arima_pair(seed: int) -> tuple[Callable[[], Timed], Callable[[], float]]:
    """One fit of (1,1,1)(0,1,1)12 with a one-step forecast; the objective is that of the differenced series."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    from forecast.kernels import arima

    y, X, X_future = series(seed)
    exact = SARIMAX(y, exog=X, order=(1, 1, 1), seasonal_order=(0, 1, 1, 12), simple_differencing=True)

    def library() -> float:
        fitted = SARIMAX(y, exog=X, order=(1, 1, 1), seasonal_order=(0, 1, 1, 12)).fit(disp=False)
        ahead = fitted.get_forecast(1, exog=X_future)
        _ = ahead.predicted_mean, ahead.se_mean
        return float(exact.loglike(fitted.params))

    def kernel() -> float:
        fitted = arima.fit(y, X)
        _ = arima.forecast(fitted, y, X, X_future).sd
        return fitted.log_likelihood

    return partial(timed, library), kernel


def peer_pair(peer: Peer, seed: int) -> tuple[Callable[[], Timed], Callable[[], float]]:
    """The same fit by statsforecast; the objective is the exact likelihood at its AR and MA parameters."""
    from forecast.kernels import arima

    y, X, _ = series(seed)

    def library() -> Timed:
        took, parameters = peer.fitted(seed, auto=False)
        return took, arima.evaluate(y, X, (1, 1, 1), (0, 1, 1), np.array(parameters)).log_likelihood

    return library, arima_pair(seed)[1]


def peer_search_pair(peer: Peer, seed: int) -> tuple[Callable[[], Timed], Callable[[], float]]:
    """One AutoARIMA of statsforecast, which tries orders of its own, so that no objective is compared."""
    kernel = search_pair(seed)[1]
    return lambda: (peer.fitted(seed, auto=True)[0], np.nan), kernel


def search_pair(seed: int) -> tuple[Callable[[], Timed], Callable[[], float]]:
    """The AICc of 20 orders; the objective is minus the lowest."""
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    from forecast.kernels import arima

    y, X, _ = series(seed)
    candidates = ORDERS[:20]

    def library() -> float:
        models = (SARIMAX(y, exog=X, order=(p, 1, q), seasonal_order=(P, 1, Q, 12)) for p, q, P, Q in candidates)
        fits = [model.fit(disp=False) for model in models]
        found = zip(fits, candidates, strict=True)
        return max(-arima.evaluate(y, X, (p, 1, q), (P, 1, Q), f.params[4:-1]).aicc for f, (p, q, P, Q) in found)

    def kernel() -> float:
        return -float(np.min(arima.search(y, X, candidates, 1, 1).aicc))

    return partial(timed, library), kernel


def prophet_pair(seed: int, futures: int = 0) -> tuple[Callable[[], Timed], Callable[[], float]]:
    """Prophet as it comes with four events: fit, and with ``futures`` predict too; the objective is Stan's ``lp__``."""
    from prophet import Prophet

    from forecast.kernels import prophet

    y, X, X_future = series(seed)
    months = pd.date_range("2015-01-01", periods=MONTHS + AHEAD, freq="MS")
    events = [f"event_{j}" for j in range(4)]
    events_by_month = np.vstack([X, X_future])
    frame = pd.DataFrame(events_by_month, columns=events).assign(ds=months, y=np.append(y, np.nan))
    days = (months - pd.Timestamp("1970-01-01")).days.to_numpy(dtype=float)

    def library() -> float:
        model = Prophet(weekly_seasonality=False, daily_seasonality=False, uncertainty_samples=futures)
        for event in events:
            model.add_regressor(event, standardize=False)
        model.fit(frame.iloc[:MONTHS])
        if futures:
            model.predict(frame.iloc[MONTHS:])
        return float(model.params["lp__"].item())

    def kernel() -> float:
        t = (days - days[0]) / (days[MONTHS - 1] - days[0])
        terms = np.hstack([prophet.fourier(days, 10), events_by_month])
        past, scale = t[:MONTHS], np.abs(y).max()
        fitted = prophet.fit(y / scale, past, terms[:MONTHS], prophet.changepoints(past), np.full(24, 10.0))
        if futures:
            paths = prophet.draws(fitted, t[MONTHS:], terms[MONTHS:], futures, seed=0)
            _ = scale * np.quantile(paths, [0.1, 0.5, 0.9], axis=0)
        return fitted.log_posterior

    return partial(timed, library), kernel


def first_calls(rounds: int = 5) -> list[tuple[str, list[float]]]:
    """Median seconds of CPU to import, first ARIMA and first Prophet: with an empty cache, and from the one left."""
    runs: list[list[list[float]]] = [[], []]
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"NUMBA_CACHE_DIR": folder}
            for found in runs:
                done = subprocess.run(
                    [sys.executable, "-c", FIRST_CALL], env=environment, capture_output=True, text=True, check=True
                )
                found.append([float(part) for part in done.stdout.split()])
    names = "never run before", "from the cache"
    return [(name, np.median(found, axis=0).tolist()) for name, found in zip(names, runs, strict=True)]


def help_times(rounds: int = 11) -> tuple[float, float]:
    """Median milliseconds of ``forecast --help`` and of importing typer alone, each in a new process, by turns."""
    commands = (["-m", "forecast", "--help"], ["-c", "import typer"])
    run = partial(subprocess.run, capture_output=True, check=True)
    took = [[milliseconds(lambda c=c: run([sys.executable, *c]), 1) for c in commands] for _ in range(rounds)]
    ours, bare = np.median(took, axis=0)
    return float(ours), float(bare)


def version_of(python: str, name: str) -> str:
    """The version of a package in another environment."""
    asked = f"from importlib.metadata import version; print(version({name!r}))"
    return subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    """Print versions, then a line for each comparison, then the first calls."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statsforecast", metavar="PYTHON", help="a Python that has statsforecast")
    python = peer_environment(parser.parse_args().statsforecast)
    peer = Peer(python)
    logging.disable(logging.WARNING)
    names = ("numba", "numpy", "statsmodels", "prophet")
    versions = ", ".join(f"{name} {version(name)}" for name in names)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {versions},", end=" ")
    print(f"statsforecast {version_of(python, 'statsforecast')}")
    print(f"{os.getloadavg()[0]:.1f} processes running when it began; wall time in milliseconds, medians of the rounds")
    print(f"{'':40}    library     kernel   ratio  (quartiles)      objective above the library's: least, most")
    for name, rounds, repeats, pair in (
        ("ARIMA fit and one-step, statsmodels", 15, 50, arima_pair),
        ("ARIMA fit and one-step, statsforecast", 15, 50, partial(peer_pair, peer)),
        ("AICc over 20 orders, statsmodels", 3, 5, search_pair),
        ("AICc over 20 orders, one AutoARIMA", 7, 5, partial(peer_search_pair, peer)),
        ("Prophet fit", 15, 50, prophet_pair),
        ("Prophet fit, predict, 1,000 draws", 15, 50, lambda seed: prophet_pair(seed, futures=1000)),
    ):
        pair(0)[0]()
        warnings.simplefilter("ignore")  # after statsmodels' import, which sets filters of its own
        found = compared(rounds, repeats, pair)
        ratio = np.quantile(found[:, 0] / found[:, 1], [0.25, 0.5, 0.75])
        library, kernel = np.median(found[:, :2], axis=0)
        above = found[:, 2]
        objective = "not compared" if np.isnan(above).any() else f"{above.min():.2g}, {above.max():.2g}"
        quartiles = f"({ratio[0]:.0f} to {ratio[2]:.0f})"
        print(f"{name:40} {library:10.1f} {kernel:10.3f} {ratio[1]:7.0f}  {quartiles:16} {objective}")
    for name, seconds in first_calls():
        print("first calls, {}: import {:.1f}, ARIMA {:.1f}, Prophet {:.1f} s of CPU".format(name, *seconds))
    ours, bare = help_times()
    print(f"forecast --help {ours:.0f} ms, importing typer alone {bare:.0f} ms: {ours / bare:.2f} times")


if __name__ == "__main__":
    main()
