"""Laws of the structural model: what is planted is recovered, what is known is kept, nothing is absolute."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from forecast.episodes.alone import MILD, path_terms
from forecast.episodes.course import FORCE, LIFTS, Episode, exposure, left_to_strike, measures_below
from forecast.episodes.panel import structural_forecasts
from forecast.episodes.path_priors import STATED, PathPrior, stated
from forecast.episodes.structural import fit_structural
from forecast.episodes.transit import log_effect
from forecast.kernels.arrays import floor_of

KEY = ("w", "USA")
MONTHS = pd.period_range("2019-01", periods=84, freq="M")


def noisy(count=72, sd=0.1, seed=0, level=100.0):
    rng = np.random.default_rng(seed)
    return pd.Series(level * np.exp(rng.normal(0, sd, count)), MONTHS[:count])


def ban(start, ends=None, name="b", kind="ban", announced=None):
    return Episode(name, kind, announced or start, start, ends, 1.0, (name,))


def under(volume, episode, path, lag):
    effect, _ = log_effect(np.asarray(path), exposure(episode, pd.PeriodIndex(volume.index), lag))
    return volume * np.exp(effect)


def forecast(volume, episodes=(), ahead=1):
    return dict(structural_forecasts({KEY: volume}, {KEY: tuple(episodes)}, ahead))[KEY]


def median(volume, episodes=(), ahead=1):
    return forecast(volume, episodes, ahead).volumes()["median"].to_numpy()


def test_goods_in_transit_are_recognised():
    """Two bans whose ends act 30 days late: the lag is found, and a third's first and second month are right."""
    first, second = ban(date(2020, 3, 1), date(2020, 9, 1), "a"), ban(date(2022, 3, 1), date(2022, 9, 1), "b")
    volume = under(under(noisy(), first, STATED["ban"], 30), second, STATED["ban"], 30)
    third = ban(date(2025, 1, 1), None, "c")
    fit = forecast(volume, (first, second, third), 3)
    assert max(fit.fit.lags(), key=fit.fit.lags().get) == 30
    volumes = fit.volumes()["median"]
    assert volumes["2025-01"] > 75
    assert volumes["2025-02"] < 40


@pytest.mark.parametrize("past", [(), (ban(date(2022, 3, 1), date(2022, 9, 1), "a"),)])
def test_a_measure_to_come_leaves_the_months_before_it(past):
    """Known or not that a licence begins in three months, the forecast of the month before its notice is the same."""
    volume = noisy(sd=0.3)
    to_come = ban(date(2025, 3, 1), None, "c", "licensing", date(2025, 2, 20))
    sibling = {("w", "DEU"): noisy(seed=1)}, {("w", "DEU"): (ban(date(2024, 3, 1), None, "d", "licensing"),)}
    with_it, without = (
        dict(structural_forecasts({KEY: volume, **sibling[0]}, {KEY: own, **sibling[1]}, 3))[KEY].volumes()
        for own in ((*past, to_come), past)
    )
    assert with_it["median"].iloc[2] < without["median"].iloc[2]
    np.testing.assert_allclose(with_it.iloc[:1], without.iloc[:1], rtol=1e-9)


def test_the_planted_effect_is_recovered():
    """A ban of ten months: the posterior of the months in force is within 2.5 sds of it at five knots."""
    episode = ban(date(2023, 6, 1))
    fit = forecast(under(noisy(), episode, STATED["ban"], 0), [episode])
    path = fit.fit.path(0)
    apart = (path.mean - np.array(STATED["ban"]))[FORCE][:5] / np.sqrt(np.diag(path.covariance))[FORCE][:5]
    assert np.abs(apart).max() < 2.5


@pytest.mark.parametrize("kind", sorted(STATED.keys() - {"diversion"}))
def test_a_measure_never_raises_and_an_easing_never_lowers(kind):
    """Where nothing is known but the kind, months in force move the way the kind says, at every month ahead."""
    episode = ban(date(2025, 1, 1), kind=kind)
    moved, plain = median(noisy(), [episode], 6), median(noisy(), [], 6)
    tightening = STATED[kind][2] < 0
    assert (moved <= plain * 1.001).all() if tightening else (moved >= plain * 0.999).all()


@pytest.mark.parametrize("kind", ["licensing", "tariff", "ban"])
def test_a_second_measure_on_top_of_the_first_lowers_the_forecast(kind):
    """A new row of a kind that is already in force moves the forecast, and down."""
    first, second = ban(date(2023, 1, 1), None, "a", kind), ban(date(2024, 12, 20), None, "b", kind)
    volume = under(noisy(), first, STATED[kind], 0)
    assert median(volume, [first, second], 2)[1] < 0.97 * median(volume, [first], 2)[1]


def test_a_mild_first_and_a_complete_second_episode_are_both_recovered():
    """Two episodes of one kind differ: the first path within 2.5 sds, and the next month of the second is near zero."""
    mild, whole = np.array(STATED["ban"]) * 0.1, np.where(np.array(STATED["ban"]) < -1, -5.0, 0.0)
    first, second = ban(date(2021, 3, 1), date(2021, 12, 1), "a"), ban(date(2024, 10, 1), None, "b")
    volume = under(under(noisy(), first, mild, 0), second, whole, 0)
    fit = forecast(volume, [first, second])
    held = [abs(fit.fit.path(0).mean[k] - mild[k]) < 2.5 * np.sqrt(fit.fit.path(0).covariance[k, k]) for k in (1, 2, 3)]
    assert all(held)
    assert fit.volumes()["median"].iloc[0] < 6


def test_a_second_measure_long_after_the_first_strikes_what_has_come_back():
    """Trade that came back under a ban of ten years is struck by a second one as by a first."""
    months = pd.period_range("2010-01", periods=150, freq="M")
    volume = pd.Series(100 * np.exp(np.random.default_rng(5).normal(0, 0.1, 150)), months)
    volume.iloc[24:30] = 2.0
    first = ban(date(2012, 1, 1), name="a")
    second = ban(date(2022, 7, 1), name="b")
    early = ban(date(2012, 9, 1), name="b")
    kept = median(volume, [first], 4)[-1]
    assert median(volume, [first, second], 4)[-1] < 0.3 * kept
    assert left_to_strike(early, [first, early], stated("ban").mean) < 0.1


@pytest.mark.parametrize("kind", sorted(LIFTS))
def test_an_easing_lifts_what_a_ban_took(kind):
    """Its first month may bring back some of it; a month that did says that most of the next comes too."""
    barred = ban(date(2024, 1, 1))
    eased = ban(date(2024, 11, 1), None, "l", kind, date(2024, 10, 25))
    volume = under(noisy(), barred, STATED["ban"], 0)
    before, back = volume[:"2024-10"], volume[:"2024-11"].copy()
    with_it, without = (forecast(before, own).volumes().iloc[0] for own in ((barred, eased), (barred,)))
    assert with_it["median"] > 1.1 * without["median"]
    assert with_it["upper_95"] > 3 * without["upper_95"]
    back["2024-11"] = 40.0
    assert 30 < median(back, (barred, eased))[0] < 120


@pytest.mark.parametrize("kind", MILD)
def test_a_duty_that_stops_trade_ends_as_a_ban_does(kind):
    """After three years without any the first months of what comes back are those after a ban, and near what was."""
    ends, whole = date(2024, 12, 1), pd.Series(np.where(MONTHS[:71] < "2022-01", noisy(71), 0.0), MONTHS[:71])
    duty, barred = (ban(date(2022, 1, 1), ends, kind=own) for own in (kind, "ban"))
    found, expected = (median(whole, [one], 4) for one in (duty, barred))
    assert expected[3] > 50
    np.testing.assert_allclose(found, expected, rtol=0.3)


@pytest.mark.parametrize("kind", MILD)
def test_what_took_nearly_all_for_years_becomes_no_level(kind):
    """Three years of three in a hundred are the measure's doing: half a year after its end the volume is as it was."""
    left = np.where(MONTHS[:71] < "2022-01", 1.0, 0.03)
    measure = ban(date(2022, 1, 1), date(2024, 12, 1), kind=kind)
    assert 70.0 < median(left * noisy(71), [measure], 8)[7] < 140.0


@pytest.mark.parametrize("kind", MILD)
def test_a_duty_that_takes_some_of_the_trade_is_no_ban(kind):
    """The course of a ban has next to no weight where a measure did what its kind does."""
    episode = ban(date(2024, 1, 1), None, "a", kind)
    fit = forecast(under(noisy(), episode, STATED[kind], 0), [episode]).fit
    assert fit.as_believed > 0.98
    assert forecast(noisy(), [ban(date(2024, 1, 1), kind="ban")]).fit.as_believed == 1.0


def test_an_empty_month_as_before_is_no_ban():
    """Where one month in five is empty, one under a mild measure says little of a ban; six say that it is one."""
    lumpy = noisy(sd=0.4).where(MONTHS[:72].month % 5 > 0, 0.0)
    believed = {}
    for empty in (1, 6):
        volume = lumpy.where(lumpy.index < MONTHS[72 - empty], 0.0)
        listed = ban(MONTHS[71 - empty].start_time.date(), None, "a", "listing")
        believed[empty] = forecast(volume, [listed]).fit.as_believed
    assert believed[1] > 0.75
    assert believed[6] < 0.1


def test_an_easing_that_names_no_goods_lifts_no_ban():
    """A truce on all goods is of the trade between two countries, and not of a ban for another reason."""
    barred = ban(date(2024, 1, 1))
    truce = replace(ban(date(2024, 11, 1), None, "l", "truce"), names_goods=False)
    volume = under(noisy(), barred, STATED["ban"], 0)[:"2024-10"]
    assert median(volume, (barred, truce))[0] < 1.3 * median(volume, (barred,))[0]


def test_a_ban_that_ends_under_an_easing_makes_no_dip():
    """What an easing brought back stays when the ban is over, and nothing comes back twice."""
    barred = ban(date(2023, 1, 1), date(2024, 12, 1))
    eased = ban(date(2023, 11, 1), date(2024, 12, 1), "l", "general_licence")
    volume = noisy()
    volume["2023-01":"2023-10"] = 1.0
    ahead = median(volume[:"2024-11"], (barred, eased), 3)
    assert (ahead > 70).all()
    assert (ahead < 200).all()


def test_names_do_not_order_measures_of_one_day():
    """Which of two measures strikes what the other left is not for their names to say."""
    first, second = ban(date(2024, 6, 1), None, "a", announced=date(2024, 5, 1)), ban(date(2024, 6, 1), None, "b")
    swapped = replace(first, name="b"), replace(second, name="a")
    for early, late in ((first, second), swapped):
        assert measures_below(late, [early, late]) == [early]
        assert measures_below(early, [early, late]) == []


def test_a_series_without_trade_before_a_measure_teaches_nothing():
    """Months of zeros on both sides of a ban have stopped nothing: siblings are forecast as if they were not there."""
    measure = (ban(date(2024, 6, 1)),)
    volume, other = noisy(66), ("w", "DEU")
    silent = pd.Series(0.0, volume.index)
    alone = dict(structural_forecasts({KEY: volume}, {KEY: measure}, 1, wanted=[KEY]))[KEY]
    both, measures = {KEY: volume, other: silent}, {KEY: measure, other: measure}
    beside = dict(structural_forecasts(both, measures, 1, wanted=[KEY]))[KEY]
    assert beside.volumes().to_numpy() == pytest.approx(alone.volumes().to_numpy(), rel=1e-9)


def test_four_siblings_that_stopped_make_the_fifth_stop():
    """The destinations of one episode share it; a stop is the same news whether nothing or a hundredth is left."""
    episode = ban(date(2024, 7, 1), date(2025, 2, 1), "a")
    coming = ban(date(2025, 1, 1), None, "b")
    for left in (0.0, 0.1, 1.0):
        panel = {("w", code): noisy(seed=at) for at, code in enumerate(("USA", "DEU", "JPN", "KOR", "VNM"))}
        for code in ("USA", "DEU", "JPN", "KOR"):
            panel["w", code].loc["2024-07":] = left
        episodes = dict.fromkeys(panel, (episode,)) | {("w", "VNM"): (coming,)}
        found = dict(structural_forecasts(panel, episodes, 2))["w", "VNM"].volumes()["median"].iloc[1]
        assert found < 12


def test_a_figure_that_goes_to_zero_moves_the_forecast_without_a_jump():
    """Forecasts fall with the last figure and are all but equal below what the floor can tell."""
    found = []
    for last in (0.0, 0.001, 0.008, 0.1, 1.0, 10.0):
        volume = noisy(60, level=1000.0)
        volume.iloc[-1] = last
        found.append(median(volume)[0])
    assert found == sorted(found)
    assert found[1] / found[0] < 1.001
    assert found[2] / found[0] < 1.01


@pytest.mark.parametrize("zeros", [0, 5])
def test_a_thousand_times_the_volume_is_a_thousand_times_the_forecast(zeros):
    """Nothing is absolute in tonnes: bounds scale too, exactly but for rounding."""
    volume = noisy()
    volume.iloc[20 : 20 + zeros] = 0.0
    episode = ban(date(2024, 10, 1))
    small, large = forecast(volume, [episode], 3).volumes(), forecast(volume * 1000, [episode], 3).volumes()
    assert large.to_numpy() == pytest.approx(1000 * small.to_numpy(), rel=1e-7, abs=1e-9)


def test_a_series_of_zeros_scales_with_its_product():
    """Where every figure is zero the bounds are those of the product's scale."""
    zero = pd.Series(0.0, MONTHS[:72])
    bounds = [
        dict(structural_forecasts({KEY: zero, ("w", "DEU"): scale * noisy()}, {}, 1))[KEY].volumes()["upper_95"].iloc[0]
        for scale in (1, 1000)
    ]
    assert bounds[1] == pytest.approx(1000 * bounds[0], rel=1e-6)


def test_equal_years_give_the_same_year_again():
    """Five equal years: the sixth is the same, February after two with a day more too, and inside its interval."""
    year = np.array([100, 80, 120, 90, 110, 105, 95, 130, 70, 100, 85, 115.0])
    volume = pd.Series(np.tile(year, 5), MONTHS[12:72])
    found = forecast(volume, [], 12).volumes()
    assert found["median"].to_numpy() == pytest.approx(year, rel=0.002)
    assert ((found["lower_80"] <= year) & (year <= found["upper_80"])).all()


def test_ten_tonnes_a_day_are_280_in_february():
    """Months have lengths; a constant per day stays one."""
    volume = pd.Series(10.0 * MONTHS[:73].days_in_month, MONTHS[:73])
    assert median(volume)[0] == pytest.approx(280.0, rel=1e-6)


def test_what_is_on_throughout_keeps_its_prior_spread():
    """An episode in force in every month is no other than the level: the release at its end is as unsure as before."""
    episode = ban(date(2015, 1, 1), date(2024, 12, 1))
    found = forecast(noisy(), [episode], 3)
    prior = stated("ban")
    path = found.fit.path(0)
    assert np.sqrt(path.covariance[6, 6]) == pytest.approx(np.sqrt(prior.covariance[6, 6]), rel=0.15)
    wide = found.volumes().iloc[-1]
    assert wide["upper_80"] / wide["median"] > 2.5


def test_parts_add_up_to_the_log_median():
    """Level, season and episodes are the whole forecast, whatever the mixture."""
    episode = ban(date(2024, 11, 20), announced=date(2024, 11, 1))
    fit = forecast(under(noisy(), episode, STATED["ban"], 15), [episode], 3).fit
    assert fit.parts().sum(axis=1).to_numpy() == pytest.approx(fit.predict()["median"].to_numpy(), abs=1e-12)


@pytest.mark.parametrize("kind", ["ban", "licensing"])
def test_customers_lost_under_a_measure_do_not_come_back_in_one_month(kind):
    """A fifth of the volume for two and a half years and a quarter after: month after month about the last ones."""
    whole = pd.Series(np.repeat([100.0, 20.0, 25.0], [30, 30, 15]), MONTHS[:75]) * noisy(75, 0.05) / 100
    licence = ban(date(2021, 7, 1), date(2024, 1, 1), "a", kind)
    for known in range(64, 75):
        assert 17 < median(whole[:known], (licence,))[0] < 45


@pytest.mark.parametrize("kind", ["ban", "licensing"])
def test_a_month_that_is_back_says_that_the_next_is_normal(kind):
    """Next to nothing for 14 months, and all of it in the first month after: the second is no record."""
    path = np.array(STATED[kind])
    path[FORCE.stop :] = 0.0
    measure = ban(date(2023, 7, 20), date(2024, 9, 28), "a", kind)
    siblings = {("w", code): under(noisy(70, 0.1, seed), measure, path, 0) for seed, code in enumerate(("USA", "DEU"))}
    fits = dict(structural_forecasts(siblings, dict.fromkeys(siblings, (measure,)), 2))
    for fit in fits.values():
        assert (fit.volumes()["median"] < 130).all()
        assert (fit.volumes()["median"] > 70).all()


@pytest.mark.parametrize("days", [1, 5])
def test_a_halt_of_some_days_leaves_the_next_month_alone(days):
    """At most an eighth of it."""
    halt = ban(date(2025, 1, 4), date(2025, 1, 4 + days), "a")
    with_it, without = (median(noisy(), own, 3) for own in ((halt,), ()))
    assert (with_it > 0.7 * without).all()
    assert with_it[1] > 0.875 * without[1]


def test_gaps_are_months_without_news():
    """A missing month moves nothing but what it would have said; a month more of gap widens the interval."""
    volume = noisy()
    gap = volume.copy()
    gap.iloc[-1] = np.nan
    narrow, wide = forecast(volume).fit.predict().iloc[0], forecast(gap).fit.predict().iloc[0]
    assert wide["upper_80"] - wide["lower_80"] > 0.99 * (narrow["upper_80"] - narrow["lower_80"])


def test_adjusted_logs_are_the_series_without_the_measure():
    """Logs less the believed effect are near the level before; what is added back ahead is near the planted effect."""
    episode = ban(date(2024, 6, 1))
    found = forecast(under(noisy(sd=0.05), episode, STATED["ban"], 0), [episode])
    past, ahead, covariance = found.fit.believed()
    adjusted = found.y - past
    assert adjusted.iloc[-5:].mean() == pytest.approx(np.log(100), abs=0.5)
    assert ahead.iloc[0] == pytest.approx(-3.0, abs=0.6)
    assert covariance[0, 0] > 0


def test_the_floor_follows_the_scale():
    """One hundredth of the median positive month; zeros and gaps do not count."""
    assert floor_of(np.array([100.0, 0.0, np.nan, 300.0, 200.0])) == pytest.approx(2.0)


def test_a_wider_horizon_changes_no_nearer_month():
    """What is said of next month does not depend on how far ahead is asked."""
    episode = ban(date(2025, 1, 10))
    assert median(noisy(), [episode], 1)[0] == pytest.approx(median(noisy(), [episode], 6)[0], rel=1e-9)


def test_a_prior_of_another_kind_is_used_as_given():
    """Experience replaces the stated prior of its kind."""
    experience = {"ban": PathPrior(np.zeros(11), 1e-6 * np.eye(11))}
    episode = ban(date(2025, 1, 1))
    found = dict(structural_forecasts({KEY: noisy()}, {KEY: (episode,)}, 1, experience))[KEY]
    assert found.volumes()["median"].iloc[0] == pytest.approx(median(noisy())[0], rel=0.02)


def test_too_short_is_refused_in_one_sentence():
    """A series without any month is refused."""
    from forecast.models.protocol import FitError

    with pytest.raises(FitError, match=r"needs 1 observed month and found 0\."):
        fit_structural(
            pd.Series([np.nan], MONTHS[:1]), path_terms([ban(date(2019, 1, 1))], MONTHS[:2], [stated("ban")]), 1
        )


def test_the_course_of_a_ban_leaves_no_number_that_is_none():
    """Nine years without trade under a duty, after months that hardly differ: the usual course is ruled out."""
    months = pd.period_range("2005-01", periods=170, freq="M")
    volume = pd.Series(np.where(months < "2010-01", 100.0 + np.arange(170) % 2 * 1e-6, 0.0), months)
    found = forecast(volume, [ban(date(2010, 1, 1), kind="tariff")], 2)
    assert np.isfinite(found.volumes().to_numpy()).all()
    assert found.fit.as_believed < 0.01
    assert found.fit.weights.sum() == pytest.approx(1.0)
    assert found.fit.part_sd().notna().all(axis=None)
