"""What the results say: values found in the tables of ``results/``, put into the sentences of each ``answer.md``.

No number of README.md is typed: every one is looked up here, and a test writes the file again from the results.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import unlabelled
from decisions import by_decision, read_cells

from forecast.report.page.analysis import BASELINE, NEXT_MONTH, added_by_events, best_model, miss_factors, standings
from forecast.report.page.run_tables import Replay, read_replay, read_table
from forecast.report.page.text import judged
from forecast.report.text import digits, percent, spoken, times, tonnes
from forecast.report.track_record import PHASE_COLUMNS, TRACK_COLUMNS, TRACK_PHASES, TRACK_RECORD
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
        parts += [f"## {title.lstrip('# ')}", question.strip().split("\n\n")[0], answer(here / name)]
        parts.append(links(here / name))
    return "\n\n".join(parts) + "\n"


def links(folder: Path) -> str:
    """Where more is: the notebook, which the documentation's site shows executed, and the settings."""
    notebook = next(folder.glob("*.ipynb")).name
    return f"[Notebook]({folder.name}/{notebook}), [settings]({folder.name}/experiment.toml)"


def answer(folder: Path) -> str:
    """The sentences of an experiment: its ``answer.md`` with every ``{name}`` filled from the results.

    A name that begins with ``previous_`` is looked up in ``previous.toml``: what the results were before.
    """
    text = " ".join((folder / "answer.md").read_text(encoding="utf-8").split())
    values = VALUES[folder.name](folder / RESULTS) | _previous(folder / "previous.toml")
    return text.format_map({name: re.sub(r" \((p [<=].*|n = .*)\)$", r", \1", value) for name, value in values.items()})


def _previous(path: Path) -> Values:
    """Values of earlier results, where a folder keeps any to be compared with."""
    if not path.exists():
        return {}
    return {f"previous_{name}": value for name, value in tomllib.loads(path.read_text(encoding="utf-8")).items()}


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
    runs = {"with": replay.forecasts, "without": without.forecasts}
    return values | _factor_values(factors) | _hurt(factors) | _shock_values(runs)


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
        "not_scored": ", ".join(spoken(product) for product in asked if product not in scored),
        "only_naive": ", ".join(spoken(product) for product in sorted(scored) if _only_naive(replay, product)),
    }
    for product in sorted(scored):
        own = shared_values(replay, product) | added_values(replay, product) | _first_months(replay, product)
        values |= {f"{product}_{name}": value for name, value in own.items()}
    return values | _held_over_products(replay)


def _held_over_products(replay: Replay) -> Values:
    """How often the intervals of the shown model held one month ahead, over all products: ``all_held_80``."""
    rows = replay.scored
    rows = rows[(rows["model"] == SHOWN) & (rows["horizon"] == 1)]
    values: Values = {}
    for level in (80, 95):
        held, n = coverage_counts(rows, level)[["held", "n"]].sum().tolist()
        values |= {f"all_held_{level}": f"{held} of {n}", f"all_judged_{level}": judged(level, held, n)}
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
        values |= {f"forecast_{key}": digits(row.volume_t), f"actual_{key}": tonnes(row.actual_t)}
    return values


# 03 -------------------------------------------------------------------------------------------------------------------


def recovered(results: Path, truth: pd.DataFrame) -> pd.DataFrame:
    """Every estimate of an effect whose truth is known: with ``effect`` (the truth, logs), ``seen`` and ``inside``.

    ``seen`` is whether a month with a day in the phase was published when the estimate was made.
    """
    cutoffs = read_table(results, "forecasts")[["destination", "issued", "cutoff"]].drop_duplicates()
    joined = read_table(results, "effects").merge(truth, on=["destination", "episode", "phase"], validate="many_to_one")
    joined = joined.merge(cutoffs, on=["destination", "issued"], validate="many_to_one")
    inside = joined["effect"].between(joined["lower"], joined["upper"])
    seen = pd.PeriodIndex(joined["first"]) <= pd.PeriodIndex(joined["cutoff"])
    return joined.drop(columns=["first", "cutoff"]).assign(seen=seen.astype(int), inside=inside.astype(int))


def simulated(results: Path) -> Values:
    """Values of the simulated world's answer."""
    replay = read_replay(results)
    product = replay.products[0]
    values = shared_values(replay, product) | added_values(replay, product)
    estimates = pd.read_csv(results / "recovered.csv")
    seen, ahead = estimates[estimates["seen"] == 1], estimates[estimates["seen"] == 0]
    values |= _recovered_values(seen, "") | _recovered_values(ahead, "ahead_")
    values |= _recovered_values(last_of_each(seen), "last_")
    return values | _episode_values(replay, product)


def last_of_each(estimates: pd.DataFrame) -> pd.DataFrame:
    """Every effect as estimated at its last origin."""
    return estimates.sort_values("issued").drop_duplicates(["destination", "episode", "phase"], keep="last")


def _recovered_values(estimates: pd.DataFrame, prefix: str) -> Values:
    counted = estimates.groupby("kind")["inside"].agg(["sum", "size"])
    values = {f"{prefix}recovered_{kind}": f"{row['sum']} of {row['size']}" for kind, row in counted.iterrows()}
    held_truth, n = int(estimates["inside"].sum()), len(estimates)
    return values | {
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
    compared = "nearer than" if magnets["error"] < magnets["error_base"] else "farther off than"
    values |= {"magnets_compared": compared, "largest": _largest_misses(table)}
    return values | _episode_error_values(magnets, "magnets")


def _largest_misses(table: pd.DataFrame, most: int = 2) -> str:
    """The months with the largest errors in units of the base, in words."""
    parts = [
        f"{spoken(row.product)} in {row.month} ({tonnes(row.volume_t)} forecast, {tonnes(row.actual_t)} exported)"
        for row in table.nlargest(most, "error").itertuples()
    ]
    return " and ".join(parts)


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


def track_phases(results: Path) -> pd.DataFrame:
    """How often the shown model was right one month ahead, by phase of the month: columns `PHASE_COLUMNS`."""
    rows = read_replay(results).scored
    rows = rows[(rows["model"] == SHOWN) & (rows["horizon"] == 1)]
    inside = {
        f"held_{level}": rows["actual_t"].between(rows[f"lower_{level}"], rows[f"upper_{level}"]) for level in (80, 95)
    }
    counted = rows.assign(**inside, miss=(rows["volume_t"] - rows["actual_t"]).abs())
    grouped = counted.groupby(["product", "phase"], observed=True)
    sums = {
        "n": ("miss", "size"),
        "held_80": ("held_80", "sum"),
        "held_95": ("held_95", "sum"),
        "mae_t": ("miss", "mean"),
    }
    return grouped.agg(**sums).reset_index()[PHASE_COLUMNS]


def write_track_record(results: Path, data: Path) -> None:
    """Write `track_record` and `track_phases` as CSV: what a forecast says of its own past."""
    for name, table in {TRACK_RECORD: track_record(results), TRACK_PHASES: track_phases(results)}.items():
        as_text(table).to_csv(data / name, index=False, lineterminator="\n", encoding="utf-8")
