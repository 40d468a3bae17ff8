"""Partial pooling: the closed form is the joint normal's, and what cannot be told apart stays so in any number."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.episodes.course import KNOTS, Episode, exposure
from forecast.episodes.evidence import SeriesEvidence, Slot
from forecast.episodes.panel import structural_forecasts
from forecast.episodes.partial_pooling import IN_COMMON, pooled_priors
from forecast.episodes.path_priors import (
    DESTINATION,
    EPISODE,
    KIND,
    PRODUCT,
    RETURNS,
    PathEvidence,
    PathPrior,
    stated,
)
from forecast.episodes.transit import log_effect

SIZE = len(KNOTS)
LICENCE, TRUCE = Slot("licensing", "l", False), Slot("truce", "t", False)
ON_TOP, NEXT = Slot("licensing", "m", True), Slot("licensing", "n", False)
MONTHS = pd.period_range("2019-01", periods=84, freq="M")


def member(rng, key, slots, weights=None, before=None):
    """A series that says something of all its paths together."""
    size = SIZE * len(slots)
    root = rng.normal(size=(size, size // 2)) * 3
    precision = root @ root.T
    beliefs = tuple(half(stated(slot.kind)) if slot.single else stated(slot.kind) for slot in slots)
    said = PathEvidence(precision, precision @ rng.normal(0, 0.3, size))
    nothing = PathEvidence(np.zeros((SIZE, SIZE)), np.zeros(SIZE))
    weights = (1.0,) * len(slots) if weights is None else weights
    before = (None,) * len(slots) if before is None else before
    return SeriesEvidence(key, slots, beliefs, before, weights, said, (nothing,) * len(slots))


def half(prior):
    return PathPrior(prior.mean / 2, prior.covariance / 2)


def joint_prior(members):
    """Mean and covariance of the paths of all series, stacked, by summing the deviations of each two."""
    every = [(one.key, slot, belief) for one in members for slot, belief in zip(one.slots, one.beliefs, strict=True)]
    linked = {
        frozenset((one.slots[former], slot))
        for one in members
        for slot, former in zip(one.slots, one.before, strict=True)
        if former is not None
    }
    several = {slot for slot in (slot for _, slot, _ in every) if sum(own == slot for _, own, _ in every) > 1}
    mean = np.concatenate([belief.mean for *_, belief in every])
    covariance = np.zeros((len(mean), len(mean)))
    for i, (key, slot, belief) in enumerate(every):
        for j, (other, own, _) in enumerate(every):
            same_kind = slot.kind == own.kind and not slot.single and not own.single
            share = (KIND + PRODUCT * (key[0] == other[0])) * same_kind
            if frozenset((slot, own)) in linked and slot != own:
                both = {slot, own} <= several
                share += RETURNS * EPISODE * (both or (key == other and not {slot, own} & several))
                share += RETURNS * DESTINATION * (key == other)
            if slot == own and key[0] == other[0]:
                share = IN_COMMON
            if i == j:
                share = 1.0
            at = slice(i * SIZE, (i + 1) * SIZE), slice(j * SIZE, (j + 1) * SIZE)
            covariance[at] = share * belief.covariance
    return mean, covariance


def beside_one_another(rng):
    """Episodes shared and single, of one kind and of several, on two products, one on top of another of its kind."""
    return [
        member(rng, ("p", "USA"), (LICENCE, TRUCE)),
        member(rng, ("p", "DEU"), (LICENCE, ON_TOP)),
        member(rng, ("p", "JPN"), (LICENCE, ON_TOP, NEXT)),
        member(rng, ("q", "USA"), (Slot("licensing", "k", False), Slot("truce", "s", False))),
    ]


def one_after_the_other(rng):
    """A licence and the next one on two destinations, another next one on a third, and two on another product."""
    return [
        member(rng, ("p", "USA"), (LICENCE, NEXT), before=(None, 0)),
        member(rng, ("p", "DEU"), (LICENCE, TRUCE, NEXT), before=(None, None, 0)),
        member(rng, ("p", "JPN"), (LICENCE, Slot("licensing", "o", False)), before=(None, 0)),
        member(rng, ("q", "USA"), (Slot("licensing", "k", False), Slot("licensing", "j", False)), before=(None, 0)),
    ]


@pytest.mark.parametrize("episodes", [beside_one_another, one_after_the_other])
def test_pooled_priors_are_the_conditional_of_one_joint_normal(episodes):
    """What all other series say of the paths of one, by the whole matrix."""
    members = episodes(np.random.default_rng(4))
    mean, covariance = joint_prior(members)
    priors = pooled_priors(
        {one.key: one for one in members}, {kind: stated(kind) for kind in ("licensing", "truce")}, ["p", "q"]
    )
    at = 0
    for target in members:
        own = np.arange(at, at + SIZE * len(target.slots))
        at += len(own)
        precision, pull = np.zeros_like(covariance), np.zeros(len(mean))
        start = 0
        for other in members:
            there = np.arange(start, start + SIZE * len(other.slots))
            start += len(there)
            if other is not target:
                precision[np.ix_(there, there)] = other.joint.precision
                pull[there] = other.joint.pull
        kept = np.linalg.inv(np.eye(len(mean)) + covariance @ precision)
        after = kept @ (mean + covariance @ pull)
        prior = priors[target.key].prior()
        assert prior.mean == pytest.approx(after[own], abs=1e-7)
        assert prior.covariance == pytest.approx((kept @ covariance)[np.ix_(own, own)], abs=1e-7)


def test_a_series_by_itself_keeps_what_is_stated():
    """Two episodes of a kind on one series have in common what is of the kind and the product, and nothing is moved."""
    rng = np.random.default_rng(5)
    one = member(rng, ("p", "USA"), (LICENCE, Slot("licensing", "n", False)))
    (others,) = pooled_priors({one.key: one}, {"licensing": stated("licensing")}, ["p"]).values()
    found = others.prior()
    whole = stated("licensing")
    assert found.mean == pytest.approx(np.tile(whole.mean, 2))
    assert found.covariance[:SIZE, :SIZE] == pytest.approx(whole.covariance, abs=1e-9)
    assert found.covariance[:SIZE, SIZE:] == pytest.approx((KIND + PRODUCT) * whole.covariance, abs=1e-9)
    assert pytest.approx(1.0) == IN_COMMON + DESTINATION
    assert IN_COMMON == KIND + PRODUCT + EPISODE


@pytest.mark.parametrize("weight", [0.0, 1e-12, 1e-6])
def test_what_a_series_hardly_says_moves_nothing(weight):
    """As trade before a measure goes to none, so does what it teaches; never a matrix without an inverse."""
    rng = np.random.default_rng(6)
    key = ("p", "USA")
    both = (member(rng, key, (LICENCE,)), member(rng, ("p", "DEU"), (LICENCE,), (weight,)))
    found = pooled_priors({one.key: one for one in both}, {"licensing": stated("licensing")}, ["p"])[key].prior()
    assert found.mean == pytest.approx(stated("licensing").mean, abs=0.02)


def test_a_truce_that_begins_as_a_licence_ends_is_not_given_the_recovery():
    """Twenty destinations whose licence takes two thirds, and whose trade is all back once it ends and a truce begins.

    What both did together is known, and hardly what each did: the truce stays near what is stated of its kind.
    """
    rng = np.random.default_rng(7)
    licence = Episode("l", "licensing", date(2023, 1, 1), date(2023, 1, 1), date(2024, 1, 1), 1.0, ("l",))
    truce = Episode("t", "truce", date(2024, 1, 1), date(2024, 1, 1), None, 1.0, ("t",))
    months = MONTHS[:66]
    path = np.array([0.0, *[-1.1] * 6, *[0.0] * 4])
    effect, _ = log_effect(path, exposure(licence, months, 0))
    panel = {
        ("w", f"D{place:02}"): pd.Series(100 * np.exp(effect + rng.normal(0, 0.1, len(months))), months)
        for place in range(20)
    }
    fits = dict(structural_forecasts(panel, dict.fromkeys(panel, (licence, truce)), 1))
    truces = np.array([fit.fit.path(1).mean[1:5] for fit in fits.values()])
    assert np.abs(truces - np.array(stated("truce").mean[1:5])).mean() < 0.08
    medians = [fit.volumes()["median"].iloc[0] for fit in fits.values()]
    assert np.median(medians) == pytest.approx(100, rel=0.08)


@pytest.mark.slow
def test_twelve_bans_one_on_top_of_the_other_are_forecast():
    """Beliefs of what the last may still strike are a millionth of those of the first: no matrix is without inverse."""
    rng = np.random.default_rng(8)
    days = {f"b{place:02}": date(2019 + place // 2, 1 + 6 * (place % 2), 5) for place in range(12)}
    bans = tuple(Episode(name, "ban", day, day, None, 1.0, (name,)) for name, day in days.items())
    volume = np.r_[np.full(6, 100.0), np.full(78, 5.0)]
    panel = {("w", code): pd.Series(volume * np.exp(rng.normal(0, 0.2, 84)), MONTHS) for code in "ABC"}
    fits = dict(structural_forecasts(panel, dict.fromkeys(panel, bans), 1))
    medians = [fit.volumes()["median"].iloc[0] for fit in fits.values()]
    assert medians == pytest.approx([5.0] * 3, rel=0.25)
