"""A world whose effects are known: monthly exports made from daily effects, a calendar, and the truth about both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from forecast.episodes.course import FORCE, IN_FORCE, KNOTS, NOTICE_DAYS
from forecast.realtime.days import days_of, lunar_new_year_shares, release_day
from forecast.realtime.events import DAYS_A_MONTH
from forecast.tables.schema import EVENT_COLUMNS, EXPORT_COLUMNS

PRODUCT = "simulated"
DECAY = 0.7
"""What is left after a month of a change that passes."""

EFFECT_COLUMNS = ["destination", "episode", "phase", "effect", "first"]
"""``effect`` in logs; ``first`` is the first month with a day in the phase."""


def simulated(world: Mapping[str, Any], seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Exports, events and true log effects of a world described in an ``experiment.toml``, the same for one seed.

    A month is the mean over its days of the exponential of all effects that act on that day, times trend, wave and
    log-normal noise: it is made by days, and the package's own phases only sum up the truth.
    """
    months = pd.period_range(world["start"], periods=world["months"], freq="M")
    random = np.random.default_rng(seed)
    parts = [
        _series(world, months, code, level_t, random)
        for code, level_t in zip(world["destinations"], world["level_t"], strict=True)
    ]
    return pd.concat(parts, ignore_index=True)[EXPORT_COLUMNS], _calendar(world), true_effects(world)


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
            logs += _daily_effect(event, days.ordinals)
    return np.asarray(days.monthly(np.exp(logs)))


def _daily_effect(event: Mapping[str, Any], days: np.ndarray) -> np.ndarray:
    """Log effect of an event on each of ``days`` (ordinals): none before it takes effect."""
    age = (days - event["effective"].toordinal()) / DAYS_A_MONTH
    effect = event["step"] + event["temporary"] * DECAY ** np.maximum(age, 0.0)
    return np.where(age >= 0, effect, 0.0)


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


def true_effects(world: Mapping[str, Any]) -> pd.DataFrame:
    """The true log effect of a whole month in each phase of an episode that the months reach, by destination.

    A phase's effect is that of the mean over its days; nothing is anticipated in this world, so notice has none.
    """
    months = pd.period_range(world["start"], periods=world["months"], freq="M")
    rows = [
        (code, event["event"], phase, effect, first)
        for event in world["events"]
        for code in world["destinations"]
        if {code, "ALL"} & set(event["destinations"])
        for phase, effect, first in _phase_effects(event, months)
    ]
    return pd.DataFrame(rows, columns=EFFECT_COLUMNS)


def _phase_effects(event: Mapping[str, Any], months: pd.PeriodIndex) -> list[tuple[str, float, pd.Period]]:
    """Phases of an event, in order: name, log of the mean over its days of what they are multiplied by, first month."""
    found = []
    for place, phase in enumerate(KNOTS):
        days = _days_in(event, months, place)
        if len(days):
            effect = float(np.log(np.exp(_daily_effect(event, days)).mean()))
            found.append((phase, effect, pd.Period(date.fromordinal(int(days[0])), "M")))
    return found


def _days_in(event: Mapping[str, Any], months: pd.PeriodIndex, place: int) -> np.ndarray:
    """Days of ``months`` (ordinals) in one phase of an event, which has no end in this world."""
    days, effective = days_of(months).ordinals, event["effective"].toordinal()
    age = (days - effective) / DAYS_A_MONTH
    if KNOTS[place] == "notice":
        begin = max(event["announced"].toordinal(), effective - NOTICE_DAYS)
        return np.asarray(days[(days >= begin) & (age < 0)])
    if place >= FORCE.stop:
        return days[:0]
    bounds = (*IN_FORCE, np.inf)
    return np.asarray(days[(age >= bounds[place - 1]) & (age < bounds[place])])
