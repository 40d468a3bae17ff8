"""What a series says by itself of its episodes, remembered by all that it depends on, and as bytes for a later run.

Between two days most series have no new figure, and between two months most have one: what is remembered is the same
to the last digit as what would be fitted, so that it changes no number.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol, TypeVar

import numpy as np
import pandas as pd

from forecast.episodes.course import KNOTS, Episode, Restrictions, eased_by, exposure
from forecast.episodes.path_priors import LagPaths, PathPrior, in_sequence, runs_before, stated
from forecast.episodes.posterior import LAGS, SEASON, PathTerm
from forecast.episodes.structural import OtherCourse, fit_structural
from forecast.kernels.arrays import FLOOR
from forecast.kernels.no_trade import PROHIBITIVE
from forecast.realtime.days import consecutive_months, month_ordinal
from forecast.realtime.events import TIGHTENING
from forecast.tables.schema import REST_OF_WORLD, SeriesKey

Logs = tuple[pd.Series, float]
"""Logs of volume per mean month plus a floor, and the floor."""


MILD = ("tariff", "tax", "listing", "scrutiny", "licensing", "quota")
"""Kinds that are expected to leave some of the volume, and seldom stop it as a ban does: who needs a licence gets none,
or the quota is none."""

SERIES_A_CHUNK = 200
"""Series that travel together where what each says by itself, or its fit, is worked out on another process."""

_Shared = TypeVar("_Shared")
_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")


class Chunked(Protocol):
    """What works ``function(shared, piece)`` out for each piece, and gives them in order."""

    def __call__(
        self, function: Callable[[_Shared, _Piece], _Result], shared: _Shared, pieces: Iterable[_Piece]
    ) -> Iterator[_Result]: ...


def here(
    function: Callable[[_Shared, _Piece], _Result], shared: _Shared, pieces: Iterable[_Piece]
) -> Iterator[_Result]:
    """``function(shared, piece)`` of each piece, in this process."""
    return (function(shared, piece) for piece in pieces)


def chunks(series: Sequence[_Piece]) -> Iterator[Sequence[_Piece]]:
    """Series, or what there is of each, in chunks of `SERIES_A_CHUNK`."""
    return (series[start : start + SERIES_A_CHUNK] for start in range(0, len(series), SERIES_A_CHUNK))


@dataclass(frozen=True)
class SeriesLogs:
    """Logs of a series by consecutive month: ``raw`` as they are known, ``y`` those that models are fitted to.

    Arrays, which many series can be held as; months are shared by all that have the same.
    """

    months: pd.PeriodIndex
    raw: np.ndarray
    y: np.ndarray
    floor: float
    name: Hashable

    @property
    def known(self) -> Logs:
        """The logs as they are known, and the floor."""
        return pd.Series(self.raw, self.months, name=self.name), self.floor

    @property
    def fitted(self) -> Logs:
        """The logs that models are fitted to, and the floor."""
        return pd.Series(self.y, self.months, name=self.name), self.floor


@dataclass(frozen=True)
class Alone:
    """What a series says by itself: the paths of its episodes together by lag, and log likelihoods of the lags.

    ``paths`` are on the knots ``seen`` in a month with a figure, places in the stacked paths: the others follow from
    these by the prior. ``weights`` (0 to 1) says of each episode whether there was trade in the year before it and
    whether it took the course of its kind: without, it has stopped nothing that could be seen, and teaches no other
    series.
    """

    seen: tuple[int, ...]
    paths: LagPaths
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
    months = consecutive_months(y.index[0].ordinal, len(y) + 1)
    terms = path_terms(episodes, months, priors)
    courses = other_courses(episodes, y)
    fit = fit_structural(y, terms, 1, courses=courses)
    observed = np.append(np.isfinite(y.to_numpy()), False)
    acts = np.concatenate([(term.shares[:, observed] > 0).any(axis=(0, 1)) for term in terms])
    seen = np.flatnonzero(acts)
    other = {place for one in courses for place in one.places}
    usual = [fit.as_believed if place in other else 1.0 for place in range(len(episodes))]
    weights = tuple(own * _traded_before(one, y, floor) for own, one in zip(usual, episodes, strict=True))
    found = fit.by_lag(SEASON + 3 + seen)
    paths = {lag: PathPrior(one.mean, _mirrored(one.covariance)) for lag, one in found.paths.items()}
    return Alone(tuple(seen.tolist()), LagPaths(found.weights, paths), fit.lag_likelihood, weights)


def other_courses(episodes: Sequence[Episode], y: pd.Series) -> tuple[OtherCourse, ...]:
    """That of a ban for the latest restriction, where its kind is a mild one: some stop trade altogether.

    What comes back of it takes its course, and so does what it was before it was set aside.
    """
    begun = [place for place, one in enumerate(episodes) if one.kind in TIGHTENING and _begun(one, y)]
    latest = max(begun, key=lambda place: episodes[place].effective, default=None)
    if latest is None or episodes[latest].kind not in MILD:
        return ()
    places, ban = _runs(latest, episodes), stated("ban")
    before = [places.index(former) if former in places else None for former in runs_before(episodes)]
    covariance = in_sequence([ban] * len(places), [before[place] for place in places])
    onset = month_ordinal(episodes[places[0]].effective) - int(y.index[0].ordinal)
    most = _most(y.to_numpy(), onset)
    return (OtherCourse(places, PROHIBITIVE, np.tile(ban.mean, len(places)), covariance, most),)


def _runs(latest: int, episodes: Sequence[Episode]) -> tuple[int, ...]:
    """Places of the runs of one measure, in order, and of what comes back of it or is next of its kind."""
    found = {place for place, one in enumerate(episodes) if one.events[0] == episodes[latest].events[0]}
    ahead = {latest}
    for place, former in enumerate(runs_before(episodes)):
        ahead |= {place} if former in ahead else set()
    return tuple(sorted(found | ahead))


def _most(logs: np.ndarray, onset: int) -> float:
    """The most (log of a Bayes factor) that months from ``onset`` on say for another course: how rare each was before.

    A month as low as some have been before says little, whatever the measure. Months before count whole at or below a
    month since, and not at all from twice that on.
    """
    before, since = (part[np.isfinite(part)] for part in (logs[: max(onset, 0)], logs[max(onset, 0) :]))
    alike = np.clip(1.0 - (before - since[:, None]) / np.log(2.0), 0.0, 1.0).sum(axis=1)
    return float(np.log((len(before) + 2.0) / (alike + 1.0)).sum())


def _begun(episode: Episode, y: pd.Series) -> bool:
    return month_ordinal(episode.effective) <= int(y.index[-1].ordinal)


def path_terms(episodes: Sequence[Episode], months: pd.PeriodIndex, priors: Sequence[PathPrior]) -> list[PathTerm]:
    """The episodes of a series on consecutive ``months`` at every lag, with the priors of their paths."""
    return [
        PathTerm(one.name, shares_by_lag(one, months, lifted_by(one, episodes, priors)), prior)
        for one, prior in zip(episodes, priors, strict=True)
    ]


def shares_by_lag(episode: Episode, months: pd.PeriodIndex, lifted: Restrictions) -> np.ndarray:
    """Share of each month's volume in each phase of an episode: (lags, months, knots)."""
    return np.array([episode.share * exposure(episode, months, lag, lifted) for lag in LAGS])


def lifted_by(episode: Episode, episodes: Sequence[Episode], priors: Sequence[PathPrior]) -> Restrictions:
    """What an easing lifts of the other ``episodes`` of its series, with the means of their ``priors``."""
    eased = eased_by(episode, episodes)
    return tuple(
        ((other.announced, other.effective, other.ends), other.share, tuple(prior.mean.tolist()))
        for other, prior in zip(episodes, priors, strict=True)
        if other in eased
    )


def _traded_before(episode: Episode, y: pd.Series, floor: float) -> float:
    """Largest volume of the year before the effect over a tenth of a usual month, at most 1."""
    onset = pd.Period(episode.effective, "M").ordinal - y.index[0].ordinal
    before = y.to_numpy()[max(onset - 12, 0) : max(onset, 0)]
    largest = np.exp(before[np.isfinite(before)]).max(initial=floor) - floor
    return float(min(FLOOR * largest / (0.1 * floor), 1.0))


def teaching_weight(key: SeriesKey, episode: Episode, traded: float) -> float:
    """What a series says where a measure is on all of it; the rest of the world, a difference of two, says nothing."""
    return traded if episode.share == 1.0 and key[1] != REST_OF_WORLD else 0.0


# What is remembered --------------------------------------------------------------------------------------------------

REMEMBERED, MOST_EPISODES = 4_096, 1_000
"""Series seen by themselves that a process remembers, and the most episodes that a kept one may have."""

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


def as_numbers(found: Mapping[str, Alone]) -> bytes:
    """A line of keys, lags, knots and numbers of episodes, as JSON, and every number behind it with all its bits."""
    whole = {key: numbers for key, one in found.items() if np.isfinite(numbers := _numbers(one)).all()}
    head = [[key, [[*found[key].paths.paths], [*found[key].seen], len(found[key].weights)]] for key in whole]
    content = b"".join(numbers.astype("<f8").tobytes() for numbers in whole.values())
    return f"{json.dumps(head)}\n".encode() + content


def _numbers(one: Alone) -> np.ndarray:
    """Weights of lags and of episodes, likelihoods of the lags; the paths at each lag, of a covariance one half."""
    half = np.triu_indices(len(one.seen))
    paths = ([path.mean, path.covariance[half]] for path in one.paths.paths.values())
    return np.concatenate([one.paths.weights, one.weights, one.lag_likelihood, *chain(*paths)])


def from_numbers(content: bytes) -> dict[str, Alone]:
    """What `as_numbers` made ``content`` of; nothing where it is anything else."""
    head, _, body = content.partition(b"\n")
    try:
        shapes = {str(key): _Shape.of(*own) for key, own in json.loads(head)}
        numbers = np.frombuffer(body, "<f8").astype(float)
    except (ValueError, TypeError, RecursionError):
        return {}
    sizes = [one.numbers for one in shapes.values()]
    if len(numbers) != sum(sizes) or not np.isfinite(numbers).all():
        return {}
    parts = np.split(numbers, np.cumsum(sizes)[:-1].astype(int))
    return {key: one.read(own) for (key, one), own in zip(shapes.items(), parts[: len(shapes)], strict=True)}


@dataclass(frozen=True)
class _Shape:
    """What the numbers of a series are of."""

    lags: tuple[int, ...]
    seen: tuple[int, ...]
    episodes: int

    @classmethod
    def of(cls, lags: object, seen: object, episodes: object) -> _Shape:
        """That of places of lags, places of knots, both in order, and a number of episodes.

        Raises
        ------
        ValueError
            Where it is anything else.
        """
        if type(episodes) is not int or not 0 < episodes <= MOST_EPISODES:
            raise ValueError("no number of episodes")
        if not lags:
            raise ValueError("no lags")
        return cls(_places(lags, len(LAGS)), _places(seen, len(KNOTS) * episodes), episodes)

    @property
    def numbers(self) -> int:
        """How many there are."""
        knots = len(self.seen)
        return 2 * len(LAGS) + self.episodes + len(self.lags) * (knots + knots * (knots + 1) // 2)

    def read(self, numbers: np.ndarray) -> Alone:
        """What a series says, of its numbers."""
        count, knots = len(LAGS), len(self.seen)
        weights, of_episodes, likelihood = np.split(numbers, [count, count + self.episodes])
        likelihood, rest = likelihood[:count], likelihood[count:]
        paths = {}
        for lag, own in zip(self.lags, rest.reshape(len(self.lags), -1), strict=True):
            covariance = np.zeros((knots, knots))
            covariance[np.triu_indices(knots)] = own[knots:]
            paths[lag] = PathPrior(own[:knots], _mirrored(covariance))
        return Alone(self.seen, LagPaths(weights, paths), likelihood, tuple(of_episodes.tolist()))


def _places(found: object, count: int) -> tuple[int, ...]:
    """Places below ``count``, in order.

    Raises
    ------
    ValueError
        Where it is anything else.
    """
    if not isinstance(found, list) or not all(type(one) is int for one in found):
        raise ValueError("no places")
    if sorted(set(found)) != found or not all(0 <= one < count for one in found):
        raise ValueError("no places in order")
    return tuple(found)


def _mirrored(covariance: np.ndarray) -> np.ndarray:
    """A matrix with its upper half below the diagonal too."""
    found: np.ndarray = np.triu(covariance) + np.triu(covariance, 1).T
    return found
