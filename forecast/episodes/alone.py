"""What a series says by itself of its episodes, remembered by all that it depends on, and as bytes for a later run.

Between two days most series have no new figure, and between two months most have one: what is remembered is the same
to the last digit as what would be fitted, so that it changes no number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import cast

import numpy as np
import pandas as pd

from forecast.episodes.course import KNOTS, Episode, acting_share, exposure
from forecast.episodes.path_priors import PathPrior
from forecast.episodes.posterior import LAGS, LagPaths, PathTerm
from forecast.episodes.structural import fit_structural
from forecast.realtime.days import months_of

FLOOR = 0.01
"""Share of a usual month that is added before the log."""

Logs = tuple[pd.Series, float]
"""Logs of volume per mean month plus a floor, and the floor."""


@dataclass(frozen=True)
class Alone:
    """What a series says by itself: the path of each of its episodes by lag, and log likelihoods of the lags.

    ``weights`` (0 to 1) says of each episode whether there was trade in the year before it: without, it has stopped
    nothing that could be seen, and teaches no other series.
    """

    paths: tuple[LagPaths, ...]
    lag_likelihood: np.ndarray
    weights: tuple[float, ...]


def seen_alone(logs: Logs, episodes: tuple[Episode, ...], priors: tuple[PathPrior, ...]) -> Alone:
    """What a series says by itself under the stated ``priors`` of its ``episodes``."""
    key = _key(logs, episodes, priors)
    found = _REMEMBERED.pop(key, None) or _fitted(logs, episodes, priors)
    _REMEMBERED[key] = found  # the latest used come last
    if len(_REMEMBERED) > REMEMBERED:
        del _REMEMBERED[next(iter(_REMEMBERED))]
    return found


def _fitted(logs: Logs, episodes: tuple[Episode, ...], priors: tuple[PathPrior, ...]) -> Alone:
    y, floor = logs
    months = months_of(np.arange(y.index[0].ordinal, y.index[0].ordinal + len(y) + 1))
    terms = [path_term(episode, months, prior) for episode, prior in zip(episodes, priors, strict=True)]
    fit = fit_structural(y, terms, 1)
    paths = tuple(fit.path_by_lag(place) for place in range(len(episodes)))
    weights = tuple(_traded_before(episode, y, floor) for episode in episodes)
    return Alone(paths, fit.lag_likelihood, weights)


def path_term(episode: Episode, months: pd.PeriodIndex, prior: PathPrior) -> PathTerm:
    """An episode on consecutive ``months`` at every lag, with the prior of its path.

    It is news in so far as its effect is unknown: a kind that moves little holds the level little.
    """
    shares = np.array([episode.share * exposure(episode, months, lag) for lag in LAGS])
    weight = min(float(np.sqrt(prior.covariance[2, 2])), 1.0)
    news = weight * np.array([acting_share(episode, months, lag) for lag in LAGS])
    return PathTerm(episode.name, shares, news, prior)


def _traded_before(episode: Episode, y: pd.Series, floor: float) -> float:
    """Largest volume of the year before the effect over a tenth of a usual month, at most 1."""
    onset = pd.Period(episode.effective, "M").ordinal - y.index[0].ordinal
    before = y.to_numpy()[max(onset - 12, 0) : max(onset, 0)]
    largest = np.exp(before[np.isfinite(before)]).max(initial=floor) - floor
    return float(min(FLOOR * largest / (0.1 * floor), 1.0))


# What is remembered --------------------------------------------------------------------------------------------------

REMEMBERED = 4_096
"""Series seen by themselves that a process remembers."""

_REMEMBERED: dict[str, Alone] = {}
"""By `_key`, the latest used last."""


def _key(logs: Logs, episodes: tuple[Episode, ...], priors: tuple[PathPrior, ...]) -> str:
    """The digest of all that the answer depends on beside this package."""
    y, floor = logs
    found = hashlib.sha256(repr((y.index[0].ordinal, len(y), floor, episodes)).encode())
    found.update(np.ascontiguousarray(y.to_numpy(dtype=float)).tobytes())
    for prior in priors:
        found.update(prior.mean.tobytes() + prior.covariance.tobytes())
    return found.hexdigest()


def remembered() -> dict[str, Alone]:
    """What this process remembers by its key, the latest used last."""
    return dict(_REMEMBERED)


def remember(found: Mapping[str, Alone]) -> None:
    """Take in what another process remembered."""
    room = REMEMBERED - len(_REMEMBERED)
    for key in [*found][max(len(found) - room, 0) :]:
        _REMEMBERED.setdefault(key, found[key])


def forget() -> None:
    """Remember nothing."""
    _REMEMBERED.clear()


# As bytes ------------------------------------------------------------------------------------------------------------

_OF_A_LAG, _BESIDE = len(KNOTS) + len(KNOTS) ** 2, len(LAGS) + 1
"""Numbers of an episode: mean and covariance of its path at each lag that it has, weights of the lags, and its own."""


def as_numbers(found: Mapping[str, Alone]) -> bytes:
    """A line of keys and lags of their episodes, as JSON, and every number behind it with all its bits."""
    whole = {
        key: numbers for key, one in found.items() if np.isfinite(numbers := np.concatenate([*_numbers(one)])).all()
    }
    head = json.dumps([[key, [[*own.paths] for own in found[key].paths]] for key in whole])
    return f"{head}\n".encode() + b"".join(numbers.astype("<f8").tobytes() for numbers in whole.values())


def _numbers(one: Alone) -> Iterator[np.ndarray]:
    for own, weight in zip(one.paths, one.weights, strict=True):
        yield np.append(own.weights, weight)
        for path in own.paths.values():
            yield from (path.mean, path.covariance.ravel())
    yield one.lag_likelihood


def from_numbers(content: bytes) -> dict[str, Alone]:
    """What `as_numbers` made ``content`` of; nothing where it is anything else."""
    head, _, body = content.partition(b"\n")
    try:
        lags = {str(key): [_lags(own) for own in each] for key, each in json.loads(head)}
        numbers = np.frombuffer(body, "<f8").astype(float)
    except (ValueError, TypeError, RecursionError):
        return {}
    sizes = [sum(_BESIDE + _OF_A_LAG * len(own) for own in each) + len(LAGS) for each in lags.values()]
    if len(numbers) != sum(sizes) or not np.isfinite(numbers).all():
        return {}
    parts = np.split(numbers, np.cumsum(sizes)[:-1].astype(int))
    return {key: _from(each, own) for (key, each), own in zip(lags.items(), parts[: len(lags)], strict=True)}


def _lags(found: object) -> list[int]:
    """Places of lags, in order.

    Raises
    ------
    ValueError
        Where it is anything else.
    """
    if found not in [list(own) for count in range(1, len(LAGS) + 1) for own in combinations(range(len(LAGS)), count)]:
        raise ValueError("no lags")
    return [int(lag) for lag in cast(list[int], found)]


def _from(lags: list[list[int]], numbers: np.ndarray) -> Alone:
    knots, at, paths, weights = len(KNOTS), 0, [], []
    for own in lags:
        beside = numbers[at : at + _BESIDE]
        each = numbers[at + _BESIDE : at + _BESIDE + _OF_A_LAG * len(own)].reshape(len(own), _OF_A_LAG)
        found = [PathPrior(row[:knots], row[knots:].reshape(knots, knots)) for row in each]
        paths.append(LagPaths(beside[:-1], dict(zip(own, found, strict=True))))
        weights.append(float(beside[-1]))
        at += _BESIDE + _OF_A_LAG * len(own)
    return Alone(tuple(paths), numbers[at:], tuple(weights))
