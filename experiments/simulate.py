"""A world whose effects are known: monthly exports made from daily effects, a calendar, and the truth about both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from forecast.episodes.course import FORCE, IN_FORCE, KNOTS
from forecast.realtime.days import days_of, lunar_new_year_shares, release_day
from forecast.realtime.events import DAYS_A_MONTH, DECAY
from forecast.tables.schema import EVENT_COLUMNS, EXPORT_COLUMNS

PRODUCT = "simulated"
EFFECT_COLUMNS = ["destination", "episode", "phase", "begins", "effect"]
LAST_PHASE = 24
"""Months since the effect up to which the last phase is averaged."""


def simulated(world: Mapping[str, Any], seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Exports, events and true log effects of a world described in an ``experiment.toml``, the same for one seed.

    A month is the mean over its days of the exponential of all effects that act on that day, times trend, wave and
    log-normal noise: it is made by days, not by the package's own phases.
    """
    months = pd.period_range(world["start"], periods=world["months"], freq="M")
    random = np.random.default_rng(seed)
    parts = [
        _series(world, months, code, level_t, random)
        for code, level_t in zip(world["destinations"], world["level_t"], strict=True)
    ]
    return pd.concat(parts, ignore_index=True)[EXPORT_COLUMNS], _calendar(world), _truth(world)


def _series(
    world: Mapping[str, Any], months: pd.PeriodIndex, code: str, level_t: float, random: np.random.Generator
) -> pd.DataFrame:
    years = np.arange(len(months)) / 12
    wave = world["season"] * np.cos(2 * np.pi * (months.month.to_numpy() - 10) / 12)
    new_year = world["new_year"] * lunar_new_year_shares(months)["lunar_new_year_during"]
    logs = np.log(level_t) + world["trend_a_year"] * years + wave + new_year + _noise(world, len(months), random)
    return pd.DataFrame(
        {
            "product": PRODUCT,
            "destination": code,
            "month": months,
            "volume_t": np.round(np.exp(logs) * _acting(world, months, code), 3),
            "released": [release_day(month) for month in months],
            "status": "reported",
            "precision_t": 0.0005,
            "source": "simulated",
        }
    )


def _noise(world: Mapping[str, Any], count: int, random: np.random.Generator) -> np.ndarray:
    """First-order autoregressive noise of the standard deviation and persistence given, from its own distribution."""
    persistence, spread = world["persistence"], world["noise"]
    shocks = random.standard_normal(count) * spread
    noise = shocks.copy()
    for month in range(1, count):
        noise[month] = persistence * noise[month - 1] + np.sqrt(1 - persistence**2) * shocks[month]
    return noise


def _acting(world: Mapping[str, Any], months: pd.PeriodIndex, code: str) -> np.ndarray:
    """What all events together multiply each month by: the mean over its days."""
    days = days_of(months)
    logs = np.zeros(len(days.ordinals))
    for event in world["events"]:
        if {code, "ALL"} & set(event["destinations"]):
            age = (days.ordinals - event["effective"].toordinal()) / DAYS_A_MONTH
            effect = event["step"] + event["temporary"] * DECAY ** np.maximum(age, 0.0)
            logs += np.where(age >= 0, effect, 0.0)
    return np.asarray(days.monthly(np.exp(logs)))


def _calendar(world: Mapping[str, Any]) -> pd.DataFrame:
    rows = [
        {
            "event": event["event"],
            "kind": event["kind"],
            "products": (PRODUCT,),
            "destinations": tuple(event["destinations"]),
            "announced": event["announced"],
            "effective": event["effective"],
            "ends": None,
            "ends_announced": None,
            "source": "simulated",
            "description": "",
            "ends_status": "",
            "continues": "",
        }
        for event in world["events"]
    ]
    return pd.DataFrame(rows, columns=EVENT_COLUMNS).astype(object)


def _truth(world: Mapping[str, Any]) -> pd.DataFrame:
    """The log effect of each phase in force of each event, by destination, with the month in which the phase begins."""
    rows = [
        (code, event["event"], KNOTS[FORCE][place], *_phase_effect(event, first, last))
        for event in world["events"]
        for code in world["destinations"]
        if {code, "ALL"} & set(event["destinations"])
        for place, (first, last) in enumerate(pairwise((*IN_FORCE, LAST_PHASE)))
    ]
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def _phase_effect(event: Mapping[str, Any], first: int, last: int) -> tuple[pd.Period, float]:
    """The month in which a phase begins, and the log of its mean effect over the days from one age to another."""
    days = np.arange(np.ceil(first * DAYS_A_MONTH), last * DAYS_A_MONTH)
    effect = event["step"] + event["temporary"] * DECAY ** (days / DAYS_A_MONTH)
    begins = event["effective"] + timedelta(int(days[0]))
    return pd.Period(begins, "M"), float(np.log(np.exp(effect).mean()))
