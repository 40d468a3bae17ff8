"""What the results say: values found in the tables of ``results/``, put into the sentences of each ``answer.md``.

No number of README.md is typed: every one is looked up here, and a test writes the file again from the results.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import unlabelled
from episodes import by_decision, read_cells

from forecast.report.page.analysis import BASELINE, NEXT_MONTH, added_by_events, best_model, miss_factors, standings
from forecast.report.page.run_tables import Replay, read_replay, read_table
from forecast.report.page.text import judged, percent, plain, said, times, tonnes
from forecast.report.track_record import TRACK_COLUMNS
from forecast.scoring.scores import coverage_counts
from forecast.tables.frames import as_text

SHOWN = "combination"
RESULTS = "results"

Values = dict[str, str]


# The page -------------------------------------------------------------------------------------------------------------


def readme(here: Path, names: Sequence[str]) -> str:
    """The text of README.md: of each experiment the question and the answer, its numbers looked up in the results."""
    parts = ["# Experiments", (here / "about.md").read_text(encoding="utf-8").strip()]
    for name in names:
        title, question = (here / name / "README.md").read_text(encoding="utf-8").split("\n", 1)
        parts += [f"## [{title.lstrip('# ')}]({name}/)", question.strip().split("\n\n")[0], answer(here / name)]
    return "\n\n".join(parts) + "\n"


def answer(folder: Path) -> str:
    """The three sentences of an experiment: its ``answer.md`` with every ``{name}`` filled from the results."""
    text = " ".join((folder / "answer.md").read_text(encoding="utf-8").split())
    values = VALUES[folder.name](folder / RESULTS)
    return text.format_map({name: re.sub(r" \((p [<=].*|n = .*)\)$", r", \1", value) for name, value in values.items()})


def shared_values(replay: Replay, product: str) -> Values:
    """Values of every model one month ahead: ``mae_theta``, ``skill_theta``, ``verdict_theta``, ``held_80_theta``."""
    values: Values = {}
    for _, row in standings(replay, product).iterrows():
        name = row["model"]
        values |= {
            f"n_{name}": str(row["n"]),
            f"mae_{name}": tonnes(row["mae_t"]),
            f"wis_{name}": tonnes(row["wis"]),
            f"verdict_{name}": str(row["verdict"]),
            f"skill_{name}": _less_or_more(row["skill"]),
        }
    return values | _held_values(replay, product)


def _held_values(replay: Replay, product: str, suffix: str = "") -> Values:
    rows = replay.scored
    rows = rows[(rows["product"] == product) & (rows["horizon"] == 1)]
    values: Values = {}
    for level in (80, 95):
        counted = coverage_counts(rows, level).groupby("model")[["held", "n"]].sum()
        for name, row in counted.iterrows():
            values[f"held_{level}_{name}{suffix}"] = f"{row['held']} of {row['n']}"
            values[f"judged_{level}_{name}{suffix}"] = judged(level, int(row["held"]), int(row["n"]))
    return values


def added_values(replay: Replay, product: str) -> Values:
    """Mean losses of every model with and without events, and the verdict: ``with_mae_t_prophet`` and so on."""
    values: Values = {}
    for measure in ("mae_t", "wis"):
        table = added_by_events(replay, measure)
        table = table[(table["product"] == product) & (table["slice"] == NEXT_MONTH)]
        for _, row in table.iterrows():
            key = f"{measure}_{row['model']}"
            values |= {
                f"with_{key}": tonnes(row["with"]),
                f"without_{key}": tonnes(row["without"]),
                f"added_{key}": str(row["verdict"]).replace(f"{row['model']} without events", "without events"),
            }
    return values


def _less_or_more(skill: float) -> str:
    return "not comparable" if np.isnan(skill) else f"{percent(abs(skill))} {'less' if skill >= 0 else 'more'}"


# 01 -------------------------------------------------------------------------------------------------------------------


def magnets(results: Path) -> Values:
    """Values of the magnets' answer."""
    replay = read_replay(results)
    product = replay.products[0]
    rows = replay.scored[(replay.scored["model"] == SHOWN) & (replay.scored["horizon"] == 1)]
    values = shared_values(replay, product) | added_values(replay, product)
    without = replay.without_events
    if without is None:
        raise ValueError(f"{results}: expected the run without events beside it. Run experiments/run.py.")
    values |= _held_values(without, product, "_without")
    values |= _factor_values({code: miss_factors(without, product, code) for code in ("WLD", "USA")}, "_without")
    singles = replace(replay, scores=replay.scores[replay.scores["model"] != SHOWN])
    best = str(best_model(singles, product))
    values |= {
        "best": best,
        "best_mae": values[f"mae_{best}"],
        "best_n": values[f"n_{best}"],
        "best_skill": values[f"skill_{best}"],
        "best_verdict": values[f"verdict_{best}"],
        "n": str(len(rows)),
        "months": str(rows["month"].nunique()),
        "places": str(rows["destination"].nunique()),
        "first": str(rows["month"].min()),
        "last": str(rows["month"].max()),
    }
    factors = {code: miss_factors(replay, product, code) for code in ("WLD", "USA")}
    return (
        values
        | _factor_values(factors)
        | _hurt(factors)
        | _shock_values({"with": replay.forecasts, "without": without.forecasts, "hindsight": hindsight(results)})
    )


def hindsight(results: Path) -> pd.DataFrame:
    """The combination's rows had all been known of what events do."""
    rows = pd.read_csv(results / "hindsight.csv")
    return rows.assign(issued=[date.fromisoformat(day) for day in rows["issued"]])


def _shock_values(runs: Mapping[str, pd.DataFrame]) -> Values:
    """Mean absolute errors of the issue days of April to July 2025, of the world and the United States together."""
    losses = {}
    for name, rows in runs.items():
        rows = rows[(rows["model"] == SHOWN) & (rows["horizon"] == 1) & rows["destination"].isin(["WLD", "USA"])]
        rows = rows[[date(2025, 4, 1) <= day < date(2025, 8, 1) for day in rows["issued"]]]
        losses[name] = float((rows["volume_t"] - rows["actual_t"]).abs().mean())
    return {
        "shock_n": str(len(rows)),
        "shock_with": tonnes(losses["with"]),
        "shock_without": tonnes(losses["without"]),
        "shock_ratio": f"{losses['with'] / losses['without']:.2f}",
        "shock_hindsight": tonnes(losses["hindsight"]),
        "hindsight_ratio": f"{losses['hindsight'] / losses['without']:.2f}",
    }


def _factor_values(factors: Mapping[str, pd.DataFrame], suffix: str = "") -> Values:
    """Forecast over actual as ``factor_WLD_2025_05_pooled``."""
    return {
        f"factor_{code}_{month.year}_{month.month:02d}_{model}{suffix}": times(factor)
        for code, table in factors.items()
        for (model, month), factor in table.stack().items()
    }


def _hurt(factors: Mapping[str, pd.DataFrame]) -> Values:
    """Models by the mean size of their log factor in April and May 2025: ``most_hurt``, ``least_hurt``, as a factor."""
    shock = [pd.Period("2025-04", "M"), pd.Period("2025-05", "M")]
    sizes = pd.concat([np.log(table[shock]).abs() for table in factors.values()]).dropna()
    mean = np.exp(sizes.mean(axis=1).groupby(level=0).mean()).sort_values()
    return {
        "least_hurt": str(mean.index[0]),
        "least_hurt_by": times(mean.iloc[0]),
        "most_hurt": str(mean.index[-1]),
        "most_hurt_by": times(mean.iloc[-1]),
    }


# 02 -------------------------------------------------------------------------------------------------------------------


def analogues(results: Path) -> Values:
    """Values of the analogues' answer."""
    replay = read_replay(results)
    asked = replay.about["arguments"]["products"]
    scored = set(replay.scored["product"])
    values: Values = {
        "asked": str(len(asked)),
        "scored": str(len(scored)),
        "not_scored": ", ".join(said(product) for product in asked if product not in scored),
        "only_naive": ", ".join(said(product) for product in sorted(scored) if _only_naive(replay, product)),
    }
    for product in sorted(scored):
        own = shared_values(replay, product) | added_values(replay, product) | _first_months(replay, product)
        values |= {f"{product}_{name}": value for name, value in own.items()}
    return values


def _only_naive(replay: Replay, product: str) -> bool:
    rows = replay.scored[replay.scored["product"] == product]
    return set(rows["model"]) == {BASELINE, SHOWN}


def _first_months(replay: Replay, product: str) -> Values:
    """Of each month for the world: the forecast shown and the actual, as ``forecast_2023_08``, ``actual_2023_08``."""
    rows = replay.scored
    rows = rows[(rows["product"] == product) & (rows["destination"] == "WLD") & (rows["model"] == SHOWN)]
    values: Values = {}
    for row in rows.sort_values("horizon", ascending=False).itertuples(index=False):
        key = f"{row.month.year}_{row.month.month:02d}"
        values |= {f"forecast_{key}": plain(row.volume_t), f"actual_{key}": tonnes(row.actual_t)}
    return values


# 03 -------------------------------------------------------------------------------------------------------------------


def recovered(results: Path, truth: pd.DataFrame) -> pd.DataFrame:
    """Every estimate of an effect whose truth is known and whose phase had begun: effects, truth and ``inside``.

    ``truth`` has the columns `simulate.EFFECT_COLUMNS`; a phase has begun in a month with figures, up to the cutoff.
    """
    cutoffs = read_table(results, "forecasts").groupby("issued")["cutoff"].max()
    effects = read_table(results, "effects").drop(columns="kind")
    joined = effects.merge(truth, on=["destination", "episode", "phase"], validate="many_to_one")
    begun = joined["begins"].astype(str) <= joined["issued"].map(cutoffs).astype(str)
    joined = joined[begun].drop(columns="begins")
    return joined.assign(inside=joined["effect"].between(joined["lower"], joined["upper"]).astype(int))


def simulated(results: Path) -> Values:
    """Values of the simulated world's answer."""
    replay = read_replay(results)
    product = replay.products[0]
    values = shared_values(replay, product) | added_values(replay, product)
    estimates = pd.read_csv(results / "recovered.csv")
    values |= _recovered_values(estimates, "") | _recovered_values(_last_of_each(estimates), "last_")
    return values | _episode_values(replay, product)


def _last_of_each(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates.sort_values("issued").drop_duplicates(["destination", "episode", "phase"], keep="last")


def _recovered_values(estimates: pd.DataFrame, prefix: str) -> Values:
    held_truth, n = int(estimates["inside"].sum()), len(estimates)
    return {
        f"{prefix}recovered": f"{held_truth} of {n}",
        f"{prefix}recovered_judged": judged(95, held_truth, n),
    }


def _episode_values(replay: Replay, product: str) -> Values:
    """The second month of the licensing episode and later: losses with and without events of every model."""
    onset = read_table_of_events(replay).query("kind == 'licensing'")["effective"].min()
    rows = replay.forecasts[replay.forecasts["month"] > pd.Period(onset, "M")]
    later = replace(replay, forecasts=rows)
    own = added_values(later, product)
    n = len(rows[(rows["model"] == SHOWN) & rows["actual_t"].notna() & (rows["horizon"] == 1)])
    return {f"later_{name}": value for name, value in own.items()} | {"later_n": str(n)}


def read_table_of_events(replay: Replay) -> pd.DataFrame:
    """The calendar of a run.

    Raises
    ------
    ValueError
        When the files that the run read are gone or have changed.
    """
    if replay.events is None:
        raise ValueError(f"{replay.folder}: expected the calendar of the run. {' '.join(replay.missing)}")
    return replay.events


# 04 -------------------------------------------------------------------------------------------------------------------


def episodes_in_order(results: Path) -> Values:
    """Values of the episodes' answer: mean absolute errors in units of the base, as percent of it."""
    table = read_cells(results)
    names = {"graphite": "graphite", "antimony": "antimony", "2025-04-ree": "ree", "all": "all"}
    values: Values = {}
    for _, row in by_decision(table).iterrows():
        name = next(short for part, short in names.items() if part in row["event"])
        values |= _episode_error_values(row, name)
    magnets = by_decision(table[table["product"] == "rare_earth_magnets"]).iloc[-1]
    return values | _episode_error_values(magnets, "magnets")


def _episode_error_values(row: pd.Series, name: str) -> Values:
    errors = {f"{name}_{column}": percent(row[column]) for column in ("error", "error_base", "error_last")}
    counts = {f"{name}_{column}": f"{row[column]} of {row['n']}" for column in ("held_80", "held_95")}
    return errors | counts | {f"{name}_n": str(row["n"])}


VALUES: dict[str, Callable[[Path], Values]] = {
    "01-magnets-2025": magnets,
    "02-analogues": analogues,
    "03-simulated": simulated,
    "04-episodes": episodes_in_order,
    "05-unlabelled-breaks": unlabelled.values,
}


# Track record ---------------------------------------------------------------------------------------------------------


def track_record(results: Path) -> pd.DataFrame:
    """How often the intervals of the shown model held one month ahead, by destination: columns `TRACK_COLUMNS`."""
    rows = read_replay(results).scored
    rows = rows[(rows["model"] == SHOWN) & (rows["horizon"] == 1)]
    key = ["product", "destination", "model"]
    months = rows.groupby(key)["month"].agg(first_month="min", last_month="max").reset_index()
    counts = pd.concat([coverage_counts(rows, level) for level in (80, 95)], ignore_index=True)
    return counts.merge(months, on=key).sort_values([*key, "level"], ignore_index=True)[TRACK_COLUMNS]


def write_track_record(results: Path, path: Path) -> None:
    """Write `track_record` as CSV: what a forecast says of its own past."""
    as_text(track_record(results)).to_csv(path, index=False, lineterminator="\n", encoding="utf-8")
