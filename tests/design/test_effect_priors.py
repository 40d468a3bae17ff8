"""Effects learned across series: against a regression written out, and against simulations whose truth is known."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from drawn_effects import drawn_effects
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.design.effect_priors import (
    COLUMNS,
    DRIFT,
    EARLY_SD_RATIO,
    HOLIDAY_SD,
    LEVEL_SD,
    NOISE_SD,
    NOISE_WEIGHT,
    NOTHING,
    PLACES,
    WAVE_SD,
    evidence,
    experience,
    informed,
    pooled,
    remainders,
    series_evidence,
)
from forecast.design.regressors import candidates, chosen_design, regressors, series_scope
from forecast.realtime.events import Scope, acting_events
from forecast.realtime.releases import as_of

MONTHS = pd.period_range("2020-01", "2023-12", freq="M")
STEP, PASSING = PLACES["licensing_step"], PLACES["licensing_temporary"]
LICENSING = {"kind": "licensing", "announced": date(2023, 5, 1)}
SCOPE = Scope("magnets", "USA", {}, {})


def shares(events=None):
    return regressors(acting_events(calendar(LICENSING) if events is None else events), SCOPE, MONTHS)


def test_evidence_is_the_likelihood_of_a_regression_written_out():
    """Whitened by the covariance of the errors; level, season and holidays integrated out under their priors."""
    y = pd.Series(np.random.default_rng(5).normal(4, 0.3, len(MONTHS)), MONTHS)
    X = shares()
    names = ["licensing_step", "licensing_temporary"]
    step = np.arange(len(MONTHS))
    covariance = DRIFT * np.minimum.outer(step, step) + np.diag(1 + (EARLY_SD_RATIO**2 - 1) * X["licensing_temporary"])
    angle = 2 * np.pi * MONTHS.month.to_numpy() / 12
    holidays = X.filter(like="lunar").to_numpy()
    others = np.column_stack(
        [np.ones(len(MONTHS)), holidays, np.sin(angle), np.cos(angle), np.sin(2 * angle), np.cos(2 * angle)]
    )
    prior = np.diag([LEVEL_SD**2, *[HOLIDAY_SD**2] * 3, *[WAVE_SD**2] * 4])
    found = evidence(y, X)
    # The variance of a month is the one unknown scale: read it off the one entry, then all others must agree.
    own = X[names].to_numpy()

    def precision(variance):
        marginal = np.linalg.inv(variance * covariance + others @ prior @ others.T)
        return own.T @ marginal @ own, own.T @ marginal @ y.to_numpy()

    low, high = 1e-3, 10.0
    for _ in range(200):
        middle = np.sqrt(low * high)
        low, high = (middle, high) if precision(middle)[0][0, 0] > found.precision[STEP, STEP] else (low, middle)
    places = np.ix_([STEP, PASSING], [STEP, PASSING])
    assert np.allclose(found.precision[places], precision(low)[0], rtol=1e-6)
    assert np.allclose(found.shift[[STEP, PASSING]], precision(low)[1], rtol=1e-6)
    assert NOISE_SD**2 * NOISE_WEIGHT / (NOISE_WEIGHT + len(MONTHS)) < low < 0.3**2 * 1.5


def test_a_steady_series_shows_its_effect_partial_month_included():
    """A fall to a fifth from the 11th of a month on is found as log(0.2), though that month fell less."""
    events = calendar({"kind": "licensing", "announced": date(2022, 3, 11)})
    X = regressors(acting_events(events), SCOPE, MONTHS)
    volume = 100 * (1 - X["licensing_step"] + X["licensing_step"] * 0.2)
    mean, covariance = evidence(np.log(volume), X).posterior(np.zeros(len(COLUMNS)), np.eye(len(COLUMNS)))
    assert mean[STEP] + mean[PASSING] * 0.3 == pytest.approx(np.log(0.2), abs=2 * np.sqrt(covariance[STEP, STEP]))
    assert mean[STEP] == pytest.approx(np.log(0.2), abs=0.35)


def test_what_never_acted_says_nothing():
    """No event, no evidence; and an event on another product neither."""
    y = pd.Series(steady(len(MONTHS)), MONTHS)
    assert evidence(np.log(y), shares(calendar())) is NOTHING
    assert evidence(np.log(y), shares(calendar(LICENSING | {"products": ("gallium",)}))) is NOTHING


def test_a_sum_of_months_before_the_event_gives_the_base():
    """Where only the sum of January to April is published, the fall in May is seen against it."""
    volume = pd.Series([20.0, 18.0, 22.0], pd.period_range("2023-05", periods=3, freq="M"))
    sums = pd.DataFrame({"start": [pd.Period("2023-01")], "end": [pd.Period("2023-04")], "volume_t": [400.0]})
    without = series_evidence(volume, sums.iloc[:0], acting_events(calendar(LICENSING)), SCOPE)
    with_sum = series_evidence(volume, sums, acting_events(calendar(LICENSING)), SCOPE)
    prior = np.zeros(len(COLUMNS)), np.eye(len(COLUMNS))
    assert abs(without.posterior(*prior)[0][STEP]) < 0.1
    assert with_sum.posterior(*prior)[0][STEP] < -0.5


def test_known_months_are_taken_off_their_sum_and_overlaps_counted_once():
    """The quarter says April and May once June is known; the half-year then says January to March."""
    months = pd.period_range("2023-01", "2023-06", freq="M")
    volume = pd.Series([np.nan] * 5 + [30.0], months)
    sums = pd.DataFrame({"start": months[[0, 3]], "end": months[[5, 5]], "volume_t": [400.0, 110.0]})
    found = remainders(volume, sums)
    assert [(mask.nonzero()[0].tolist(), mean) for mask, mean in found] == [([3, 4], 40.0)]
    assert remainders(volume, sums.iloc[:1])[0][1] == pytest.approx(370 / 5)


@pytest.mark.slow
def test_intervals_of_effects_cover_the_truth_at_their_level():
    """Simulation-based calibration: effects drawn as the model says, of a series never seen and of one seen."""
    random = np.random.default_rng(11)
    hits = {"prior": [], "belief": []}
    for _ in range(400):
        series, truth = drawn_effects(random, products=6, destinations=3, noise=0.4)
        known = pooled(series, {f"p{place}": f"p{place}" for place in range(6)})
        for name in hits:
            mean, covariance = getattr(known, name)(("p0", "d0"))
            hits[name].append(abs(truth["p0", "d0"] - mean[STEP]) < 1.2816 * np.sqrt(covariance[STEP, STEP]))
    for name, hit in hits.items():
        assert 0.74 < np.mean(hit) < 0.86, name


def test_a_prior_narrows_with_episodes_and_moves_towards_them():
    """Nothing known: zero and wide. One product that fell: below zero, narrower. Five: nearer and narrower still."""
    random = np.random.default_rng(2)
    found = []
    for count in (0, 1, 5):
        series, _ = drawn_effects(random, products=count, destinations=2, noise=0.1)
        series |= {("new", "d0"): NOTHING}
        mean, covariance = pooled(series, {key[0]: key[0] for key in series}).prior(("new", "d0"))
        found.append((mean[STEP], np.sqrt(covariance[STEP, STEP])))
    means, sds = zip(*found, strict=True)
    assert means[0] == 0.0
    assert means[0] > means[1]
    assert abs(means[2] + 1.0) < 0.5
    assert sds[0] > sds[1] > sds[2]


def test_products_under_one_decision_count_as_one():
    """Two products that always go together say as much of the mean as one."""
    random = np.random.default_rng(4)
    series, _ = drawn_effects(random, products=2, destinations=1, noise=0.05)
    twin = dict(zip(series, [series["p0", "d0"]] * 2, strict=True)) | {("new", "d0"): NOTHING}
    apart = pooled(twin, {"p0": "a", "p1": "b", "new": "new"}).prior(("new", "d0"))[1]
    together = pooled(twin, {"p0": "a", "p1": "a", "new": "new"}).prior(("new", "d0"))[1]
    assert together[STEP, STEP] > apart[STEP, STEP]


def test_a_kind_without_episode_borrows_from_its_family_with_a_wider_spread():
    """A ban is expected to work like licensing, less surely; a truce is not."""
    series, _ = drawn_effects(np.random.default_rng(6), products=4, destinations=1, noise=0.1)
    known = pooled(series | {("new", "d0"): NOTHING}, {f"p{place}": f"p{place}" for place in range(4)} | {"new": "new"})
    mean, covariance = known.prior(("new", "d0"))
    ban, truce = PLACES["ban_step"], PLACES["truce_step"]
    assert mean[ban] == pytest.approx(mean[STEP])
    assert mean[STEP] < -0.3
    assert covariance[ban, ban] > covariance[STEP, STEP]
    assert mean[truce] == 0.0


def test_shipped_episodes_lead_the_forecaster_to_expect_a_deep_fall_under_a_new_licence():
    """On 20 April 2025, from gallium, germanium, graphite and antimony: less than half in the first months."""
    known = as_of(fc.read_exports(), fc.read_events(), date(2025, 4, 20), fc.read_period_totals())
    mean, _ = experience(known, fc.read_groups()).prior(("rare_earth_magnets", "WLD"))
    path = np.exp(mean[STEP] + mean[PASSING] * 0.7 ** np.array([0.5, 1.5, 2.5]))
    assert (path < 0.5).all()
    assert np.all(np.diff(path) > 0)


def test_a_design_is_informed_of_every_regressor_that_acts_even_before_its_first_month():
    """Licensing that begins next month enters with the prior of other products; nothing is limited or dropped."""
    table = pd.concat([
        exports({"WLD": np.append(steady(40), 20 * steady(8) / 100)}, product="gallium"),
        exports({"WLD": steady(48)}, product="magnets"),
    ])  # fmt: skip
    events = calendar(
        {"kind": "licensing", "products": ("gallium",), "announced": date(2023, 5, 1)},
        {"kind": "licensing", "products": ("magnets",), "announced": date(2024, 1, 15), "effective": date(2024, 2, 1)},
    )
    known = as_of(table.assign(released=[date(2024, 1, 20)] * len(table)), events, date(2024, 1, 20))
    scope = series_scope("magnets", "WLD", known.volumes["magnets"], GROUPS)
    series = candidates(known.volumes["magnets"]["WLD"], known.acting, scope, 2)
    assert "licensing_step" not in chosen_design(series, 2).X
    design = informed(series, experience(known, GROUPS).expectations()["magnets", "WLD"], 2)
    assert design.prior.loc["licensing_step", "mean"] < -0.2
    assert design.prior.index.tolist() == list(design.X)
    assert design.X_future["licensing_step"].tolist() == pytest.approx([0.0, 1.0])


class Counted(dict):
    """Evidence by series, and how many series were read."""

    read = 0

    def items(self):
        for item in super().items():
            self.read += 1
            yield item


@pytest.mark.parametrize("count", [1, 8])
def test_the_evidence_of_each_series_is_read_once_a_round_however_many_products(count):
    """Four rounds that revise the spread, and the last: five readings, not five for each product."""
    series = Counted({(f"p{place}", "d0"): NOTHING for place in range(count)})
    pooled(series, {f"p{place}": f"p{place}" for place in range(count)})
    assert series.read == 5 * count


def test_expectations_are_those_of_each_series_and_keep_only_what_differs():
    """One array for all series: nothing is stored of kinds of which nobody has seen anything."""
    volume = np.append(steady(40), 0.3 * steady(8))
    table = pd.concat([exports({"WLD": volume, "USA": volume / 2}), exports({"WLD": steady(48)}, product="gallium")])
    events = calendar({**LICENSING, "products": ("magnets",)})
    learned = experience(as_of(table, events, date(2030, 1, 1)), GROUPS)
    expected = learned.expectations()
    assert list(expected) == list(learned.series)
    assert len(expected) == 3
    for key, found in expected.items():
        for stated, (mean, covariance) in ((found.prior, learned.prior(key)), (found.belief, learned.belief(key))):
            assert np.array_equal(stated, [mean, np.sqrt(np.diag(covariance))])
    kinds = {COLUMNS[place].rsplit("_", 1)[0] for place in expected.differing}
    assert "licensing" in kinds
    assert "tariff" not in kinds
    assert ("magnets", "JPN") not in expected
