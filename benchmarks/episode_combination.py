"""The combination, and each member, on the cells of `benchmarks/episode_cells.py`, with and without the calendar.

As known on the 20th of each month: `forecast.forecast_all` on the series of the cells alone, uncalibrated, with the
shipped experience of the years before. The median of all members that have a forecast of the other run shows what it is
worth that members see logs without the episodes, and the structural model as a member.

    python benchmarks/episode_combination.py PANEL.csv EVENTS.csv --peers peers.csv --every 4 --destinations CHN
    python benchmarks/episode_combination.py PETROLEUM.csv EVENTS.csv --peers peers.csv --leave BLR \
        --spans 1991-12,2000-12,2003-12 --months
"""

from __future__ import annotations

import argparse
from datetime import date

import pandas as pd
from ablation import compared
from episode_cells import Choice, cells
from episodes import calendar, scales

import forecast as fc
from forecast.registry import COMBINATION, MEMBERS
from forecast.scoring.scores import interval_scores
from forecast.tables.quantiles import LEVELS, VOLUME_QUANTILES

KEYS = ["product", "destination", "month"]


def forecasts(exports: pd.DataFrame, events: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """Rows of every member and of the combination on the wanted cells, ``with`` and ``without`` events."""
    rows = []
    for month, own in wanted.groupby("month"):
        target = pd.Period(month, "M")
        known = exports[(exports["month"] <= target) & exports["product"].isin(own["product"])]
        for name, table in (("with", events), ("without", events.iloc[:0])):
            run = fc.forecast_all(
                known,
                table,
                {},
                issued=date(target.year, target.month, 20),
                products=sorted(own["product"].unique()),
                destinations=sorted(own["destination"].unique()),
                models=[*MEMBERS, COMBINATION],
                calibrate=False,
            ).forecasts
            rows.append(run[run["month"] == target].assign(calendar=name, month=month))
    return pd.concat(rows)[[*KEYS, "model", "calendar", *VOLUME_QUANTILES]].merge(wanted, on=KEYS)


def mixed(table: pd.DataFrame) -> pd.DataFrame:
    """Medians over members: all with the calendar, without the structural model, and members that see raw logs."""
    members = table[table["model"].isin(MEMBERS)]
    knowing = members[members["calendar"] == "with"]
    blind = members[members["calendar"] == "without"]
    structural = knowing[knowing["model"] == "structural"]
    sets = {
        "median of members": knowing,
        "without the structural model": knowing[knowing["model"] != "structural"],
        "members see the logs as they are": pd.concat([structural, blind[blind["model"] != "structural"]]),
    }
    rows = [
        own.groupby(KEYS, as_index=False)["volume_t"].median().assign(model=name, calendar="with")
        for name, own in sets.items()
    ]
    return pd.concat(rows)


def main() -> None:
    """Print a line for each member, the combination and the medians: MASE, ratios, interval score, coverage."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("exports")
    parser.add_argument("events")
    parser.add_argument("--peers", required=True)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--beside", type=int, default=6)
    parser.add_argument("--destinations", default="")
    parser.add_argument("--outside", action="store_true", help="the months beside the windows instead of those in them")
    parser.add_argument("--leave", default="", help="destinations left out of the table by spans")
    parser.add_argument("--spans", default="", help="last months of spans with a row of their own, as 1991-12,2000-12")
    parser.add_argument("--months", action="store_true", help="print every cell of the combination")
    given = parser.parse_args()
    raw, own = pd.read_csv(given.exports), pd.read_csv(given.events)
    chosen = tuple(filter(None, given.destinations.split(",")))
    every = cells(raw, own, Choice(given.every, given.beside, chosen))
    wanted = every[every["window"] != given.outside]
    series = set(zip(wanted["product"], wanted["destination"], strict=True))
    kept = raw[[key in series for key in zip(raw["product"], raw["destination"], strict=True)]]
    exports = fc.check_exports(kept.assign(month=kept["month"].astype(str)))
    table = forecasts(exports, fc.check_events(calendar(given.events)), wanted)
    volumes = raw.assign(month=pd.PeriodIndex(raw["month"], freq="M"))
    truth = raw.set_index(KEYS)["volume_t"].rename("actual_t")
    peers = pd.read_csv(given.peers).groupby(KEYS)["volume_t"].median().rename("peers")
    scale = scales(volumes, every).rename("scale").rename_axis(KEYS[:2])
    whole = (
        pd.concat([table, mixed(table)], ignore_index=True)
        .join(truth, on=KEYS)
        .join(peers, on=KEYS)
        .join(scale, on=KEYS[:2])
    )
    scored = with_errors(whole.dropna(subset=["actual_t", "peers", "scale"]))
    summary(scored)
    combination = beside(scored[scored["model"] == COMBINATION])
    if given.spans:
        by_span(combination[~combination["destination"].isin(given.leave.split(","))], given.spans.split(","))
    if given.months:
        shown = ["product", "destination", "month", "actual_t", "with", "lower_80", "upper_80", "without", "peers"]
        print(combination.sort_values(KEYS)[shown].round(1).to_string(index=False))


def with_errors(table: pd.DataFrame) -> pd.DataFrame:
    """Errors of the forecast and of the peers, and the forecast's interval score, in units of the series' scale.

    Medians over members have no intervals.
    """
    whole = table[table["lower_80"].notna()]
    return table.assign(
        error=(table["volume_t"] - table["actual_t"]).abs() / table["scale"],
        beside=(table["peers"] - table["actual_t"]).abs() / table["scale"],
        wis=(interval_scores(whole) / whole["scale"]).reindex(table.index),
    )


def beside(table: pd.DataFrame) -> pd.DataFrame:
    """Rows of one model with the calendar, and its forecast and error without it beside them."""
    knowing = table[table["calendar"] == "with"].rename(columns={"volume_t": "with"})
    blind = table[table["calendar"] == "without"].set_index(KEYS)[["volume_t", "error"]]
    return knowing.join(blind.rename(columns={"volume_t": "without", "error": "error_without"}), on=KEYS)


def by_span(table: pd.DataFrame, ends: list[str]) -> None:
    """A line for the cells up to each of ``ends``, and one for the rest."""
    print("\n| months to | n | MASE | / without the calendar | / peers |\n|---|---|---|---|---|")
    start = ""
    for end in [*ends, "9999-12"]:
        own = table[(table["month"] > start) & (table["month"] <= end)]
        means = own[["error", "error_without", "beside"]].mean()
        ratios = [f"{means['error'] / means[name]:.3f}" for name in ("error_without", "beside")]
        print(f"| {end} | {len(own)} | {means['error']:.3f} | {' | '.join(ratios)} |")
        start = end


def summary(table: pd.DataFrame) -> None:
    """A line a model over the cells that it has."""
    blind = table[table["calendar"] == "without"].set_index([*KEYS, "model"])["error"]
    combination = table[(table["calendar"] == "with") & (table["model"] == COMBINATION)].set_index(KEYS)["error"]
    print("| forecast | n | MASE | / without the calendar | / peers | less the combination | WIS | 80 % holds | 95 % |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, own in table[table["calendar"] == "with"].groupby("model", sort=False):
        error = own.set_index(KEYS)["error"]
        others = blind.xs(name, level="model") if name in blind.index.get_level_values("model") else None
        ratio = "" if others is None else f"{error.mean() / others.reindex(error.index).mean():.3f}"
        worse, low, high, _ = compared(combination.reindex(error.index), error)
        held = [own["actual_t"].between(own[f"lower_{level}"], own[f"upper_{level}"]).mean() for level in LEVELS]
        scored = f"{own['wis'].mean():.4f} | {' | '.join(f'{share:.0%}' for share in held)}"
        print(
            f"| {name} | {len(own)} | {error.mean():.3f} | {ratio} | {error.mean() / own['beside'].mean():.3f} "
            f"| {worse:+.3f} ({low:+.3f} to {high:+.3f}) | {scored if own['wis'].notna().all() else ' | | '} |"
        )


if __name__ == "__main__":
    main()
