"""What notice is worth: months of which a third or more lies under notice of a measure, as known on the 20th.

The combination one month ahead, uncalibrated, by the calendar as it is and with the phase of notice left empty. Loss is
the weighted interval score (the pinball loss of five quantiles, twice), scaled like MASE; the difference is by month.

    python benchmarks/notice.py petroleum=exports.csv,events.csv,1 hs2=exports.csv,events.csv,1,CHN
"""

from __future__ import annotations

import argparse
from datetime import date

import pandas as pd
from ablation import compared
from episode_cells import Choice, cells
from episode_parts import PARTS, without
from episodes import calendar, scales

import forecast as fc
from forecast.episodes.course import NOTICE_DAYS, episodes_of, exposure
from forecast.realtime.events import acting_events, known_events
from forecast.registry import COMBINATION
from forecast.scoring.scores import interval_scores

KEYS = ["product", "destination", "month"]
LEAST = 1 / 3


def under_notice(events: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """The cells of which at least `LEAST` lies under notice, with a column for the measure."""
    rows = []
    for cell in wanted.itertuples(index=False):
        target = pd.Period(cell.month, "M")
        acting = acting_events(known_events(events, date(target.year, target.month, 20)))
        for episode in episodes_of(acting, cell.product, cell.destination, {}):
            if exposure(episode, pd.period_range(target, target, freq="M"))[0, 0] >= LEAST:
                rows.append((cell.product, cell.destination, cell.month, episode.kind, episode.name))
    return pd.DataFrame(rows, columns=[*KEYS, "kind", "measure"]).drop_duplicates(KEYS)


def forecasts(exports: pd.DataFrame, events: pd.DataFrame, wanted: pd.DataFrame) -> pd.DataFrame:
    """The combination on every cell."""
    found = []
    for month, own in wanted.groupby("month"):
        target = pd.Period(month, "M")
        run = fc.forecast_all(
            exports[exports["product"].isin(own["product"])],
            events,
            {},
            issued=date(target.year, target.month, 20),
            products=sorted(own["product"].unique()),
            destinations=sorted(own["destination"].unique()),
            models=[COMBINATION],
            calibrate=False,
        ).forecasts
        found.append(run[(run["month"] == target) & (run["model"] == COMBINATION)].assign(month=month))
    return pd.concat(found).drop_duplicates(KEYS).merge(wanted, on=KEYS)


def scored(argument: str) -> pd.DataFrame:
    """Cells under notice of one panel with medians and losses, with and without notice."""
    path, calendar_file, every, *codes = argument.split(",")
    raw = pd.read_csv(path)
    whole = cells(raw, pd.read_csv(calendar_file), Choice(int(every), 12, tuple(codes)))
    events = fc.check_events(calendar(calendar_file))
    wanted = under_notice(events, whole[whole["window"]])
    if wanted.empty:
        return pd.DataFrame()
    series = set(zip(wanted["product"], wanted["destination"], strict=True))
    kept = raw[[key in series for key in zip(raw["product"], raw["destination"], strict=True)]]
    exports = fc.check_exports(kept.assign(month=kept["month"].astype(str)))
    truth = raw.set_index(KEYS)["volume_t"].rename("actual_t")
    scale = (
        scales(raw.assign(month=pd.PeriodIndex(raw["month"], freq="M")), whole).rename("scale").rename_axis(KEYS[:2])
    )
    tables = {}
    for name, part in (("with", {}), ("without", PARTS["notice"])):
        with without(part):
            rows = forecasts(exports, events, wanted).drop(columns="actual_t", errors="ignore").join(truth, on=KEYS)
        rows = rows.join(scale, on=KEYS[:2]).dropna(subset=["actual_t", "scale"])
        tables[name] = rows.assign(loss=interval_scores(rows) / rows["scale"]).set_index(KEYS)
    more = tables["without"][["volume_t", "loss"]].add_suffix("_without")
    return tables["with"][["measure", "kind", "actual_t", "volume_t", "loss"]].join(more)


def main() -> None:
    """Print a line a panel, and every cell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("panels", nargs="+", metavar="NAME=EXPORTS,EVENTS,EVERY[,DESTINATION...]")
    given = parser.parse_args()
    tables = {name: scored(rest) for name, _, rest in (panel.partition("=") for panel in given.panels)}
    print(f"Months of which a third lies in the {NOTICE_DAYS} days before a measure that was announced by then.\n")
    print("| panel | cells | loss with notice | without | without less with |\n|---|---:|---:|---:|---|")
    for name, own in tables.items():
        if own.empty:
            print(f"| {name} | 0 | | | |")
            continue
        change, low, high, _ = compared(own["loss"], own["loss_without"])
        means = f"{own['loss'].mean():.3f} | {own['loss_without'].mean():.3f}"
        print(f"| {name} | {len(own)} | {means} | {change:+.3f} ({low:+.3f} to {high:+.3f}) |")
    for name, own in ((name, own) for name, own in tables.items() if len(own)):
        print(f"\n{name}\n{own.reset_index().round(2).to_string(index=False)}")


if __name__ == "__main__":
    main()
