"""What episodes did to exports: percent of volume by phase, what each estimate rests on, and what else acted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from forecast.episodes.course import Episode, exposure, phases_of
from forecast.episodes.experience import known_from_elsewhere
from forecast.episodes.stage import StageResult, taught_stage
from forecast.realtime.data import Data
from forecast.realtime.events import TIGHTENING, Members
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.schema import SeriesKey

COINCIDES = 0.5
"""Share of an episode's months in which another acts, from which the two coincide."""

EPISODE_COLUMNS = [
    *["product", "destination", "episode", "kind", "effective", "ends", "share", "phase", "months"],
    *["estimate", "lower_80", "upper_80", "episodes", "coincides", "against_kind"],
]


def episode_effects(
    exports: pd.DataFrame,
    events: pd.DataFrame,
    groups: Members,
    *,
    issued: date | None = None,
    products: Sequence[str] | None = None,
    destinations: Sequence[str] | None = None,
    totals: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The effect of every episode on each selected series by phase, as believed on ``issued``: `EPISODE_COLUMNS`.

    ``estimate`` is the median change of volume against no episode, as a fraction, with its 80 % interval; ``months``
    the observed months of the phase; ``episodes`` how many of the kind, on whatever series, were known; ``coincides``
    the other episodes in force in most of its months; ``against_kind`` whether the interval in force lies wholly on the
    side that such a measure does not work to. Such numbers are associations: whatever else happened then is in them.

    Raises
    ------
    ValueError
        When nothing was known of the products on the issue day.

    Examples
    --------
    On the day of the first figures after licensing had begun, from gallium, germanium, graphite and antimony:

    >>> from datetime import date
    >>> import forecast as fc
    >>> found = fc.episode_effects(
    ...     fc.read_exports(), fc.read_events(), fc.read_groups(),
    ...     issued=date(2025, 4, 20), products=["rare_earth_magnets"], destinations=["WLD"],
    ... )
    >>> bool((found.query("kind == 'licensing' and phase == 'force_1'")["estimate"] < -0.4).all())
    True
    """
    selected = list(products or exports["product"].unique())
    released = exports.loc[exports["product"].isin(selected), "released"]
    day = issued or released.max()
    if released.empty or day < released.min():
        raise ValueError(f"Nothing of {', '.join(selected)} was released by {day}: issue on a later day.")
    snapshot = Data(exports, events, groups, totals).as_of(day)
    with threadpool_limits(1):  # so that sums are made in the same order as for a forecast
        found = taught_stage(snapshot, groups, 1, selected, experience=known_from_elsewhere(day)).results()
        everything = taught_stage(snapshot, groups, 1, list(snapshot.volumes), learn=False).results()
    counts = _episodes_by_kind(everything)
    chosen = {key: one for key, one in found.items() if destinations is None or key[1] in destinations}
    rows = [row for key, one in chosen.items() for row in _rows(key, one, counts)]
    return pd.DataFrame(rows, columns=EPISODE_COLUMNS)


def _episodes_by_kind(results: Mapping[SeriesKey, StageResult]) -> dict[str, int]:
    """How many different episodes of each kind any series lies under."""
    named: dict[str, set[str]] = {}
    for result in results.values():
        for episode in result.episodes:
            named.setdefault(episode.kind, set()).add(episode.name)
    return {kind: len(names) for kind, names in named.items()}


def _rows(key: SeriesKey, result: StageResult, counts: Mapping[str, int]) -> list[tuple[Any, ...]]:
    months = pd.PeriodIndex(result.design.raw.index)
    observed = np.isfinite(result.design.raw.to_numpy())
    shares = [exposure(episode, months) for episode in result.episodes]
    found: list[tuple[Any, ...]] = []
    halves = HALF_WIDTH[80] * result.path_sd
    for place, (episode, path, half) in enumerate(zip(result.episodes, result.paths, halves, strict=True)):
        together = _coinciding(place, result.episodes, shares)
        against = _against_kind(episode, path, half)
        for knot, phase in phases_of(episode.kind):
            change = np.expm1([path[knot], path[knot] - half[knot], path[knot] + half[knot]])
            seen = int((observed & (shares[place][:, knot] > 0)).sum())
            own = (episode.name, episode.kind, episode.effective, episode.ends, episode.share, phase, seen)
            found.append((*key, *own, *map(float, change), counts.get(episode.kind, 0), together, against))
    return found


def _coinciding(place: int, episodes: Sequence[Episode], shares: Sequence[np.ndarray]) -> tuple[str, ...]:
    """Names of the other episodes in force in most of the months in which one is."""
    acting = [own[:, 1:7].sum(axis=1) > 0 for own in shares]
    months = acting[place].sum()
    if not months:
        return ()
    return tuple(
        other.name
        for at, other in enumerate(episodes)
        if at != place and (acting[at] & acting[place]).sum() >= COINCIDES * months
    )


def _against_kind(episode: Episode, path: np.ndarray, half: np.ndarray) -> bool:
    """Whether a tightening surely raises or an easing surely lowers exports in some phase in force, by its interval."""
    force = slice(1, 7)
    sign = -1 if episode.kind in TIGHTENING else 1
    return bool((sign * path[force] + half[force] < 0).any())
