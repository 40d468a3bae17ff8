"""Days in transit are weighed by what all destinations of an episode say together."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import logsumexp
from scipy.stats import norm

from forecast.episodes.alone import Alone
from forecast.episodes.course import KNOTS, Episode, exposure
from forecast.episodes.panel import structural_forecasts
from forecast.episodes.path_priors import (
    DESTINATION,
    IN_COMMON,
    UNLIKE,
    UNLIKELY,
    LagPaths,
    PathEvidence,
    log_mean,
    stated,
)
from forecast.episodes.transit import EffectEvidence, EpisodeLags, LagEvidence, log_effect

SHARES = np.zeros((2, 1, len(KNOTS)))
SHARES[0, 0, 1], SHARES[1, 0, 1] = 1.0, 0.5
"""The first month in force, all of it or half of it: no days in transit, or half a month of them."""


def of_effect(seen, sd, at, shares):
    """Evidence on a path of a month whose log effect was seen with noise, linearised at ``at``; what is left of it."""
    effect, slope = log_effect(at, shares)
    towards = seen - effect[0] + slope[0] @ at
    said = PathEvidence(np.outer(slope[0], slope[0]) / sd**2, slope[0] * towards / sd**2)
    return EffectEvidence.of(said, at, shares), -0.5 * towards**2 / sd**2


def linearised(seen, sd, shares):
    """The same at the posterior mode of a series alone under the stated prior of a licence."""
    prior = stated("licensing")
    at = prior.mean
    for _ in range(50):
        evidence, left = of_effect(seen, sd, at, shares)
        tight = np.linalg.inv(prior.covariance)
        at = np.linalg.solve(tight + evidence.said.precision, tight @ prior.mean + evidence.said.pull)
    return evidence, left


def exact(seen, sd, half):
    """The log likelihood of all effects seen, the first month's path integrated over numerically."""
    prior = stated("licensing")
    mean, variance = prior.mean[1], prior.covariance[1, 1]
    path, apart = np.linspace(-7, 4, 1101), np.linspace(-5, 5, 201)
    found = []
    for factor, weight in zip(UNLIKE, UNLIKELY, strict=True):
        own = path[:, None] + np.sqrt(factor * DESTINATION * variance) * apart
        effect = np.log1p(half * np.expm1(own))
        density = norm.logpdf(apart) + np.log(apart[1] - apart[0])
        logs = sum(logsumexp(norm.logpdf(one, effect, sd) + density, axis=1) for one in seen)
        whole = logs + norm.logpdf(path, mean, np.sqrt(IN_COMMON * variance)) + np.log(path[1] - path[0])
        found.append(np.log(weight) + logsumexp(whole))
    return logsumexp(found)


def test_evidence_follows_the_effect_and_not_its_slope():
    """Linearised anew at a path it says there what the effect of that path on the month says, to the constant."""
    evidence, left = of_effect(-0.6, 0.1, np.full(len(KNOTS), -1.0), SHARES[1])
    for value in (-0.2, -1.0, -3.0):
        path = np.full(len(KNOTS), value)
        said, constant = evidence.about(path)
        found = constant + said.pull @ path - 0.5 * path @ said.precision @ path
        effect = log_effect(path, SHARES[1])[0][0]
        assert found + left == pytest.approx(-0.5 * (-0.6 - effect) ** 2 / 0.1**2)


def by_itself(seen, sd):
    """A series that saw the first month of a licence, fitted by itself at two numbers of days; two more are out."""
    prior = stated("licensing")
    logs, paths = np.full(4, -1e3), {}
    for lag in range(2):
        evidence, left = linearised(seen, sd, SHARES[lag])
        logs[lag] = left + log_mean(evidence.said.precision, evidence.said.pull, prior)
        tight = np.linalg.inv(prior.covariance)
        after = PathEvidence(tight + evidence.said.precision, tight @ prior.mean + evidence.said.pull).normal()
        paths[lag] = after.of(np.array([1]))
    alone = Alone((1,), LagPaths(np.array([0.5, 0.5, 0.0, 0.0]), paths), logs, (1.0,))
    return LagEvidence(alone, 0, prior, SHARES[[0, 1, 1, 1]], 1.0)


@pytest.mark.slow
@pytest.mark.parametrize("centre", [-0.15, -0.35, -0.6, -1.2])
def test_destinations_weigh_the_days_together(centre):
    """Thirty destinations: what they say of two numbers of days is within a nat or a sixth of the exact integral."""
    rng = np.random.default_rng(4)
    sd, seen = 0.2, centre + rng.normal(0, 0.25, 30)
    said = {("p", str(place)): by_itself(one, sd) for place, one in enumerate(seen)}
    ours = EpisodeLags.of(said).of_others(("p", "none"))
    truth = exact(seen, sd, 0.5) - exact(seen, sd, 1.0)
    assert ours[1] - ours[0] == pytest.approx(np.clip(truth, -20, 20), abs=1.0, rel=1 / 6)


def test_a_destination_is_not_told_what_it_said_itself():
    """Of two series that saw much the same each hears the other; a single one hears nothing, and tells its own."""
    said = {("p", str(place)): by_itself(one, 0.2) for place, one in enumerate((-0.35, -0.6))}
    both = EpisodeLags.of(said)
    for own, other in (("0", "1"), ("1", "0")):
        logs = said["p", other].logs
        assert both.of_others(("p", own))[:2] == pytest.approx(logs[:2] - logs[:2].max(), abs=0.15)
    single = EpisodeLags.of({("p", "0"): said["p", "0"]})
    assert single.of_others(("p", "0")) == pytest.approx(np.zeros(4))
    assert single.of_others(("p", "1"))[:2] == pytest.approx(said["p", "0"].logs[:2])


def test_noise_of_news_is_no_evidence_of_days_in_transit():
    """Where a measure does nothing the likelihood of the days is flat, however calm its months are."""
    months = pd.period_range("2019-01", periods=60, freq="M")
    nothing = Episode("n", "truce", months[48].start_time.date(), months[48].start_time.date(), None, 1.0, ("n",))
    rng = np.random.default_rng(1)
    panel = {("p", f"D{place}"): pd.Series(100.0 * np.exp(rng.normal(0, 0.2, 60)), months) for place in range(40)}
    episodes = dict.fromkeys(panel, (nothing,))
    fits = dict(structural_forecasts(panel, episodes, 1))
    lags = np.mean([[*one.fit.lags().values()] for one in fits.values()], axis=0)
    assert lags.max() < 0.6


def test_half_of_a_first_month_leaves_both_readings_open():
    """A licence of which every destination has seen one month, at half: it acts at once, or stopped two weeks of it.

    Sixty that can hardly tell are not sure together: neither reading has less than a fiftieth.
    """
    months = pd.period_range("2019-01", periods=61, freq="M")
    first = months[-1].start_time.date()
    licence = Episode("l", "licensing", first, first, None, 1.0, ("l",))
    effect = log_effect(np.full(len(KNOTS), np.log(0.5)), exposure(licence, months, 0))[0]
    rng = np.random.default_rng(3)
    panel = {
        ("p", f"D{place}"): pd.Series(100.0 * np.exp(effect + rng.normal(0, 0.2, 61)), months) for place in range(60)
    }
    fits = dict(structural_forecasts(panel, dict.fromkeys(panel, (licence,)), 1))
    lags = np.mean([[*one.fit.lags().values()] for one in fits.values()], axis=0)
    assert lags[0] > 0.02
    assert lags[1] > 0.02
