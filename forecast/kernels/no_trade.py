"""Months without trade: what they say of those ahead, and of the level beside them.

A month without trade lies several logs below others, and a tenth of such months takes a third off a mean of logs. It
says little of the level, and more of how likely another one is: a short spell is set to the level beside it, and a
forecast is a mixture of none, as likely as spells of the series and the age of the last one make it, and of what models
expect where there is trade (a hurdle, Cragg; of demand that comes and goes, Croston). A spell of a year is the level,
months that are empty every year are the season, those that a measure may have emptied are its effect, and where months
differ so much that none is one of the low ones it is noise: all these stay as they are. Emptiness is a degree, one at
zero and none from 1.7 hundredths of a usual month on, so that a figure that goes to zero moves nothing at once.

References
----------
Cragg (1971), Some statistical models for limited dependent variables, doi 10.2307/1909582.
Croston (1972), Forecasting and stock control for intermittent demands, doi 10.1057/jors.1972.50.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecast.kernels.arrays import FLOOR, SEASON, Floats
from forecast.kernels.outliers import LEAST_NOISE

SHORT_SPELL, LONG_SPELL = 6, 12
"""Months of a spell up to which it is one, and from which it is the level."""

HALVES_WITHIN, WITHIN_MONTHS = 2.0, 18
"""Months by which what lies beside a spell counts half as much for the level in it, and how far it counts at all."""

HALF_LIFE = 24.0
"""Months by which an empty one counts half as much for how likely the next one is."""

SPELLS_STAY, SPELLS_END = 0.4, 1.8
"""Prior of the share of spells that go on by a month (a beta distribution): of those of one month a fifth, of two two
fifths, of three nearly three fifths, as in two open panels after years with hardly an empty month."""

OF_SPELLS, OF_MONTHS = 4.0, 12.0
"""Months that the prior counts for after an empty one; and after one with trade, where it is the share of months."""

SEASONAL, WHOLLY = 0.65, 0.75
"""How much more often than others a calendar month is empty, from which it begins to be the season, and is it."""

A_YEAR_BEFORE = 0.8
"""How much an empty month counts for the season against one a year later."""

NO_NOISE, SURELY_NONE = 3.0, 6.0
"""How many standard deviations of a month's noise a usual month lies above none, from which that begins to be another
kind of month and not the lower end of what is usual, and is it."""

PROHIBITIVE = 0.02
"""Prior probability that a measure which is expected to leave some of the volume stops it."""

BROKEN = 0.2
"""Probability that trade is as usual the month after a measure took effect; after each month without, a part of it."""


@dataclass(frozen=True)
class EmptyMonths:
    """The empty months of a series, by consecutive month.

    Attributes
    ----------
    y
        Logs, gaps as NaN.
    degree
        How empty each is, 0 to 1; gaps as 0.
    free
        By how much no measure moved each, 0 to 1.
    settled
        By how much none moved each in ways of its own: those under one that has long been in force count as well.
    judged
        Which lie under a measure that seldom stops trade: these are as free as they are likely to be empty anyway.
    """

    y: Floats
    degree: Floats
    free: Floats
    settled: Floats
    judged: np.ndarray

    @classmethod
    def of(
        cls,
        y: Floats,
        free: np.ndarray,
        nothing: float,
        settled: np.ndarray | None = None,
        unstopped: np.ndarray | None = None,
    ) -> EmptyMonths | None:
        """Those of logs ``y``, gaps as NaN, where the log of none is ``nothing``; None where there are none.

        Months that are ``free`` are ``settled``, and without these no others are. Of months that are neither those may
        still be empty by themselves which no measure moved that is made to stop trade: ``unstopped``.
        """
        degree = np.clip(np.nan_to_num(1.0 + nothing - y), 0.0, 1.0)
        if not degree.any():
            return None
        judged = np.zeros(len(y), dtype=bool) if unstopped is None else unstopped & ~free
        own = np.where(judged, _comes_and_goes(degree, np.isfinite(y), free | judged), 0.0)
        return cls(
            y, degree, np.where(free, 1.0, own), np.where(free if settled is None else settled, 1.0, own), judged
        )

    def lifted(self, last: bool) -> Floats:
        """The logs with short spells at the level beside them; a spell that has not ended too if ``last``.

        So is one under a measure, by how likely it is none of its doing, or the whole of it would be its effect.

        Examples
        --------
        >>> months = EmptyMonths.of(np.array([0.0, 0.0, -4.6, 0.0, 0.0, -4.6]), np.ones(6, bool), -4.6)
        >>> months.lifted(last=False).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, -4.6]
        >>> months.lifted(last=True).tolist()
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        """
        spell = _spells(self.degree, self.known)
        short = _short(spell)
        ended = 1.0 if last else np.where(self.judged, 1.0, 1.0 - _still(self.degree, self.known))
        share = self.unexplained * short * self.begun * ended
        return np.where(share > 0, self.y + share * np.maximum(self._level - self.y, 0.0), self.y)

    def probability(self, ahead: int) -> Floats:
        """The probability of none in each of the months after the last, shape (ahead,)."""
        beyond = len(self.y) - 1 - int(np.flatnonzero(self.known)[-1])
        since = float(self.run[-1] * self.settled[-1 - beyond])
        lasting = np.cumprod([self._goes_on(since + step) for step in range(beyond + ahead)])
        found = lasting + (1.0 - lasting) * np.where(np.arange(beyond + ahead) > 0, self.share, 0.0)
        explained, often = (np.resize(np.roll(own, -len(self.y)), ahead) for own in self._season)
        found = found[beyond:] * max(self._clear, 1.0 - float(_short(since)))
        return np.asarray((1.0 - explained) * found + explained * np.maximum(often, found))

    def under_a_measure(self) -> tuple[float, float]:
        """How likely a measure that may still unfold has left none, and for how many months there has been none."""
        last = int(np.flatnonzero(self.known)[-1])
        spell = float(_runs(self.degree, self.known)[-1])
        return float(1.0 - self.settled[last]) * min(spell, 1.0), spell

    def usual(self) -> tuple[float, float]:
        """Mean and standard deviation of the logs of months with trade that no measure moved, the latest above all."""
        weight = (1.0 - self.degree) * self.known * self.free * 0.5 ** (np.arange(len(self.y))[::-1] / SEASON)
        if not weight.any():
            return np.nan, np.nan
        y = np.where(self.known, self.y, 0.0)
        mean = float(weight @ y / weight.sum())
        return mean, float(np.sqrt(weight @ (y - mean) ** 2 / weight.sum()))

    @cached_property
    def known(self) -> np.ndarray:
        """Which months have a figure."""
        return np.isfinite(self.y)

    @cached_property
    def begun(self) -> Floats:
        """By how much there was trade by each month."""
        return 1.0 - _throughout(self.degree, self.known)

    @cached_property
    def unexplained(self) -> Floats:
        """By how much each month is empty for no reason known, and no low one of a series whose months differ much."""
        return np.asarray(self.degree * self.free * self._beside_season * self._clear)

    @cached_property
    def run(self) -> Floats:
        """For how many months there was none, but for what the season explains."""
        return _runs(self.degree * self._beside_season, self.known)

    @cached_property
    def share(self) -> float:
        """Of recent months that could have had trade, how many had none."""
        weight = self._counted
        return float(weight @ self.degree / weight.sum()) if weight.any() else 0.0

    @cached_property
    def _counted(self) -> Floats:
        """How much each month says of how likely the next is empty."""
        return np.asarray(self._recent * self.free)

    @cached_property
    def _recent(self) -> Floats:
        """How much each month since the first trade says by its age, where the season explains nothing."""
        age = np.arange(len(self.y))[::-1]
        return np.asarray(0.5 ** (age / HALF_LIFE) * self.begun * self.known * self._beside_season)

    @cached_property
    def _beside_season(self) -> Floats:
        return 1.0 - np.resize(self._season[0], len(self.y))

    @cached_property
    def _season(self) -> tuple[Floats, Floats]:
        """By how much the season explains that each calendar month, from the first on, is empty; and how often."""
        years = -(-len(self.y) // SEASON)
        weight = self.known * self.free * A_YEAR_BEFORE ** (np.arange(len(self.y))[::-1] // SEASON)
        padded = np.zeros((2, years * SEASON))
        padded[:, : len(self.y)] = weight * self.degree, weight
        empty, seen = padded.reshape(2, years, SEASON).sum(axis=1)
        usual = empty.sum() / max(seen.sum(), 1e-300)
        often = (empty + usual) / (seen + 1.0)
        beyond = (often - usual) / max(1.0 - usual, 1e-300)
        return np.clip((beyond - SEASONAL) / (WHOLLY - SEASONAL), 0.0, 1.0), often

    @cached_property
    def _clear(self) -> float:
        """By how much none is apart from what noise makes of a usual month."""
        trade = self.known * (1.0 - self.degree)
        pairs = trade[1:] * trade[:-1]
        if not pairs.any():
            return 1.0
        noise = float(pairs @ np.abs(np.nan_to_num(np.diff(self.y))) / pairs.sum()) * np.sqrt(np.pi) / 2.0
        away = -np.log(FLOOR) / max(noise, LEAST_NOISE)
        return float(np.clip((away - NO_NOISE) / (SURELY_NONE - NO_NOISE), 0.0, 1.0))

    @cached_property
    def _level(self) -> Floats:
        """Mean of the logs of months with trade, the nearest above all; as they are where none is near."""
        kernel = 0.5 ** (np.abs(np.arange(-WITHIN_MONTHS, WITHIN_MONTHS + 1)) / HALVES_WITHIN)
        trade = self.known * (1.0 - self.degree)
        size = np.convolve(trade, kernel)[WITHIN_MONTHS:-WITHIN_MONTHS]
        total = np.convolve(trade * np.where(self.known, self.y, 0.0), kernel)[WITHIN_MONTHS:-WITHIN_MONTHS]
        return np.where(size > 0, total / np.where(size > 0, size, 1.0), self.y)

    def _goes_on(self, since: float) -> float:
        """The probability of none in the month after so many without trade."""
        first = min(since, 1.0)
        prior = first * max(self.share, _spells_go_on(max(since, 1.0))) + (1.0 - first) * self.share
        alike = np.maximum(1.0 - np.abs(np.log2((self.run[:-1] + 1.0) / (since + 1.0))), 0.0)
        says = self._recent * np.maximum(self.free, first * self.settled)  # a spell under a measure, of its own end
        weight = alike * self.known[:-1] * self.begun[:-1] * says[1:]
        counts = first * OF_SPELLS + (1.0 - first) * OF_MONTHS
        return float((weight @ self.degree[1:] + counts * prior) / (weight.sum() + counts))


def _spells_go_on(months: float) -> float:
    """The prior probability that a spell of so many months goes on."""
    return (months - 1.0 + SPELLS_STAY) / (months - 1.0 + SPELLS_STAY + SPELLS_END)


def _comes_and_goes(degree: Floats, known: np.ndarray, unstopped: np.ndarray) -> Floats:
    """The probability that each spell is one as before, and not the doing of a measure that seldom stops trade.

    Before count months since the first trade in which no measure that is made to stop it did so.
    As before a spell is as likely as months without trade were until then, and lasts as spells do, less than
    `LONG_SPELL`; one that a measure brings lasts as it does, and is `BROKEN` seldom. Months with trade are as before.
    """
    counts = known * unstopped * (1.0 - _throughout(degree, known))
    share = (np.cumsum(degree * counts) - degree * counts + 1.0) / (np.cumsum(counts) - counts + 2.0)
    spell, share = _spells(degree, known), _at_begin(share, degree, known)
    lasts = np.ones(len(degree))
    for months in range(1, LONG_SPELL):
        goes_on = np.maximum(share, _spells_go_on(months))
        lasts *= goes_on ** np.clip(spell - months, 0.0, 1.0)
    usual = share * lasts
    by_measure = PROHIBITIVE * (BROKEN + (1.0 - BROKEN) * _still(degree, known))
    own = usual / (usual + by_measure) * _short(spell)
    return np.asarray(1.0 - degree * (1.0 - own))


def _short(spell: Floats | float) -> Floats:
    """By how much a spell of so many months is one, and not the level."""
    return np.asarray(np.clip((LONG_SPELL - spell) / (LONG_SPELL - SHORT_SPELL), 0.0, 1.0))


def _spells(degree: Floats, known: np.ndarray) -> Floats:
    """For how many months it was so around each."""
    return np.asarray(_runs(degree, known) + _runs(degree[::-1], known[::-1])[::-1] - 1.0)


def _at_begin(values: Floats, degree: Floats, known: np.ndarray) -> Floats:
    """Values of the month in which each spell began; a gap is part of it."""
    found, lasting = values.copy(), np.where(known, degree, 1.0)
    for place in range(1, len(values)):
        found[place] += lasting[place - 1] * (found[place - 1] - found[place])
    return found


def _still(degree: Floats, known: np.ndarray) -> Floats:
    """By how much all months from each on are so."""
    return _throughout(degree[::-1], known[::-1])[::-1]


def _runs(degree: Floats, known: np.ndarray) -> Floats:
    """For how many months up to each it was so; a gap changes nothing."""
    found, run = np.zeros(len(degree)), 0.0
    for place, (own, seen) in enumerate(zip(degree.tolist(), known.tolist(), strict=True)):
        run = own * (run + 1.0) if seen else run
        found[place] = run
    return found


def _throughout(degree: Floats, known: np.ndarray) -> Floats:
    """By how much all months up to each were so."""
    return np.asarray(np.cumprod(np.where(known, degree, 1.0)))
