from __future__ import annotations

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from forecast.models import pooled
from forecast.models.naive import Naive
from forecast.models.pooled import DISTANCES, Pooled, PooledFit, SparseFit, krige
from forecast.tables.quantiles import QUANTILES

MONTHS = 84
AHEAD = 3
NAMES = [f"D{number:02d}" for number in range(40)]
AUTOREGRESSION, NOISE = 0.8, 0.2


def simulated(seed: int, months: int = MONTHS) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forty destinations with one season and autocorrelated noise of their own; and what to expect of each month."""
    rng = np.random.default_rng(seed)
    month = pd.period_range("2018-01", periods=months + AHEAD, freq="M")
    season = 0.4 * np.sin(2 * np.pi * np.arange(12) / 12) + 0.1 * np.cos(4 * np.pi * np.arange(12) / 12)
    noise = np.zeros((len(month), len(NAMES)))
    noise[0] = rng.normal(0, NOISE / np.sqrt(1 - AUTOREGRESSION**2), len(NAMES))
    for at in range(1, len(month)):
        noise[at] = AUTOREGRESSION * noise[at - 1] + rng.normal(0, NOISE, len(NAMES))
    mean = rng.normal(5, 2, len(NAMES)) + season[month.month - 1][:, None]
    distance = np.maximum(np.arange(len(month)) - months + 1, 0)[:, None]
    expected = mean + AUTOREGRESSION**distance * noise[np.minimum(np.arange(len(month)), months - 1)]
    return pd.DataFrame(mean + noise, month, NAMES), pd.DataFrame(expected, month, NAMES)


def plain(y: pd.Series) -> tuple[pd.Series, pd.DataFrame]:
    return y, pd.DataFrame(index=y.index)


def panel_of(logs: pd.DataFrame) -> dict:
    return {("p", name): plain(logs[name]) for name in logs}


def next_months(y: pd.Series, count: int = AHEAD) -> pd.DataFrame:
    return pd.DataFrame(index=pd.period_range(y.index[-1] + 1, periods=count, freq="M"))


def with_total(logs: pd.DataFrame) -> dict:
    return panel_of(logs) | {("p", "WLD"): plain(np.log(np.exp(logs).sum(axis=1)))}


def only(y: pd.Series, *places: int) -> pd.Series:
    """The series as it would be handed over with no more than these months observed."""
    kept = y.where(np.isin(np.arange(len(y)), places))
    return kept[places[0] :]


def half_width(bounds: pd.DataFrame) -> pd.Series:
    return bounds["upper_80"] - bounds["median"]


def test_it_beats_the_last_month_and_comes_close_to_the_truth() -> None:
    """On destinations with a common season its error is well below naive's and near that of the true expectation."""
    errors = []
    for seed in range(5):
        logs, expected = simulated(seed)
        panel = panel_of(logs[:MONTHS])
        fits = Pooled().fit(panel)
        for name in NAMES:
            ahead = next_months(logs[name][:MONTHS])
            forecasts = [fits["p", name].predict(ahead), Naive().fit(*panel["p", name]).predict(ahead)]
            medians = [bounds["median"].to_numpy() for bounds in forecasts] + [expected[name][MONTHS:].to_numpy()]
            errors.append([np.abs(logs[name][MONTHS:].to_numpy() - median) for median in medians])
    pooled, naive, truth = np.mean(errors, axis=(0, 2))
    assert pooled < 0.85 * naive
    assert pooled < 1.1 * truth


def test_its_intervals_hold_as_often_as_they_say() -> None:
    """One month ahead in 200 independent destinations, coverage of 80 and 95 % stays within binomial bounds."""
    held = []
    for seed in range(5):
        logs, _ = simulated(seed)
        fits = Pooled().fit(panel_of(logs[:MONTHS]))
        for name in NAMES:
            actual, bounds = (
                logs[name].iloc[MONTHS],
                fits["p", name].predict(next_months(logs[name][:MONTHS], 1)).iloc[0],
            )
            held.append([bounds[f"lower_{level}"] <= actual <= bounds[f"upper_{level}"] for level in (80, 95)])
    for level, count in zip((0.8, 0.95), np.sum(held, axis=0), strict=True):
        low, high = binom.interval(0.998, 200, level)
        assert low <= count <= high


def events(affected: list[str], first: int, months: int) -> dict[str, pd.DataFrame]:
    month = pd.period_range("2018-01", periods=months, freq="M")
    licensed = (np.arange(months) >= first).astype(float)
    return {name: pd.DataFrame({"licensing": licensed * (name in affected)}, month) for name in NAMES}


def test_an_event_seen_elsewhere_moves_a_destination_that_meets_it_first() -> None:
    """Ten destinations lost 70 % at a licence; one that comes under it next month is forecast to lose about as much."""
    logs, _ = simulated(0)
    X = events(NAMES[:10], 60, MONTHS + 1)
    panel = {
        ("p", name): (logs[name][:MONTHS] - 1.2 * X[name]["licensing"][:MONTHS], X[name][:MONTHS]) for name in NAMES
    }
    fit = Pooled().fit(panel)["p", NAMES[-1]]
    calm = X[NAMES[-1]][MONTHS:]
    without, struck = fit.predict(calm), fit.predict(calm + 1)
    moved = (struck["median"] - without["median"]).iloc[0]
    assert -1.4 < moved < -1.0
    assert half_width(struck).iloc[0] > half_width(without).iloc[0]
    effect = fit.effects().loc["licensing"]
    assert effect["lower"] < -1.2 < effect["upper"]
    assert effect["estimate"] == pytest.approx(moved)


def test_an_event_that_nobody_has_met_is_wide_by_the_prior_of_coefficients() -> None:
    """Without any experience the median stays, and the variance grows by that of a coefficient."""
    logs, _ = simulated(0)
    X = events([], 0, MONTHS + 1)
    fit = Pooled(coefficient_sd=0.5).fit({("p", name): (logs[name][:MONTHS], X[name][:MONTHS]) for name in NAMES})[
        "p", "D00"
    ]
    calm = X["D00"][MONTHS:]
    without, struck = fit.predict(calm), fit.predict(calm + 1)
    np.testing.assert_allclose(struck["median"], without["median"], rtol=1e-12)
    sd = [half_width(bounds).iloc[0] / 1.2815515655446004 for bounds in (without, struck)]
    assert sd[1] ** 2 - sd[0] ** 2 == pytest.approx(0.5**2)


def test_a_prior_moves_and_widens_its_own_series_alone() -> None:
    """A prior of -0.7 with sd 0.4 on a destination moves it by that and adds 0.16 to its variance, and no other's."""
    logs, _ = simulated(0)
    X = events([], 0, MONTHS + 1)
    panel = {("p", name): (logs[name][:MONTHS], X[name][:MONTHS]) for name in NAMES}
    priors = {("p", "D00"): pd.DataFrame({"mean": [-0.7], "sd": [0.4]}, index=["licensing"])}
    flat, informed = Pooled().fit(panel), Pooled().fit(panel, priors)
    calm = X["D00"][MONTHS:]
    without, struck = informed["p", "D00"].predict(calm), informed["p", "D00"].predict(calm + 1)
    assert (struck["median"] - without["median"]).iloc[0] == pytest.approx(-0.7)
    sd = [half_width(bounds).iloc[0] / 1.2815515655446004 for bounds in (without, struck)]
    assert sd[1] ** 2 - sd[0] ** 2 == pytest.approx(0.4**2)
    pd.testing.assert_frame_equal(informed["p", "D01"].predict(calm + 1), flat["p", "D01"].predict(calm + 1))
    effect = informed["p", "D00"].effects().loc["licensing"]
    np.testing.assert_allclose(effect, [-0.7, -0.7 - 0.784, -0.7 + 0.784], atol=1e-3)


def test_a_prior_is_forgotten_once_the_level_has_seen_the_event() -> None:
    """Three months into an event its effect is in the level: a wrong prior then changes neither median nor width."""
    logs, _ = simulated(0)
    X = events(["D00"], MONTHS - 3, MONTHS + 1)
    panel = {("p", name): (logs[name][:MONTHS], X[name][:MONTHS]) for name in NAMES[:1]}
    ahead = X["D00"][MONTHS:]
    priors = [{("p", "D00"): pd.DataFrame({"mean": [0.0], "sd": [sd]}, index=["licensing"])} for sd in (0.1, 2.0)]
    narrow, wide = (Pooled().fit(panel, prior)["p", "D00"].predict(ahead) for prior in priors)
    pd.testing.assert_frame_equal(narrow, wide)


def test_two_months_are_much_wider_than_the_whole_series() -> None:
    """A destination of which two old months are known is at least twice as wide as the same one in full."""
    logs, _ = simulated(1)
    whole = with_total(logs[:MONTHS])
    sparse = whole | {("p", "D05"): plain(only(logs["D05"][:MONTHS], 10, 22))}
    ahead = next_months(logs["D05"][:MONTHS])
    full, share = Pooled().fit(whole)["p", "D05"], Pooled().fit(sparse)["p", "D05"]
    assert (type(full), type(share)) == (PooledFit, SparseFit)
    assert (half_width(share.predict(ahead)) > 2 * half_width(full.predict(ahead))).all()


def test_a_share_without_noise_is_the_share_of_the_total_s_forecast() -> None:
    """A destination that always takes a tenth is forecast at a tenth of the total."""
    logs, _ = simulated(1)
    total = logs["D00"][:MONTHS]
    panel = {("p", "WLD"): plain(total), ("p", "ITA"): plain(only(total + np.log(0.1), 30, 40, 70))}
    fits = Pooled().fit(panel)
    ahead = next_months(total)
    expected = fits["p", "WLD"].predict(ahead)["median"] + np.log(0.1)
    np.testing.assert_allclose(fits["p", "ITA"].predict(ahead)["median"], expected, atol=1e-9)


def test_an_event_on_all_leaves_shares_alone() -> None:
    """Under a licence for everyone a destination known only from before it loses as much as the total."""
    logs, _ = simulated(1)
    X = events(NAMES, 60, MONTHS + AHEAD)["D00"]
    struck = {name: (logs[name][:MONTHS] - 1.2 * X["licensing"][:MONTHS], X[:MONTHS]) for name in NAMES}
    total = (struck["D00"][0], X[:MONTHS])
    sparse = (only(struck["D00"][0], 30, 40), X[30:MONTHS])
    panel = {("p", name): struck[name] for name in NAMES[1:]} | {("p", "WLD"): total, ("p", "ITA"): sparse}
    fits = Pooled().fit(panel)
    medians = [fits["p", name].predict(X[MONTHS:])["median"] for name in ("ITA", "WLD")]
    np.testing.assert_allclose(medians[0], medians[1], atol=1e-9)


def test_kriging_weighs_noise_against_drift() -> None:
    """The prediction is that of the Gaussian random walk with noise: here by conditioning its covariance directly."""
    known, ahead, noise, step = np.array([3, 4, 9, 20]), np.array([24, 31]), 0.3, 0.05
    months = np.concatenate([known, ahead])
    covariance = 1e6 + step * np.minimum.outer(months, months) + noise * np.eye(6)
    gain = np.linalg.solve(covariance[:4, :4], covariance[:4, 4:])
    variance = np.diag(covariance[4:, 4:] - covariance[4:, :4] @ gain)
    weights, found = krige(known, ahead, noise, step)
    np.testing.assert_allclose(weights, gain.T, atol=1e-5)
    np.testing.assert_allclose(found, variance, rtol=1e-4)


@pytest.mark.parametrize("shifted", [[*NAMES, "WLD"], ["D05"], ["WLD"], ["D07"]], ids=len)
def test_a_change_of_unit_changes_nothing_else(shifted: list[str]) -> None:
    """A thousand times some volumes gives a thousand times their forecasts and leaves the others; D05 is sparse."""
    logs, _ = simulated(2)
    panel = with_total(logs[:MONTHS]) | {("p", "D05"): plain(only(logs["D05"][:MONTHS], 10, 22, 70))}
    moved = {key: (y + np.log(1000) * (key[1] in shifted), X) for key, (y, X) in panel.items()}
    before, after = Pooled().fit(panel), Pooled().fit(moved)
    ahead = next_months(logs[:MONTHS])
    for key, fit in before.items():
        difference = after[key].predict(ahead) - fit.predict(ahead)
        np.testing.assert_allclose(difference, np.log(1000) * (key[1] in shifted), atol=1e-9)


def test_the_order_of_the_panel_is_of_no_consequence() -> None:
    """The same series in another order give the same forecasts to the last digit, in that order."""
    logs, _ = simulated(3)
    panel = with_total(logs[:MONTHS]) | {("p", "D05"): plain(only(logs["D05"][:MONTHS], 10, 22, 70))}
    backward = dict(reversed(panel.items()))
    first, second = Pooled().fit(panel), Pooled().fit(backward)
    assert list(second) == list(reversed(first))
    ahead = next_months(logs[:MONTHS])
    for key, fit in first.items():
        pd.testing.assert_frame_equal(fit.predict(ahead), second[key].predict(ahead), check_exact=True)


def test_products_differ_in_length_and_inputs_stay_as_they_are() -> None:
    """Series from 12 to 84 months with gaps, at their ends too, are fitted together; nothing handed in is changed."""
    logs, _ = simulated(4)
    cut = {name: logs[name][MONTHS - max(12, 2 * at) : MONTHS].copy() for at, name in enumerate(NAMES)}
    cut["D20"].iloc[-5:] = np.nan
    cut["D30"].iloc[3::4] = np.nan
    panel = {(f"p{at % 3}", name): plain(y) for at, (name, y) in enumerate(cut.items())}
    copies = {key: y.copy() for key, (y, _) in panel.items()}
    fits = Pooled().fit(panel)
    assert list(fits) == list(panel)
    for key, fit in fits.items():
        bounds = fit.predict(next_months(panel[key][0], 70))
        assert bounds.columns.tolist() == [*QUANTILES]
        assert np.isfinite(bounds).all(axis=None)
        ordered = bounds[["lower_95", "lower_80", "median", "upper_80", "upper_95"]].diff(axis=1).iloc[:, 1:]
        assert (ordered > 0).all(axis=None)
        pd.testing.assert_series_equal(panel[key][0], copies[key])


def test_months_without_figures_before_the_cutoff_widen_the_interval() -> None:
    """A destination whose own figures end half a year before the others is forecast over the longer distance."""
    logs, _ = simulated(5)
    panel = panel_of(logs[:MONTHS])
    stale = panel | {("p", "D00"): plain(logs["D00"][:MONTHS].mask(np.arange(MONTHS) >= MONTHS - 6))}
    ahead = next_months(logs[:MONTHS], 1)
    widths = [half_width(Pooled().fit(each)["p", "D00"].predict(ahead)).iloc[0] for each in (panel, stale)]
    assert widths[1] > 1.2 * widths[0]


def test_series_without_a_share_to_take_go_by_their_own_level_and_come_out_wide() -> None:
    """One month, two of a total, eleven: each has a forecast, the wider the fewer months are known."""
    logs, _ = simulated(6)
    few = {
        ("p", "ONE"): plain(only(logs["D00"][:MONTHS], MONTHS - 1)),
        ("q", "WLD"): plain(only(logs["D00"][:MONTHS], 20, 30)),
        ("r", "USA"): plain(logs["D00"][MONTHS - 11 : MONTHS]),
    }
    fits = Pooled().fit(with_total(logs[:MONTHS]) | few)
    ahead = next_months(logs[:MONTHS], 1)
    full, one, old, eleven = (half_width(fits[key].predict(ahead)).iloc[0] for key in [("p", "D00"), *few])
    assert min(one, old) > eleven > full
    level = few["q", "WLD"][0].dropna()
    assert level.min() <= fits["q", "WLD"].predict(ahead)["median"].iloc[0] <= level.max()


def test_a_known_effect_takes_a_sparse_level_down() -> None:
    """Two months known before a ban whose effect has a prior: the level times that effect, its sd in the interval."""
    logs, _ = simulated(6)
    y, X = plain(only(logs["D00"][:MONTHS], MONTHS - 3, MONTHS - 2))
    ahead = next_months(logs[:MONTHS], 1)
    banned = {"X": X.assign(ban=0.0), "ahead": ahead.assign(ban=1.0)}
    prior = pd.DataFrame({"mean": [-1.5], "sd": [0.8]}, index=["ban"])
    panel = with_total(logs[:MONTHS])
    without = Pooled().fit(panel | {("q", "WLD"): (y, X)})["q", "WLD"].predict(ahead)
    fit = Pooled().fit(panel | {("q", "WLD"): (y, banned["X"])}, {("q", "WLD"): prior})["q", "WLD"]
    with_ban = fit.predict(banned["ahead"])
    assert with_ban["median"].iloc[0] == pytest.approx(without["median"].iloc[0] - 1.5)
    sd, wider = (float(half_width(bounds).iloc[0]) / 1.2816 for bounds in (without, with_ban))
    assert wider**2 == pytest.approx(sd**2 + 0.8**2, rel=1e-3)


def test_a_panel_without_a_full_series_teaches_nothing() -> None:
    """Every series is refused in a sentence."""
    logs, _ = simulated(6)
    panel = {("r", "USA"): plain(logs["D02"][:11])}
    assert Pooled().fit(panel) == {}
    sentence = "pooled needs 12 observed months of some series to learn from, and found none."
    assert Pooled().refusals(panel)["r", "USA"] == sentence


def test_beyond_the_longest_distance_learned_the_variance_grows_in_proportion() -> None:
    """Three times as far as the panel was asked, the interval is wider by the root of three."""
    logs, _ = simulated(7)
    bounds = Pooled().fit(panel_of(logs[:MONTHS]))["p", "D00"].predict(next_months(logs[:MONTHS], 36))
    near, far = (half_width(bounds).iloc[distance - 1] for distance in (DISTANCES[-1], 36))
    assert far == pytest.approx(near * np.sqrt(3), rel=0.05)


def test_a_sparse_destination_may_have_regressors_of_its_own() -> None:
    """Effects that no full series has met are unknown each on its own: their variances add."""
    logs, _ = simulated(8)
    total = logs["D00"][:MONTHS]
    sparse = only(total - 2, 30, 40)
    X = pd.DataFrame({"ban": 0.0, "quota": 0.0}, index=sparse.index)
    fit = Pooled().fit({("p", "WLD"): plain(total), ("p", "ITA"): (sparse, X)})["p", "ITA"]
    calm = next_months(total, 1).assign(ban=0.0, quota=0.0)
    sd = [half_width(fit.predict(calm + step)).iloc[0] / 1.2815515655446004 for step in (0, 1)]
    assert sd[1] ** 2 - sd[0] ** 2 == pytest.approx(2 * 0.5**2)
    np.testing.assert_allclose(fit.effects(), [[0, -0.98, 0.98]] * 2, atol=1e-3)


def test_the_regression_is_the_same_however_few_rows_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than the stated rows are made at a time, since those of a large panel together are gigabytes."""
    logs, _ = simulated(3)
    panel = panel_of(logs[:MONTHS])
    made, rows = [], pooled.TrainingPanel.rows
    monkeypatch.setattr(pooled.TrainingPanel, "rows", lambda *of: made.append(len(of[2])) or rows(*of))
    rules = []
    for most in (10**6, 1000):
        monkeypatch.setattr(pooled, "ROWS", most)
        made.clear()
        rules.append(Pooled().fit(panel)["p", NAMES[0]].rule)
        assert max(made) <= most
    whole, blocks = rules
    assert len(made) > 10
    for name in ("coefficients", "covariance", "by_distance", "by_series", "own", "unlike"):
        np.testing.assert_allclose(getattr(blocks, name), getattr(whole, name), rtol=1e-9, atol=1e-13)


@pytest.mark.slow
def test_a_fit_takes_little_more_memory_than_the_regressors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker of a backtest holds the regressors of a whole panel: what else there is of each row counts."""
    rng, month = np.random.default_rng(0), pd.period_range("2018-01", periods=96, freq="M")
    names = [f"kind{place}_step" for place in range(10)]
    panel = {
        ("p", f"D{number:03d}"): (
            pd.Series(rng.normal(size=96), month),
            pd.DataFrame(rng.random((96, 10)), month, names),
        )
        for number in range(300)
    }
    monkeypatch.setattr(pooled, "ROWS", 500)
    tracemalloc.start()
    Pooled().fit(panel)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 * sum(X.to_numpy().nbytes for _, X in panel.values())


def test_each_series_is_looked_at_once_to_say_why_none_has_a_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """A large panel in its first year is refused without going through all series for each of them."""
    logs, _ = simulated(3)
    panel, looks, full = panel_of(logs[:6]), [], pooled._full
    monkeypatch.setattr(pooled, "_full", lambda y: looks.append(1) or full(y))
    assert list(Pooled().refusals(panel)) == list(panel)
    assert len(looks) == len(panel)
