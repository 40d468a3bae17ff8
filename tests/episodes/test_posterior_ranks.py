"""Simulation-based calibration: truths drawn from the prior have uniform ranks in the posterior of their data.

Talts, S., Betancourt, M., Simpson, D., Vehtari, A. and Gelman, A. (2018), Validating Bayesian inference algorithms with
simulation-based calibration. arXiv:1804.06788. A rank is here the posterior probability below the truth.
"""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr
from scipy.stats import kstest

from forecast.episodes.alone import path_terms
from forecast.episodes.course import KNOTS, Episode, exposure
from forecast.episodes.panel import structural_forecasts
from forecast.episodes.path_priors import DESTINATION, EPISODE, KIND, PRODUCT, stated
from forecast.episodes.posterior import LAGS, LUMPY, NOT_PATHS, SEASON
from forecast.episodes.structural import (
    LAG_PRIOR,
    NEW_YEAR_SD,
    SEASON_SD,
    WEAK,
    Q,
    fit_structural,
)
from forecast.episodes.transit import log_effect
from forecast.kernels.structural import LOWEST
from forecast.realtime.days import lunar_new_year_shares, month_lengths

PANELS = 200
PAST = 72
MONTHS = pd.period_range("2019-01", periods=PAST + 1, freq="M")
ONSET, END = date(2023, 3, 10), date(2024, 6, 10)
"""Within the months seen: each phase in force and after the end has a month of its own."""


def episode(kind, name="e"):
    return Episode(name, kind, date(2023, 2, 10), ONSET, END, 1.0, (name,))


def drawn(rng, measures, lag=None, sigma=None):
    """Logs of a series with episodes and their paths, the last month included, and the place of its lag."""
    lag = rng.choice(len(LAGS), p=LAG_PRIOR) if lag is None else lag
    sigma = np.sqrt(WEAK[0] * WEAK[1] / rng.chisquare(WEAK[0])) if sigma is None else sigma
    q = rng.choice(Q)
    season = rng.normal(0, rng.choice(SEASON_SD), SEASON)
    new_year = np.column_stack(list(lunar_new_year_shares(MONTHS).values())) @ rng.normal(0, NEW_YEAR_SD, 3)
    effect = sum(log_effect(path, exposure(one, MONTHS, LAGS[lag]))[0] for one, path in measures)
    noise = 1 + LUMPY * np.expm1(-np.clip(effect, LOWEST, 0))
    steps = rng.normal(0, np.sqrt(q), len(MONTHS))
    level = rng.normal(0, 3) + sigma * np.cumsum(steps)
    y = level + season[MONTHS.month - 1] + new_year + effect + sigma * np.sqrt(noise) * rng.normal(0, 1, len(MONTHS))
    return pd.Series(y, MONTHS), lag


def sd_of(one):
    """Standard deviation of every coefficient at each point of the grid of a lag."""
    roots = one.given.loading @ one.roots
    return np.sqrt(np.diag(one.given.left) + np.square(roots).sum(axis=2))


def below(weights, means, sd, truth):
    """Posterior probability below ``truth`` of a mixture of normals."""
    return float(weights @ ndtr((truth - means) / sd))


def ranks_of(fit, paths, y, lag, rng):
    """Ranks of each knot, of the month ahead, and of the lag (randomised within its probability)."""
    knots = [f"{term.name} {knot}" for term in fit.terms for knot in KNOTS]
    means = np.concatenate([one.coefficients for one in fit.components])[:, NOT_PATHS:]
    sd = np.concatenate([sd_of(one) for one in fit.components])[:, NOT_PATHS:]
    truth = np.concatenate(paths)
    found = {knot: below(fit.weights, means[:, place], sd[:, place], truth[place]) for place, knot in enumerate(knots)}
    ahead = np.concatenate([one.parts.sum(axis=(1, 2)) for one in fit.components])
    errors = np.concatenate([one.errors[:, 0, 0] for one in fit.components])
    found["month ahead"] = below(fit.weights, ahead, np.sqrt(errors), y.iloc[-1])
    shares = np.array(list(fit.lags().values()))
    found["lag"] = shares[:lag].sum() + shares[lag] * rng.random()
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ban", "tariff"])
def test_ranks_of_one_series_are_uniform(kind):
    """Knots of a path, notice and recovery included, the lag and the month ahead, over 200 series of the model."""
    rng = np.random.default_rng(1)
    ranks = []
    for _ in range(PANELS):
        prior = stated(kind)
        path = rng.multivariate_normal(prior.mean, prior.covariance)
        y, lag = drawn(rng, [(episode(kind), path)])
        fit = fit_structural(y.iloc[:-1], path_terms([episode(kind)], MONTHS, [prior]), 1)
        ranks.append(ranks_of(fit, [path], y, lag, rng))
    assert_uniform(pd.DataFrame(ranks))


def assert_uniform(ranks):
    """No column departs from uniform at 1 % over all columns together."""
    found = {name: float(kstest(ranks[name], "uniform").pvalue) for name in ranks}
    assert min(found.values()) > 0.01 / len(found), found


def family(rng, prior, destinations):
    """Paths of a first product's destinations and of a second product's one, drawn about their kind."""

    def about(mean, part):
        return rng.multivariate_normal(mean, part * prior.covariance)

    kind = about(prior.mean, KIND)
    first = about(about(kind, PRODUCT), EPISODE)
    second = about(about(kind, PRODUCT), EPISODE)
    return [*(about(first, DESTINATION) for _ in range(destinations)), about(second, DESTINATION)]


@pytest.mark.slow
def test_ranks_within_a_panel_are_uniform():
    """With siblings and another product to learn from: 200 panels of four series, of which one is looked at.

    The noise is a tenth, as a floor of a hundredth of the median is no part of the model's truth.
    """
    rng, kind, ranks = np.random.default_rng(2), "tariff", []
    keys = [("p", "USA"), ("p", "DEU"), ("p", "JPN"), ("q", "USA")]
    calendars = {key: (episode(kind, f"of_{key[0]}"),) for key in keys}
    for _ in range(PANELS):
        lag, paths = rng.choice(len(LAGS), p=LAG_PRIOR), family(rng, stated(kind), 3)
        logs = [drawn(rng, [(episode(kind), path)], lag, 0.1)[0] for path in paths]
        panel = {key: np.exp(y.iloc[:-1]) * month_lengths(MONTHS[:-1]) for key, y in zip(keys, logs, strict=True)}
        fit = dict(structural_forecasts(panel, calendars, 1, wanted=[keys[0]]))[keys[0]].fit
        ranks.append(ranks_of(fit, paths[:1], logs[0], lag, rng))
    assert_uniform(pd.DataFrame(ranks))


@pytest.mark.slow
def test_ranks_of_measures_that_meet_are_uniform():
    """A truce begins as a licence ends, on twenty destinations: what only both together do is not known better by many.

    Were each path pooled by itself, the prior of the truce would be too narrow and its ranks lie at either end: their
    mean squared distance from one half, a twelfth for uniform ones, came to an eighth.
    """
    rng, ranks = np.random.default_rng(3), []
    truce = Episode("t", "truce", END, END, None, 1.0, ("t",))
    both = (episode("licensing"), truce)
    keys = [("p", f"D{place:02}") for place in range(20)]
    for _ in range(PANELS // 4):
        lag = rng.choice(len(LAGS), p=LAG_PRIOR)
        drawn_paths = [family(rng, stated(one.kind), len(keys))[:-1] for one in both]
        logs = [drawn(rng, [*zip(both, own, strict=True)], lag, 0.1)[0] for own in zip(*drawn_paths, strict=True)]
        panel = {key: np.exp(y.iloc[:-1]) * month_lengths(MONTHS[:-1]) for key, y in zip(keys, logs, strict=True)}
        fit = dict(structural_forecasts(panel, dict.fromkeys(keys, both), 1, wanted=keys[:1]))[keys[0]].fit
        ranks.append(ranks_of(fit, [own[0] for own in drawn_paths], logs[0], lag, rng))
    found = pd.DataFrame(ranks)
    assert_uniform(found)
    spread = ((found.filter(like="t force") - 0.5) ** 2).mean()
    assert spread.max() < 1 / 12 + 3 * np.sqrt(1 / 180 / len(found)), spread
