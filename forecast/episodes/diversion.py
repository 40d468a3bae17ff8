"""Goods that a measure keeps from some destinations and that go to others of the same product instead.

A diversion is an episode of its own on each destination that the measure does not touch. It comes by degrees, as new
routes are found: its share of the full effect grows over `RAMP` months and falls as slowly after the measure's end. The
full effect has mean zero before any month is seen, and a standard deviation in proportion to the share of the product's
volume that is barred; siblings teach each other, other measures and products nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from forecast.episodes.course import DIVERSION, Episode, Years
from forecast.realtime.events import SUSPENSION, Members, PolicyMeasure, acts_on, covers_product, measures
from forecast.tables.schema import REST_OF_WORLD, WORLD

DIVERTING = ("ban", "licensing", "quota", "tariff")
LEAST_BARRED = 0.05
"""Share of a product's volume under a measure from which it is looked for elsewhere."""


def diversions_of(
    acting: Iterable[Any], product: str, destination: str, members: Members, volumes: pd.DataFrame | Years | None
) -> tuple[Episode, ...]:
    """What measures on other destinations of ``product`` divert to ``destination``, in order of effect.

    Arguments are those of `forecast.episodes.course.episodes_of`. The world, the rest of it and groups have none: what
    leaves one of their parts may come to another.

    Examples
    --------
    A ban on the one destination that takes nine tenths:

    >>> from datetime import date
    >>> import forecast as fc
    >>> from forecast.realtime.events import acting_events, known_events
    >>> calendar = known_events(fc.read_events(), date(2025, 1, 1))
    >>> months = pd.period_range("2023-12", "2024-11", freq="M")
    >>> volumes = pd.DataFrame({"USA": 90.0, "JPN": 10.0}, months)
    >>> [one] = diversions_of(acting_events(calendar), "gallium", "JPN", {}, volumes)
    >>> one.name, one.kind, one.barred
    ('diverted:ban-2024-12-usa-gallium-germanium-antimony', 'diversion', 0.9)
    """
    if volumes is None or destination in (WORLD, REST_OF_WORLD) or destination in members:
        return ()
    beside = [
        event
        for event in acting
        if event.kind in (*DIVERTING, SUSPENSION)
        and covers_product(event.products, product)
        and not acts_on(event, product, destination, members)
    ]
    years = Years.of(volumes)
    found: list[Episode] = []
    in_force: list[tuple[PolicyMeasure, frozenset[str]]] = []
    for measure in measures(beside):
        first = measure.rows[0]
        if first.kind not in DIVERTING:
            continue
        codes = years.covered(tuple(first.destinations), members)
        new = codes.difference(*(known for other, known in in_force if _acts_at(other, first.effective)))
        in_force.append((measure, codes))
        barred = years.before(first, new, partial(_share, new))
        if barred >= LEAST_BARRED:
            found.append(Episode.of(measure, f"diverted:{measure.name}", DIVERSION, 1.0, barred))
    return tuple(found)


def _acts_at(measure: PolicyMeasure, day: date) -> bool:
    return measure.ends is None or measure.ends > day


def _share(codes: frozenset[str], year: pd.DataFrame) -> float:
    """Share of the product's volume that went to ``codes`` in the year before the event."""
    total = float(year[WORLD].sum()) if WORLD in year else 0.0
    parts = [code for code in year if code not in (WORLD, REST_OF_WORLD)]
    total = total or float(year[parts].to_numpy(dtype=float, na_value=0.0).sum())
    barred = float(year[sorted(codes)].sum().sum())
    return min(barred / total, 1.0) if total > 0 else 0.0
