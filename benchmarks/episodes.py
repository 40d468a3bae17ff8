"""One month ahead in and beside the windows of measures on panels of other goods and countries, as known then.

For each cell of `benchmarks/episode_cells.py`: the structural model with and without the calendar, and the peers'
median where their forecasts are on file. Settings were fixed on simulation, on petroleum to 2000 and on hs2 to 2019,
with exceptions that were made after the months of other cells were read: that a measure on top of others of its kind
strikes what those have left (eu_to_russia; a divisor was tried at 0 to 3 before), with the fourth root as its spread
(eu_to_russia), months after which an effect becomes the level (petroleum to 2003; 36, 48, 60 and 96 were tried), and
payback after notice (solar_pv, one try).

    python benchmarks/episodes.py PANEL.csv EVENTS.csv --peers peers.csv --every 2 --months
"""

from __future__ import annotations

import argparse
import time
from datetime import date

import numpy as np
import pandas as pd
from episode_cells import Choice, cells

from forecast.episodes.course import episodes_of
from forecast.episodes.diversion import diversions_of
from forecast.episodes.panel import structural_forecasts
from forecast.realtime.events import acting_events, known_events

TEXT = ("ends_status", "continues", "source", "description")


def calendar(path: str) -> pd.DataFrame:
    """A calendar with days as dates and lists as tuples."""
    events = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in TEXT:
        events[column] = events.get(column, "")
    for column in ("announced", "effective", "ends", "ends_announced"):
        events[column] = pd.Series(
            [date.fromisoformat(cell) if cell else None for cell in events[column]], dtype=object
        )
    for column in ("products", "destinations"):
        events[column] = [tuple(cell.split(";")) for cell in events[column]]
    return events


def forecasts(volumes: pd.DataFrame, events: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """The cells with columns with, lower, upper, without (tonnes) and what acted as known."""
    rows = []
    for month, own in wanted.groupby("month"):
        target = pd.Period(month, "M")
        acting = acting_events(known_events(events, date(target.year, target.month, 20)))
        panel, episodes = as_known(volumes, acting, own, target)
        knowing = dict(structural_forecasts(panel, episodes, 1))
        asked = list(zip(own["product"], own["destination"], strict=True))
        blind = dict(structural_forecasts({key: panel[key] for key in asked}, {}, 1))
        for key, cell in zip(asked, own.itertuples(index=False), strict=True):
            found, plain = knowing[key].volumes().iloc[0], blind[key].volumes().iloc[0]
            on = ";".join(episode.name for episode in episodes[key])
            rows.append((*cell, found["median"], found["lower_80"], found["upper_80"], plain["median"], on))
    names = ["product", "destination", "month", "window", "with", "lower", "upper", "without", "episodes"]
    return pd.DataFrame(rows, columns=names)


def as_known(volumes, acting, own: pd.DataFrame, target: pd.Period) -> tuple[dict, dict]:
    """Series before ``target`` and their episodes: those asked for, and those under any measure (all products)."""
    panel, episodes = {}, {}
    for product in sorted(set(wanted_products(volumes, own))):
        history = volumes[(volumes["product"] == product) & (volumes["month"] < target)]
        wide = history.pivot(index="month", columns="destination", values="volume_t")
        wide = wide.reindex(pd.period_range(wide.index[0], target - 1, freq="M"))
        asked = set(own.loc[own["product"] == product, "destination"])
        named = {code for event in acting for code in event.destinations} & set(own["destination"])
        for code in sorted(asked | (named & set(wide))):
            panel[product, code] = wide[code]
            beside = diversions_of(acting, product, code, {}, wide)
            episodes[product, code] = (*episodes_of(acting, product, code, {}, wide), *beside)
    return panel, episodes


def wanted_products(volumes: pd.DataFrame, own: pd.DataFrame) -> list[str]:
    """The products asked for."""
    return list(own["product"].unique())


def scales(volumes: pd.DataFrame, wanted: pd.DataFrame) -> pd.Series:
    """Mean absolute 12-month difference of each series before its first cell; NaN with fewer than six."""
    first = wanted.groupby(["product", "destination"])["month"].min()
    found = {}
    for key, month in first.items():
        own = volumes[(volumes["product"] == key[0]) & (volumes["destination"] == key[1])].set_index("month")[
            "volume_t"
        ]
        apart = own[own.index < pd.Period(month, "M")].diff(12).abs().dropna()
        found[key] = apart.mean() if len(apart) >= 6 and apart.mean() > 0 else np.nan
    return pd.Series(found)


def main() -> None:
    """Print MASE in and outside windows and coverage, and with --months every window cell."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--peers", default="")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--beside", type=int, default=6)
    parser.add_argument("--destinations", default="")
    parser.add_argument("--to", default="9999-12")
    parser.add_argument("--output", default="")
    parser.add_argument("--months", action="store_true")
    arguments = parser.parse_args()
    raw = pd.read_csv(arguments.exports)
    chosen = tuple(filter(None, arguments.destinations.split(",")))
    wanted = cells(raw, pd.read_csv(arguments.events), Choice(arguments.every, arguments.beside, chosen))
    wanted = wanted[wanted["month"] <= arguments.to]
    volumes = raw.assign(month=pd.PeriodIndex(raw["month"], freq="M"))
    start = time.perf_counter()
    table = forecasts(volumes, calendar(arguments.events), wanted)
    spent = time.perf_counter() - start
    actual = raw.set_index(["product", "destination", "month"])["volume_t"]
    keys = ["product", "destination", "month"]
    table["actual"] = actual.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy()
    table["scale"] = scales(volumes, wanted).reindex(pd.MultiIndex.from_frame(table[keys[:2]])).to_numpy()
    if arguments.peers:
        peers = pd.read_csv(arguments.peers).groupby(keys)["volume_t"].median()
        table["peers"] = peers.reindex(pd.MultiIndex.from_frame(table[keys])).to_numpy()
    if arguments.output:
        table.to_csv(arguments.output, index=False)
    if arguments.months:
        inside = table[table["window"]].sort_values(["product", "destination", "month"])
        print(inside.drop(columns=["window", "scale"]).round(1).to_string(index=False))
    summary(table, spent)


def summary(table: pd.DataFrame, spent: float) -> None:
    """MASE by place and forecaster over the cells that all have, ratios, and coverage."""
    methods = [name for name in ("with", "without", "peers") if name in table]
    scored = table.dropna(subset=[*methods, "scale", "actual"])
    print(f"{len(table)} cells, {len(scored)} scored, {spent:.1f} s")
    for inside, own in scored.groupby("window"):
        errors = {name: (own[name] - own["actual"]).abs().div(own["scale"]).mean() for name in methods}
        held = own["actual"].between(own["lower"], own["upper"]).mean()
        words = "  ".join(f"{name} {error:.3f}" for name, error in errors.items())
        ratios = "  ".join(f"with/{name} {errors['with'] / errors[name]:.2f}" for name in methods[1:])
        print(f"{'window' if inside else 'outside'}: n {len(own)}  {words}  {ratios}  80 % holds {held:.1%}")


if __name__ == "__main__":
    main()
