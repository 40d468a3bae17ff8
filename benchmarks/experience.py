"""Make ``data/experience.csv`` from open panels: the prior of each kind's path by year, as known at its end.

    python benchmarks/experience.py data/experience.csv EIA=exports.csv,events.csv Census:tariff=exports.csv,events.csv

Each panel is named by its source; kinds after a colon are all that it teaches: where a series is a whole chapter and a
ban strikes a part of it, what a ban does cannot be learned. A year stands only where what is known of a mean path moved
by more than 0.05 (logs); for a day within a year the year before counts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from datetime import date

import numpy as np
import pandas as pd
from episodes import calendar

from forecast.episodes.course import episodes_of
from forecast.episodes.experience import EXPERIENCE_COLUMNS, experience_rows
from forecast.episodes.panel import path_evidence
from forecast.episodes.partial_pooling import on_another_product
from forecast.episodes.path_priors import KindEvidence, stated
from forecast.realtime.events import acting_events, known_events

LEAST_HISTORY = 24
LEAST_CHANGE = 0.05
WHOLE = 1200
"""Months: all of a panel's history."""


def main() -> None:
    """Read the panels, learn at the end of each year, write the rows that changed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output")
    parser.add_argument("panels", nargs="+", metavar="SOURCE=EXPORTS,EVENTS")
    parser.add_argument("--from", dest="start", type=int, default=1990)
    parser.add_argument("--to", type=int, default=2025)
    arguments = parser.parse_args()
    panels = dict(read(argument) for argument in arguments.panels)
    last, rows = {}, []
    for year in range(arguments.start, arguments.to + 1):
        for kind, (prior, count, sources) in learned_by(panels, year).items():
            if kind in last and np.abs(prior.mean - last[kind]).max() < LEAST_CHANGE:
                continue
            last[kind] = prior.mean
            rows += experience_rows(kind, year, count, sources, prior)
        print(year, len(rows), flush=True)
    pd.DataFrame(rows, columns=list(EXPERIENCE_COLUMNS)).sort_values(["kind", "known"], kind="stable").to_csv(
        arguments.output, index=False
    )


def read(argument: str) -> tuple[str, tuple[pd.DataFrame, pd.DataFrame, set[str]]]:
    """Name of one panel, its volumes and calendar, and the kinds that it teaches (none: all)."""
    named, _, files = argument.partition("=")
    source, _, kinds = named.partition(":")
    exports, events = files.split(",")
    volumes = pd.read_csv(exports)
    return source, (
        volumes.assign(month=pd.PeriodIndex(volumes["month"], freq="M")),
        calendar(events),
        set(filter(None, kinds.split(","))),
    )


def learned_by(panels: dict, year: int) -> dict:
    """Prior, number of episodes and sources of each kind, as known on the last day of ``year``."""
    products: list[KindEvidence] = []
    sources: dict = {}
    for source, (volumes, events, kinds) in panels.items():
        said = path_evidence(*as_known(volumes, events, year), longest=WHOLE)
        said = [one.about(kinds & {*one.kinds} if kinds else {*one.kinds}, stated) for one in said]
        products += said
        for kind in {kind for one in said for kind, _ in one.episodes}:
            sources.setdefault(kind, []).append(source)
    found = on_another_product({kind: stated(kind) for one in products for kind in one.kinds}, products)
    counts = Counter(kind for one in products for kind, _ in one.episodes)
    return {kind: (prior, counts[kind], "; ".join(sources[kind])) for kind, prior in found.items() if counts[kind]}


def as_known(volumes: pd.DataFrame, events: pd.DataFrame, year: int) -> tuple[dict, dict]:
    """Series under a measure up to November (December is out in January), and their episodes."""
    target = min(pd.Period(f"{year}-12", "M"), volumes["month"].max() + 1)
    acting = acting_events(known_events(events, date(year, 12, 31)))
    known = volumes[volumes["month"] < target]
    panel, episodes = {}, {}
    for product, own in known.groupby("product"):
        wide = own.pivot(index="month", columns="destination", values="volume_t")
        wide = wide.reindex(pd.period_range(wide.index[0], target - 1, freq="M"))
        for code in wide.columns.drop("WLD", errors="ignore"):
            found = episodes_of(acting, product, code, {}, wide)
            if found and (wide[code] > 0).sum() >= LEAST_HISTORY:
                panel[product, code], episodes[product, code] = wide[code], found
    return panel, episodes


if __name__ == "__main__":
    main()
