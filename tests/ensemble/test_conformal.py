"""Laws of what earlier forecasts teach, on arrays."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtri

from forecast.ensemble.conformal import (
    CAP,
    ENOUGH,
    LARGEST,
    MOST_CARRIED,
    bias_persistence,
    conformal_factors,
    conformal_quantile,
    log_errors,
    persistent_error,
    rescale_intervals,
    shrunk,
    unrest,
)
from forecast.tables.quantiles import LOWER, UPPER

SIDES = [LOWER[95], LOWER[80], UPPER[80], UPPER[95]]


def cells(count, stated_sd, sd, seed=0):
    """Actuals that are log-normal about 100 with ``sd``, and volumes whose bounds are those of ``stated_sd``."""
    random = np.random.default_rng(seed)
    half = ndtri([0.025, 0.1, 0.5, 0.9, 0.975]) * stated_sd
    return 100 * np.exp(sd * random.normal(size=count)), np.tile(100 * np.exp(half), (count, 1))


@pytest.mark.parametrize("stated_sd", [0.1, 0.3, 0.6])
def test_bounds_that_are_too_wide_or_narrow_are_brought_to_the_truth(stated_sd):
    """With many earlier cells the factor of every bound is true over stated standard deviation."""
    factors = conformal_factors(*cells(20_000, stated_sd, 0.3))
    assert factors[SIDES] == pytest.approx(0.3 / stated_sd, rel=0.04)


def test_months_without_exports_widen_no_upper_bound():
    """One month in six of nothing takes the lower bounds down; the upper ones stay where actuals are."""
    actual, volumes = cells(600, 0.3, 0.3)
    plain = conformal_factors(actual, volumes)
    actual[::6] = 0.0
    found = conformal_factors(actual, volumes)
    assert (found[[LOWER[80], LOWER[95]]] > 3 * plain[[LOWER[80], LOWER[95]]]).all()
    assert (found[[UPPER[80], UPPER[95]]] <= plain[[UPPER[80], UPPER[95]]]).all()


def test_skewed_errors_are_met_on_either_side():
    """Errors twice as far above as below, with bounds stated alike: each side comes to its own distance."""
    actual, volumes = cells(20_000, 0.3, 0.3)
    off = np.log(actual / 100)
    skewed = 100 * np.exp(np.where(off > 0, 2 * off, off))
    found = conformal_factors(skewed, volumes)
    assert found[SIDES] == pytest.approx([1, 1, 2, 2], rel=0.05)


def test_new_actuals_fall_inside_at_the_level_that_was_asked():
    """Over many worlds of 60 earlier cells, the next actual is held 80 and 95 times of 100, whatever models said."""
    held = np.zeros((2000, 2))
    for world in range(len(held)):
        actual, volumes = cells(61, 0.5, 0.2, seed=world)
        factors = conformal_factors(actual[:-1], volumes[:-1])
        lower_95, lower_80, _, upper_80, upper_95 = rescale_intervals(volumes[-1:], factors)[0]
        held[world] = lower_80 <= actual[-1] <= upper_80, lower_95 <= actual[-1] <= upper_95
    error = 3 * np.sqrt(np.array([0.8 * 0.2, 0.95 * 0.05]) / len(held))
    assert (np.abs(held.mean(axis=0) - [0.8, 0.95]) < error + 0.005).all()


def test_factors_of_few_months_are_shrunk_to_others():
    """No month leaves the others, many leave what was found; on the way the log moves with the months."""
    found, others = conformal_factors(*cells(200, 0.1, 0.3)), np.array([1.5, 1.4, 1.0, 1.2, 1.3])
    assert shrunk(found, 0, others) == pytest.approx(others)
    assert shrunk(found, 10_000, others) == pytest.approx(found, rel=1e-2)
    assert np.log(shrunk(found, 6, others)) == pytest.approx((np.log(found) + np.log(others)) / 2)


def test_a_wider_interval_after_an_error_holds_what_it_says_where_variances_follow_errors():
    """Of 40,000 months whose variance is that of an ARCH process, 80 % hold after large errors and after small ones."""
    random, last, distance = np.random.default_rng(0), 0.0, []
    for score in random.standard_normal(40_000):
        last = abs(score / 1.2816) * float(unrest(np.array([last]))[0])
        distance.append(last)
    before, after = np.array(distance[:-1]), np.array(distance[1:])
    assert np.mean(after[before > 1.5] <= 1) < 0.75
    for large in (before > 1.5, before < 0.5):
        held = after[large] / unrest(before[large]) <= 1
        assert held.mean() == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / large.sum()))


def test_few_earlier_cells_say_nothing():
    """One cell short of enough there is no factor, and cells without an actual do not count."""
    actual, volumes = cells(ENOUGH["calm"], 0.3, 0.3)
    assert conformal_factors(actual, volumes) is not None
    actual[0] = np.nan
    assert conformal_factors(actual, volumes) is None


def test_factors_and_errors_are_held():
    """A month without exports is no infinite error, and no factor is beyond the largest."""
    actual, volumes = cells(100, 0.01, 1.0)
    assert (conformal_factors(actual, volumes)[SIDES] == LARGEST).all()
    assert log_errors(np.zeros(1), np.array([5.0])) == -CAP


def test_the_unit_does_not_matter():
    """A thousand times all volumes gives the same factors."""
    actual, volumes = cells(100, 0.3, 0.2)
    small, large = (conformal_factors(k * actual, k * volumes) for k in (1, 1000))
    assert small == pytest.approx(large)


def test_stretched_bounds_nest_and_are_never_negative():
    """A large factor at 80 carries the bounds at 95 along; a bound at zero stays there, and a median at zero too."""
    volumes = np.array([[0.0, 0.0, 100.0, 150.0, 160.0], [0.0, 0.0, 0.0, 3.0, 4.0]])
    found = rescale_intervals(volumes, np.array([[0.5, 3.0, 1.0, 3.0, 0.5], [2.0, 2.0, 1.0, 2.0, 2.0]]))
    assert (found >= 0).all()
    assert (np.diff(found, axis=1) >= 0).all()
    assert found[1].tolist() == volumes[1].tolist()


def test_a_quantile_beyond_the_scores_is_the_largest():
    """With three scores nothing can be said at 95 % but the largest."""
    assert conformal_quantile(np.array([1.0, 3.0, 2.0]), 0.95) == 3.0


def test_only_errors_of_one_sign_are_repeated():
    """Two of one sign give their mean to the next; a change of sign, or a month that is not known, gives nothing."""
    errors = np.array([[-0.2, -0.4, -0.1, 0.3, 0.1], [0.2, np.nan, 0.2, 0.2, 0.2]])
    np.testing.assert_allclose(persistent_error(errors), [[0, 0, -0.3, -0.25, 0, 0.2], [0, 0, 0, 0, 0.2, 0.2]])


def test_the_share_carried_is_that_of_errors_that_go_on():
    """Errors with autocorrelation are carried at the least-squares share, up to the most; independent ones are not."""
    random = np.random.default_rng(2)
    noise = random.normal(size=(200, 60))
    errors = np.zeros_like(noise)
    for place in range(1, 60):
        errors[:, place] = 0.6 * errors[:, place - 1] + noise[:, place]
    before = persistent_error(errors)[:, :60]
    seen = before != 0
    slope = np.linalg.lstsq(before[seen][:, None], errors[seen], rcond=None)[0][0]
    assert bias_persistence(errors, before) == pytest.approx(min(slope, MOST_CARRIED), rel=0.02)
    assert bias_persistence(noise, persistent_error(noise)[:, :60]) < 0.03


def test_few_repeated_errors_are_hardly_carried():
    """One series of ten months that repeat exactly: most of it is doubted."""
    errors = np.full((1, 10), 0.3)
    assert 0 < bias_persistence(errors, persistent_error(errors)[:, :10]) < 0.2
