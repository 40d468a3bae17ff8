"""Measures against plain loops written from the papers' formulas, and against values worked by hand."""

from __future__ import annotations

import inspect
import math
import re

import numpy as np
import pytest

from forecast.scoring import metrics

LOSSES = {
    "absolute_error": metrics.absolute_error,
    "pinball": metrics.pinball,
    "interval_score": metrics.interval_score,
    "weighted_interval_score": metrics.weighted_interval_score,
}
SCALES = {"seasonal_scale": metrics.seasonal_scale, "seasonal_scale_squared": metrics.seasonal_scale_squared}
SETTINGS = {"level": 80, "tau": 0.5}


@pytest.fixture
def rows() -> dict[str, list[float]]:
    """Forty rows of actuals, medians and nested bounds over four orders of magnitude."""
    random = np.random.default_rng(3)
    median = np.exp(random.normal(3, 3, 40))
    inner, outer = median * random.uniform(0, 0.5, 40), median * random.uniform(0.5, 0.9, 40)
    return {
        "actual": (median * np.exp(random.normal(0, 0.7, 40))).tolist(),
        "median": median.tolist(),
        "lower_80": (median - inner).tolist(),
        "upper_80": (median + inner).tolist(),
        "lower_95": (median - outer).tolist(),
        "upper_95": (median + outer).tolist(),
        "scale": random.uniform(1, 9, 40).tolist(),
    }


def test_point_measures_equal_their_formulas_in_a_loop(rows):
    """MAE, WAPE, bias, MASE and RMSSE are the sums that their formulas say."""
    y, f, s = rows["actual"], rows["median"], rows["scale"]
    n, errors = len(y), [b - a for a, b in zip(y, f, strict=True)]
    expected = {
        "mae": sum(abs(e) for e in errors) / n,
        "wape": sum(abs(e) for e in errors) / sum(abs(a) for a in y),
        "bias": sum(errors) / sum(y),
        "mase": sum(abs(e) / q for e, q in zip(errors, s, strict=True)) / n,
        "rmsse": math.sqrt(sum(e * e / q for e, q in zip(errors, s, strict=True)) / n),
    }
    found = {
        "mae": metrics.mae(y, f),
        "wape": metrics.wape(y, f),
        "bias": metrics.bias(y, f),
        "mase": metrics.mase(y, f, s),
        "rmsse": metrics.rmsse(y, f, s),
    }
    assert found == pytest.approx(expected, rel=1e-12)


def test_wis_is_twice_the_mean_pinball_loss_of_its_five_quantiles(rows):
    """The weighted interval score is the quantile score of the same five quantiles (Bracher et al., section 2.2)."""
    bounds = ["lower_95", "lower_80", "median", "upper_80", "upper_95"]
    losses = [
        metrics.pinball(rows["actual"], rows[bound], tau)
        for bound, tau in zip(bounds, [0.025, 0.1, 0.5, 0.9, 0.975], strict=True)
    ]
    score = metrics.weighted_interval_score(rows["actual"], *(rows[b] for b in metrics_bounds()))
    np.testing.assert_allclose(score, 2 * np.mean(losses, axis=0), rtol=1e-12)


def test_wis_equals_its_formula_in_a_loop(rows):
    """Half the absolute error, a tenth and a fortieth of the interval scores, over two and a half."""
    total = 0.0
    for y, m, l80, u80, l95, u95 in zip(rows["actual"], *(rows[b] for b in metrics_bounds()), strict=True):
        total += abs(y - m) / 2
        for low, up, alpha in ((l80, u80, 0.2), (l95, u95, 0.05)):
            total += alpha / 2 * (up - low)
            if y < low:
                total += low - y
            if y > up:
                total += y - up
    found = metrics.wis(rows["actual"], *(rows[b] for b in metrics_bounds()))
    assert found == pytest.approx(total / 2.5 / 40, rel=1e-12)


def test_wis_of_a_point_forecast_is_its_mae():
    """With every bound at the median nothing but the absolute error is left."""
    y, f = [3.0, 10.0], [5.0, 4.0]
    assert metrics.wis(y, f, f, f, f, f) == pytest.approx(metrics.mae(y, f), rel=1e-14)


def test_interval_score_is_proper():
    """No other interval scores better on average over a uniform sample than its own 10 % and 90 % quantiles."""
    actual = (np.arange(1000) + 0.5) / 1000

    def average(lower, upper):
        return float(np.mean(metrics.interval_score(actual, lower, upper, level=80)))

    best = average(0.1, 0.9)
    others = [average(a, b) for a in (0.0, 0.05, 0.15, 0.3) for b in (0.7, 0.85, 0.95, 1.0)]
    assert best < min(others)


def test_coverage_counts_the_bounds_as_inside():
    """An actual on a bound is covered: zero tonnes against a lower bound of zero."""
    assert metrics.coverage([0, 5, 6, 7], [0, 0, 0, 0], [5, 5, 5, 5]) == 0.5


def test_measures_take_the_unit_of_the_volume(rows):
    """1000 times the volumes gives 1000 times MAE and WIS and leaves shares, scaled errors and coverage alone."""
    names = ["actual", *metrics_bounds()]
    thousand = {name: [1000 * value for value in rows[name]] for name in names}
    for found, before, factor in (
        (metrics.mae(thousand["actual"], thousand["median"]), metrics.mae(rows["actual"], rows["median"]), 1000),
        (metrics.wape(thousand["actual"], thousand["median"]), metrics.wape(rows["actual"], rows["median"]), 1),
        (metrics.bias(thousand["actual"], thousand["median"]), metrics.bias(rows["actual"], rows["median"]), 1),
        (metrics.wis(*(thousand[n] for n in names)), metrics.wis(*(rows[n] for n in names)), 1000),
    ):
        assert found == pytest.approx(factor * before, rel=1e-12)


def test_seasonal_scale_counts_only_pairs_that_are_both_observed():
    """A gap removes its own pair and the pair a year later, no other."""
    volume = [10.0] * 12 + [13.0, 6.0, 10.0, 12.0, 11.0, 10.0, 99.0, 17.0]
    volume[6] = math.nan  # the partner of 99
    assert metrics.seasonal_scale(volume) == pytest.approx((3 + 4 + 0 + 2 + 1 + 0 + 7) / 7, rel=1e-15)
    assert metrics.seasonal_scale_squared(volume) == pytest.approx((9 + 16 + 0 + 4 + 1 + 0 + 49) / 7, rel=1e-15)


@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
@pytest.mark.parametrize(
    "volume",
    [[], [1.0] * 12, [1.0] * 12 + [2.0] * 5, [0.0] * 40, [5.0] * 12 + [7.0] * 5 + [math.nan]],
    ids=["empty", "one year", "five pairs", "all zero", "sixth pair missing"],
)
def test_a_series_without_six_pairs_or_without_movement_has_no_scale(scale, volume):
    """Fewer than six 12-month pairs, or no difference at all, gives NaN and not a number to divide by."""
    assert math.isnan(scale(volume))


def test_ratios_without_a_denominator_are_nan():
    """All actuals zero: a share of nothing is not a number, and nothing warns."""
    assert math.isnan(metrics.wape([0, 0], [1, 2]))
    assert math.isnan(metrics.bias([0, 0], [1, 2]))
    assert math.isnan(metrics.skill(1.0, 0.0))


def test_skill_is_negative_when_worse_than_naive():
    """Twice naive's error is a skill of minus one; a perfect score one."""
    assert (metrics.skill(8.0, 4.0), metrics.skill(0.0, 4.0)) == (-1.0, 1.0)


@pytest.mark.parametrize("function", [*LOSSES.values(), *metrics.MEASURES.values()], ids=[*LOSSES, *metrics.MEASURES])
def test_a_missing_value_raises_rather_than_counting_as_a_miss(function):
    """NaN among the actuals is the caller's rows to leave out, never a quiet number."""
    arguments = arguments_of(function, actual=[1.0, math.nan, math.inf])
    message = "actual has 2 missing or infinite of 3; leave those rows out."
    if function is metrics.skill:
        message = "skill: scores are nan and 1.0; both must be finite and not negative."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        function(**arguments)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: metrics.mae([], []), "actual is empty; there is nothing to score."),
        (
            lambda: metrics.mae([1, 2, 3], [1, 2]),
            "forecast has shape (2,); expected one number, or one for each of 3 rows.",
        ),
        (
            lambda: metrics.coverage([1, 2], [3, 0], [2, 2]),
            "1 lower bounds lie above their upper bounds; expected lower <= upper in every row.",
        ),
        (
            lambda: metrics.mase([1], [1], 0),
            "scale is 0; expected above zero, so leave out series without a scale.",
        ),
        (lambda: metrics.pinball([1], [1], tau=90), "pinball: tau is 90; a quantile lies strictly between 0 and 1."),
        (
            lambda: metrics.interval_score([1], [1], [2], level=100),
            "interval_score: level is 100; give percent strictly between 0 and 100, such as 80.",
        ),
        (
            lambda: metrics.skill(-1.0, 2.0),
            "skill: scores are -1.0 and 2.0; both must be finite and not negative.",
        ),
        (
            lambda: metrics.seasonal_scale([[1.0], [2.0]]),
            "volume_t has 2 dimensions; give one series of consecutive months.",
        ),
    ],
)
def test_errors_say_what_was_expected_and_found(call, message):
    """Each misuse is one sentence: what, what was expected, what was found."""
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        call()


@pytest.mark.parametrize("name", metrics.MEASURES)
def test_every_measure_documents_formula_reason_to_fail_paper_and_example(name):
    """A measure's docstring holds its formula, Raises, a DOI and a doctest, so that a report can quote it."""
    text = inspect.getdoc(metrics.MEASURES[name])
    assert all(part in text for part in ("``", "Raises", "doi 10.", ">>> "))


def metrics_bounds() -> list[str]:
    return ["median", "lower_80", "upper_80", "lower_95", "upper_95"]


def arguments_of(function, actual):
    """Arguments by name for any loss or measure, with this actual and ones everywhere else."""
    names = inspect.signature(function).parameters
    if "score" in names:
        return {"score": actual[1], "score_naive": 1.0}
    return {name: SETTINGS.get(name, actual if name == "actual" else [1.0, 1.0, 1.0]) for name in names}
