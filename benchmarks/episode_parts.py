"""What each part of the episodes is worth to the structural model, in the windows of measures of open panels.

The cells of `benchmarks/episodes.py` are forecast again with one part at a time taken out; differences are by month,
with a 95 % interval. Parts of the combination are in `benchmarks/episode_combination.py`.

    python benchmarks/episode_parts.py petroleum=exports.csv,events.csv,1 hs2=exports.csv,events.csv,4,CHN
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from typing import Any
from unittest.mock import patch

import episodes as one_month_ahead
import numpy as np
import pandas as pd
from ablation import compared
from episode_cells import Choice, cells
from episodes import as_known, calendar, scales

from forecast.episodes import course, evidence
from forecast.episodes.alone import forget
from forecast.episodes.course import FORCE, KNOTS, exposure
from forecast.episodes.experience import experience_known, shipped_experience
from forecast.episodes.path_priors import KIND, LagPaths, PathEvidence, blocks
from forecast.episodes.posterior import LAGS
from forecast.realtime.events import acting_events, known_events

KEYS = ["product", "destination", "month"]


def columns_without(places: Any) -> Callable[..., np.ndarray]:
    """`exposure` with some phases empty."""

    def found(*arguments: Any) -> np.ndarray:
        shares = exposure(*arguments).copy()
        shares[:, places] = 0.0
        return shares

    return found


MIXED, SAID_BY = LagPaths.mixed, evidence._said_by


def marginals_only(*arguments: Any) -> tuple[tuple[float, ...], PathEvidence, tuple[PathEvidence, ...]]:
    """What a series says of each path where it knows of the others no more than what is stated."""
    weights, _, marginals = SAID_BY(*arguments)
    joint = PathEvidence(blocks([one.precision for one in marginals]), np.concatenate([one.pull for one in marginals]))
    return weights, joint, marginals


PARTS: dict[str, dict[str, Any]] = {
    "paths learned from others": {"learn": False},
    "goods in transit": {"alone.exposure": lambda one, months, lag=0, lifted=(): exposure(one, months, 0, lifted)},
    "spread between episodes": {
        **{f"partial_pooling.{name}": 0.005 for name in ("PRODUCT", "EPISODE", "DESTINATION")},
        "partial_pooling.IN_COMMON": KIND + 0.01,
    },
    "notice": {"alone.exposure": columns_without([0])},
    "how unlike destinations are": {"path_priors.Heterogeneity.factor": lambda *_: 1.0},
    "evidence on all paths jointly": {"evidence._said_by": marginals_only},
    "lags that others believe in": {"posterior.LagPaths.mixed": lambda own, _: MIXED(own, np.zeros(len(LAGS)))},
    "days in transit by all destinations together": {
        "transit.LagEvidence.without_path": lambda own, lag, _: own.logs[lag],
        "transit._of_paths": lambda paths, _: np.zeros(len(paths) + 1),
    },
    "recovery": {"alone.exposure": columns_without(slice(FORCE.stop, len(KNOTS)))},
    "floor at a hundredth": dict.fromkeys(
        ("forecast.kernels.arrays.FLOOR", "panel.FLOOR", "alone.FLOOR", "design.FLOOR"), 1e-6
    ),
    "what measures below have left": {"panel.left_to_strike": lambda *_: 1.0},
    "effects that become the level": {"course.LASTS": 1e9},
    "noise of few lots": {"structural.LUMPY": 0.0, "posterior.LUMPY": 0.0},
    "duties that act as bans": {"alone.MILD": ()},
    "diversion": {"episodes.diversions_of": lambda *_: ()},
    "outliers drawn in": {"panel.winsorised": lambda y, *_: y},
    "(shipped experience added)": {"experience": True},
}  # fmt: skip
"""What is taken out, by the constants and functions that are replaced."""


@contextmanager
def without(part: dict[str, Any]) -> Iterator[None]:
    """The package with one part replaced, and nothing kept of earlier fits."""
    with ExitStack() as stack:
        for name, value in part.items():
            if "." in name:
                place = name if name.startswith(("forecast.", "episodes.")) else f"forecast.episodes.{name}"
                stack.enter_context(patch(place, value))
        course._exposure.cache_clear()
        forget()
        yield
    course._exposure.cache_clear()
    forget()


def medians(volumes: pd.DataFrame, events: pd.DataFrame, wanted: pd.DataFrame, part: dict[str, Any]) -> pd.Series:
    """Median forecast of each wanted cell, with one part replaced."""
    found = {}
    with without(part):
        for month, own in wanted.groupby("month"):
            target = pd.Period(month, "M")
            day = date(target.year, target.month, 20)
            acting = acting_events(known_events(events, day))
            series, on = as_known(volumes, acting, own, target)
            taught = experience_known(shipped_experience(), day) if part.get("experience") else None
            asked = list(zip(own["product"], own["destination"], strict=True))
            fits = dict(one_month_ahead.structural_forecasts(series, on, 1, taught, asked, part.get("learn", True)))
            found |= {(*key, month): fits[key].volumes()["median"].iloc[0] for key in asked}
    return pd.Series(found).rename_axis(KEYS)


def errors_of(argument: str, parts: list[str]) -> dict[str, pd.Series]:
    """Scaled errors in the windows of one panel, by the part taken out."""
    exports, calendar_file, every, *codes = argument.split(",")
    raw = pd.read_csv(exports)
    whole = cells(raw, pd.read_csv(calendar_file), Choice(int(every), 12, tuple(codes)))
    wanted = whole[whole["window"]]
    volumes = raw.assign(month=pd.PeriodIndex(raw["month"], freq="M"))
    truth, scale = raw.set_index(KEYS)["volume_t"], scales(volumes, whole).rename_axis(KEYS[:2])
    events = calendar(calendar_file)
    found = {}
    for name, part in {"(nothing)": {}, **{name: PARTS[name] for name in parts}}.items():
        apart = (medians(volumes, events, wanted, part) - truth).dropna().abs().rename("error").reset_index()
        apart = apart.join(scale.rename("scale"), on=KEYS[:2]).dropna()
        found[name] = apart.assign(error=apart["error"] / apart["scale"]).set_index(KEYS)["error"]
    return found


def main() -> None:
    """Print a table: a row for each part, a pair of columns for each panel."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("panels", nargs="+", metavar="NAME=EXPORTS,EVENTS,EVERY[,DESTINATION...]")
    parser.add_argument("--part", action="append", choices=list(PARTS), help="only this one; may be repeated")
    given = parser.parse_args()
    parts = given.part or list(PARTS)
    tables = {name: errors_of(rest, parts) for name, _, rest in (panel.partition("=") for panel in given.panels)}
    print(f"| without | {' | '.join(f'{name}, MASE | difference' for name in tables)} |")
    print(f"|---|{'---|---|' * len(tables)}")
    for part in ("(nothing)", *parts):
        row = [part]
        for errors in tables.values():
            own, full = errors[part], errors["(nothing)"]
            change, low, high, _ = compared(full.reindex(own.index), own)
            row += [f"{own.mean():.3f}", "" if own is full else f"{change:+.3f} ({low:+.3f} to {high:+.3f})"]
        print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
