"""Priors of paths: mild episodes stay mild, destinations that are alike say so, the lag is believed together."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.episodes.course import FORCE, KNOTS, Episode, exposure
from forecast.episodes.panel import structural_forecasts
from forecast.episodes.path_priors import (
    STATED,
    UNLIKE,
    Heterogeneity,
    LagPaths,
    PathEvidence,
    PathPrior,
    log_evidence,
    stated,
)
from forecast.episodes.transit import log_effect

MONTHS = pd.period_range("2019-01", periods=84, freq="M")


EVERY = tuple(range(len(KNOTS)))


def said(path, sd=0.1, knots=EVERY):
    """Evidence on some knots of a path."""
    precision = np.zeros(len(KNOTS))
    precision[list(knots)] = sd**-2.0
    return PathEvidence(np.diag(precision), precision * np.asarray(path))


@pytest.mark.parametrize("kind", ["ban", "licensing", "tariff"])
def test_a_mild_episode_stays_mild_and_never_comes_to_raise(kind):
    """Two months at a quarter of the usual effect: the rest is expected below zero, and milder than stated."""
    prior, mean = stated(kind), np.array(STATED[kind])
    seen = said(mean / 4, knots=(1, 2))
    tight = np.linalg.inv(prior.covariance)
    after = np.linalg.solve(tight + seen.precision, tight @ mean + seen.pull)
    assert (after[FORCE] < 0.05).all()
    assert (after[FORCE] > mean[FORCE]).all()


@pytest.mark.parametrize("kind", sorted(STATED))
def test_priors_are_covariances(kind):
    assert np.linalg.eigvalsh(stated(kind).covariance).min() > 0


def test_likeness_is_weighed_by_the_joint_normal_of_all_siblings():
    """The same differences between factors as by one normal of everything that the siblings saw."""
    rng = np.random.default_rng(1)
    episode, spread = stated("licensing"), 0.35 * stated("licensing").covariance
    siblings = []
    for _ in range(4):
        root = rng.normal(size=(len(KNOTS), len(KNOTS)))
        precision = root @ root.T + np.eye(len(KNOTS))
        siblings.append(PathEvidence(precision, precision @ rng.normal(size=len(KNOTS))))

    def joint(factor):
        seen = np.concatenate([np.linalg.solve(one.precision, one.pull) for one in siblings])
        noise = np.zeros((len(seen), len(seen)))
        for place, one in enumerate(siblings):
            at = slice(place * len(KNOTS), (place + 1) * len(KNOTS))
            noise[at, at] = np.linalg.inv(one.precision) + factor * spread
        whole = np.kron(np.ones((4, 4)), episode.covariance) + noise
        apart = seen - np.tile(episode.mean, 4)
        return -0.5 * np.linalg.slogdet(whole)[1] - 0.5 * apart @ np.linalg.solve(whole, apart)

    spreads = UNLIKE[:, None, None] * spread
    ours = log_evidence(episode, PathEvidence.stacked(siblings), spreads)
    assert np.diff(ours[:, -1]) == pytest.approx(np.diff([joint(factor) for factor in UNLIKE]))
    three = [siblings[0], *siblings[2:]]
    of_three = log_evidence(episode, PathEvidence.stacked(three), spreads)[:, -1]
    assert ours[:, 1] == pytest.approx(of_three)


def test_destinations_struck_alike_narrow_what_the_next_expects_and_unlike_ones_widen_it():
    prior = stated("licensing")
    rng = np.random.default_rng(2)
    alike = [said(prior.mean + rng.normal(0, 0.1, len(KNOTS))) for _ in range(12)]
    unlike = [said(path) for path in rng.multivariate_normal(prior.mean, 2 * 0.35 * prior.covariance, 12)]
    assert Heterogeneity(prior, PathEvidence.stacked(alike), 0.35 * prior.covariance).factor() < 0.2
    assert Heterogeneity(prior, PathEvidence.stacked(unlike), 0.35 * prior.covariance).factor() > 1


def test_the_lag_that_others_believe_in_decides_what_a_path_was():
    short, long = (PathPrior(np.full(2, value), np.eye(2) * 0.01) for value in (-0.3, -1.0))
    paths = LagPaths(np.array([0.5, 0.0, 0.5, 0.0]), {0: short, 2: long})
    assert paths.mixed(np.zeros(4)).mean == pytest.approx([-0.65, -0.65])
    surely = paths.mixed(np.array([-50.0, 0.0, 0.0, 0.0]))
    assert surely.mean == pytest.approx([-1.0, -1.0])
    assert surely.covariance == pytest.approx(long.covariance)


def test_sixty_destinations_of_one_licence_know_what_the_next_month_is():
    """A licence takes half at once, everywhere: after two months all are forecast within the noise of a series."""
    rng = np.random.default_rng(3)
    licence = Episode("l", "licensing", date(2024, 1, 1), date(2024, 1, 1), None, 1.0, ("l",))
    months = MONTHS[:62]
    effect, _ = log_effect(np.full(len(KNOTS), np.log(0.5)), exposure(licence, months, 0))
    panel = {
        ("w", f"D{place}"): pd.Series(100 * np.exp(effect + rng.normal(0, 0.15, len(months))), months)
        for place in range(24)
    }
    fits = dict(structural_forecasts(panel, dict.fromkeys(panel, (licence,)), 1))
    found = pd.concat([fit.volumes() for fit in fits.values()])
    assert found["median"].mean() == pytest.approx(50, rel=0.2)
    assert np.log(found["upper_80"] / found["lower_80"]).median() < 1.0
