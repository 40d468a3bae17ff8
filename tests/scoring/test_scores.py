"""Scores and tests of significance against plain loops, published values, and calendars worked by hand."""

from __future__ import annotations

import math
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from forecast.realtime.events import ACTING_KINDS, WITHOUT_REGRESSOR
from forecast.realtime.phases import phases
from forecast.scoring.scores import COVERAGE_COLUMNS, add_actuals, coverage_counts, scores, series_scales
from forecast.scoring.significance import SIGNIFICANCE_COLUMNS, DmResult, diebold_mariano, significance, verdict
from forecast.tables.schema import SCORE_COLUMNS

MODELS = ["naive", "theta", "arima"]
GROUPS = {"EU27": ("DEU", "FRA")}


def month(text: str) -> pd.Period:
    return pd.Period(text, freq="M")


def release(of: pd.Period, late_days: int = 0) -> date:
    after = of + 1
    return date(after.year, after.month, 20 + late_days)


@pytest.fixture(scope="module")
def exports() -> pd.DataFrame:
    """Two products, five destinations, 40 months with gaps, some revised a week later; MEX is too short to scale."""
    random = np.random.default_rng(11)
    rows = []
    for product in ("gallium", "magnets"):
        for destination in ("WLD", "USA", "DEU", "JPN", "MEX"):
            for at in pd.period_range("2021-01", periods=40, freq="M"):
                if random.random() < 0.1 or (destination == "MEX" and at < month("2022-11")):
                    continue
                volume = float(np.exp(random.normal(4, 1)))
                rows.append((product, destination, at, volume, release(at)))
                if random.random() < 0.3:
                    rows.append((product, destination, at, volume * 1.1, release(at, late_days=7)))
    return pd.DataFrame(rows, columns=["product", "destination", "month", "volume_t", "released"])


@pytest.fixture(scope="module")
def forecasts(exports) -> pd.DataFrame:
    """Ten origins, two months ahead, three models; a tenth of the rows absent, as where a fit failed."""
    random = np.random.default_rng(12)
    rows = []
    for cutoff in pd.period_range("2023-05", periods=10, freq="M"):
        for product in ("gallium", "magnets"):
            for destination in ("WLD", "USA", "DEU", "JPN", "MEX"):
                for model in MODELS:
                    for horizon in (1, 2):
                        median = float(np.exp(random.normal(4, 1)))
                        inner, outer = median * random.uniform(0.1, 0.5), median * random.uniform(0.5, 0.9)
                        bounds = [median, median - inner, median + inner, median - outer, median + outer]
                        key = [product, destination, model, release(cutoff), cutoff, cutoff + horizon, horizon]
                        if random.random() > 0.1:
                            rows.append([*key, *bounds, cutoff])
    columns = ["product", "destination", "model", "issued", "cutoff", "month", "horizon", "volume_t"]
    table = pd.DataFrame(rows, columns=[*columns, "lower_80", "upper_80", "lower_95", "upper_95", "last_known"])
    return table.sample(frac=1, random_state=1)  # neither sorted nor indexed in order


@pytest.fixture(scope="module")
def scored(forecasts, exports) -> pd.DataFrame:
    return add_actuals(forecasts, exports)


@pytest.fixture(scope="module")
def phase(scored) -> pd.Series:
    random = np.random.default_rng(13)
    names = random.choice(["event", "after", "calm"], len(scored), p=[0.1, 0.2, 0.7])
    return pd.Series(pd.Categorical(names, categories=["event", "after", "calm"], ordered=True), index=scored.index)


# Actuals


@pytest.mark.parametrize(("vintage", "volume_t"), [("latest", 110.0), ("first", 100.0)])
def test_actuals_are_those_of_the_vintage_asked_for(vintage, volume_t):
    """Of a month released twice, latest takes the later release and first the earlier, in whatever order they stand."""
    cell = {"product": "magnets", "destination": "USA", "month": month("2025-05")}
    releases = [
        cell | {"volume_t": 100.0, "released": date(2025, 6, 20)},
        cell | {"volume_t": 110.0, "released": date(2025, 7, 20)},
    ]
    forecast = pd.DataFrame([cell | {"model": "naive"}])
    for rows in (releases, releases[::-1]):
        assert add_actuals(forecast, pd.DataFrame(rows), vintage)["actual_t"].tolist() == [volume_t]


def test_actuals_change_nothing_else(forecasts, exports):
    """Rows, their order, index and columns stay; months that never came out are NaN; the arguments are left alone."""
    before = forecasts.copy(deep=True)
    joined = add_actuals(forecasts, exports)
    pd.testing.assert_frame_equal(joined.drop(columns="actual_t"), before)
    pd.testing.assert_frame_equal(forecasts, before)
    out = set(zip(exports["product"], exports["destination"], exports["month"], strict=True))
    expected = [key not in out for key in zip(joined["product"], joined["destination"], joined["month"], strict=True)]
    assert joined["actual_t"].isna().tolist() == expected
    assert 0 < sum(expected) < len(expected)
    pd.testing.assert_frame_equal(add_actuals(joined, exports), joined)


def test_an_unknown_vintage_is_refused(forecasts, exports):
    """There are two vintages to score against, and a misspelt one is not quietly the latest."""
    with pytest.raises(ValueError, match=r"^vintage is 'last'; expected 'latest' or 'first'\.$"):
        add_actuals(forecasts, exports, "last")


# Phases


def calendar(**changes: object) -> pd.DataFrame:
    """One event: licensing of magnets to the USA, announced on 10 March 2025 for 5 May."""
    event = {
        "event": "licensing-2025",
        "kind": "licensing",
        "products": ("magnets",),
        "destinations": ("USA",),
        "announced": date(2025, 3, 10),
        "effective": date(2025, 5, 5),
        "ends": None,
        "ends_announced": None,
        "source": "",
        "description": "",
        "ends_status": "",
    }
    return pd.DataFrame([event | changes]).astype({"ends": object, "ends_announced": object})


def phase_by_month(events: pd.DataFrame, issued: date, destination: str = "USA", product: str = "magnets") -> list[str]:
    """The phases of February to October 2025."""
    months = pd.period_range("2025-02", "2025-10", freq="M")
    rows = pd.DataFrame({"product": product, "destination": destination, "issued": issued, "month": months})
    return phases(rows, events, GROUPS).tolist()


CALM = ["calm"] * 9
KNOWN = ["calm", "event", "event", "event", "after", "after", "after", "calm", "calm"]


def test_phases_are_notice_effect_and_the_three_months_after():
    """March, announced, to May, in effect, are event; June to August after; the rest calm."""
    assert phase_by_month(calendar(), issued=date(2025, 3, 10)) == KNOWN


def test_an_event_is_not_seen_before_the_day_of_its_announcement():
    """Issued the day before, the same months are calm: the calendar is the one known on the issue day."""
    assert phase_by_month(calendar(), issued=date(2025, 3, 9)) == CALM


def test_without_notice_only_the_month_of_effect_is_event():
    """Announced on the day of effect: one month; announced after it, as a retroactive one, still that month."""
    one = ["calm", "calm", "calm", "event", "after", "after", "after", "calm", "calm"]
    for announced in (date(2025, 5, 5), date(2025, 7, 1)):
        assert phase_by_month(calendar(announced=announced), issued=date(2025, 7, 20)) == one


def test_event_wins_over_the_months_after_another():
    """A truce in July makes July event and October after, whatever May's licensing says."""
    truce = calendar(event="truce", kind="truce", announced=date(2025, 7, 1), effective=date(2025, 7, 9))
    both = pd.concat([calendar(), truce], ignore_index=True)
    expected = ["calm", "event", "event", "event", "after", "event", "after", "after", "after"]
    assert phase_by_month(both, issued=date(2025, 7, 20)) == expected


def test_an_event_that_ended_before_it_took_effect_never_acted_once_that_is_known():
    """Called off on 1 April: event on the days before, calm from then on."""
    called_off = calendar(ends=date(2025, 4, 20), ends_announced=date(2025, 4, 1))
    assert phase_by_month(called_off, issued=date(2025, 3, 31)) == KNOWN
    assert phase_by_month(called_off, issued=date(2025, 4, 1)) == CALM


def test_the_month_of_an_end_is_event_and_three_after_once_it_is_known():
    """It ends on 10 August, said on 20 July: not seen before that day, nor as an end that is only scheduled."""
    ending = {"ends": date(2025, 8, 10), "ends_announced": date(2025, 7, 20)}
    expected = ["calm", "event", "event", "event", "after", "after", "event", "after", "after"]
    assert phase_by_month(calendar(**ending), issued=date(2025, 7, 20)) == expected
    assert phase_by_month(calendar(**ending), issued=date(2025, 7, 19)) == KNOWN
    assert phase_by_month(calendar(**ending, ends_status="scheduled"), issued=date(2025, 7, 20)) == KNOWN


@pytest.mark.parametrize("continues", ["licensing-2025", ""])
def test_what_continues_a_measure_is_neither_event_nor_end(continues):
    """A licence carried on from August, by name or as a row that abuts, is one measure; its own end counts."""
    first = calendar(ends=date(2025, 8, 10), ends_announced=date(2025, 7, 20))
    days = {"announced": date(2025, 7, 20), "effective": date(2025, 8, 10), "ends": date(2025, 10, 2)}
    second = calendar(event="licensing-2", **days, ends_announced=date(2025, 7, 20))
    both = pd.concat([first.assign(continues=""), second.assign(continues=continues)], ignore_index=True)
    expected = ["calm", "event", "event", "event", "after", "after", "after", "calm", "event"]
    assert phase_by_month(both, issued=date(2025, 7, 20)) == expected


CHAINS = {
    "a continuation that is called off ends nothing": (
        {"ends": None},
        {"effective": date(2025, 9, 1), "ends": date(2025, 6, 1)},
        KNOWN,
    ),
    "a measure put off takes effect when what continues it does": (
        {"ends": date(2025, 5, 5)},
        {"announced": date(2025, 8, 1), "effective": date(2025, 8, 1), "ends": None},
        ["calm"] * 6 + ["event", "after", "after"],
    ),
    "what names it continues it across a gap": (
        {"ends": date(2025, 6, 2)},
        {"announced": date(2025, 9, 1), "effective": date(2025, 9, 1), "ends": None},
        KNOWN,
    ),
    "the end is the latest, whichever row came last": (
        {"ends": date(2025, 9, 5)},
        {"effective": date(2025, 6, 1), "ends": date(2025, 7, 1)},
        ["calm", "event", "event", "event", "after", "after", "after", "event", "after"],
    ),
}


@pytest.mark.parametrize(("first", "second", "expected"), CHAINS.values(), ids=CHAINS)
def test_turns_of_a_measure_of_several_rows(first, second, expected):
    """Rows that never acted are none, those that belong together are one."""
    said = date(2025, 5, 1)
    rows = [
        calendar(**({"ends_announced": said} | first)),
        calendar(**({"event": "b", "continues": "licensing-2025", "ends_announced": said} | second)),
    ]
    assert phase_by_month(pd.concat(rows, ignore_index=True), issued=date(2025, 9, 20)) == expected


@pytest.mark.parametrize("kind", ACTING_KINDS + WITHOUT_REGRESSOR)
def test_every_kind_with_a_regressor_is_an_event_easing_ones_too(kind):
    """What carries a regressor makes a phase, tightening or easing; a dialogue or a threat does not."""
    expected = KNOWN if kind in ACTING_KINDS else CALM
    assert phase_by_month(calendar(kind=kind), issued=date(2025, 4, 20)) == expected


@pytest.mark.parametrize(
    ("scope", "destination", "touched"),
    [
        (("USA",), "JPN", False),
        (("USA",), "WLD", True),
        (("ALL",), "JPN", True),
        (("EU27",), "DEU", True),
        (("EU27",), "USA", False),
        (("DEU",), "EU27", True),
    ],
)
def test_a_phase_reaches_members_of_a_group_and_groups_of_members(scope, destination, touched):
    """Scope is that of the regressors: named, ALL, through a group, or through members."""
    found = phase_by_month(calendar(destinations=scope), issued=date(2025, 4, 20), destination=destination)
    assert found == (KNOWN if touched else CALM)


def test_phases_keep_the_index_and_hold_with_no_event_at_all(scored):
    """Every row has a phase on its own index, calm throughout under an empty calendar."""
    found = phases(scored, calendar().iloc[:0], GROUPS)
    assert found.index.equals(scored.index)
    assert set(found) == {"calm"}


def test_events_on_another_product_leave_a_series_calm():
    """Licensing of magnets says nothing of gallium."""
    assert phase_by_month(calendar(), issued=date(2025, 4, 20), product="gallium") == CALM


# Scores


def scale_by_loop(exports, product, destination, first):
    """Absolute and squared 12-month differences known on the first issue day, by plain loops."""
    known: dict[pd.Period, tuple[date, float]] = {}
    for row in exports.itertuples():
        if (row.product, row.destination) == (product, destination) and row.released <= first:
            known[row.month] = max(known.get(row.month, (date.min, 0.0)), (row.released, row.volume_t))
    pairs = [volume - known[at - 12][1] for at, (_, volume) in known.items() if at - 12 in known]
    if len(pairs) < 6:
        return None
    return sum(abs(d) for d in pairs) / len(pairs), sum(d * d for d in pairs) / len(pairs)


def within(row, label):
    """Whether a row belongs to a slice, read off its label."""
    name, _, value = label.partition("=")
    return label == "all" or str(getattr(row, name)) == value


def scores_by_loop(rows, exports, product, model, label):
    """Every measure of the rows of a slice, by plain loops over them."""
    first = min(row.issued for row in rows if row.product == product)
    total = dict.fromkeys(
        ["n", "absolute", "error", "actual", "scaled", "squared", "scaled_n", "wis", "in80", "in95"], 0.0
    )
    for row in rows:
        if (row.product, row.model) != (product, model) or math.isnan(row.actual_t) or not within(row, label):
            continue
        y, e = row.actual_t, row.volume_t - row.actual_t
        total["n"] += 1
        total["absolute"] += abs(e)
        total["error"] += e
        total["actual"] += y
        scale = scale_by_loop(exports, product, row.destination, first)
        if scale:
            total["scaled_n"] += 1
            total["scaled"] += abs(e) / scale[0]
            total["squared"] += e * e / scale[1]
        score = abs(e) / 2
        for low, up, alpha, name in (
            (row.lower_80, row.upper_80, 0.2, "in80"),
            (row.lower_95, row.upper_95, 0.05, "in95"),
        ):
            score += alpha / 2 * (up - low) + max(low - y, 0) + max(y - up, 0)
            total[name] += low <= y <= up
        total["wis"] += score / 2.5
    n, k = total["n"], total["scaled_n"]
    return {
        "n": n,
        "mae_t": total["absolute"] / n,
        "wape": total["absolute"] / total["actual"],
        "mase": total["scaled"] / k if k else math.nan,
        "rmsse": math.sqrt(total["squared"] / k) if k else math.nan,
        "bias": total["error"] / total["actual"],
        "wis": total["wis"] / n,
        "coverage_80": total["in80"] / n,
        "coverage_95": total["in95"] / n,
        "n_mase": k,
    }


@pytest.mark.slow
def test_scores_equal_an_independent_loop(scored, exports, phase):
    """Every measure of every slice equals plain loops over the rows to 1e-12, with gaps, revisions and short series."""
    table = scores(scored, exports, phase)
    rows = list(scored.assign(phase=phase).itertuples())
    assert list(table.columns) == [*SCORE_COLUMNS, "n_mase"]
    for found in table.to_dict("records"):
        expected = scores_by_loop(rows, exports, found["product"], found["model"], found["slice"])
        measured = {column: found[column] for column in expected}
        assert measured == pytest.approx(expected, rel=1e-12, abs=1e-12, nan_ok=True), found["slice"]


def test_scores_have_a_row_for_every_product_model_and_slice(scored, exports, phase):
    """Sorted by product and model; all, then destinations, horizons in order and phases as they follow each other."""
    table = scores(scored, exports, phase)
    slices = ["all", *(f"destination={code}" for code in ("DEU", "JPN", "MEX", "USA", "WLD"))]
    slices += ["horizon=1", "horizon=2", "phase=event", "phase=after", "phase=calm"]
    keys = table[["product", "model", "slice"]].to_numpy().tolist()
    assert keys == [[p, m, s] for p in ("gallium", "magnets") for m in sorted(MODELS) for s in slices]


def test_all_counts_every_row_with_an_actual_and_n_mase_those_with_a_scale(scored, exports):
    """The parts of each way to slice add up to n; MEX has no scale, so n_mase is smaller by its rows."""
    table = scores(scored, exports).set_index(["product", "model", "slice"])
    for key, whole in table.xs("all", level="slice").iterrows():
        parts = table.loc[key]
        for name in ("destination", "horizon"):
            assert parts.loc[parts.index.str.startswith(name), "n"].sum() == whole["n"]
        mexico = parts.loc["destination=MEX"]
        assert (mexico["n_mase"], math.isnan(mexico["mase"]), math.isnan(mexico["rmsse"])) == (0, True, True)
        assert whole["n_mase"] == whole["n"] - mexico["n"] > 0
    assert not table.index.get_level_values("slice").str.startswith("phase").any()


def test_the_scale_is_the_same_for_all_models_and_ignores_what_came_after_the_first_origin(scored, exports):
    """Corrupting every volume and revision released after the first issue day leaves every scale as it was."""
    first = scored["issued"].min()
    later = exports["released"] > first
    corrupt = exports.assign(volume_t=exports["volume_t"].where(~later, 1e9))
    before = series_scales(scored, exports)
    pd.testing.assert_frame_equal(series_scales(scored, corrupt), before)
    assert later.any()
    early = exports.assign(volume_t=exports["volume_t"].where(exports["released"] != exports["released"].min(), 1e9))
    assert not series_scales(scored, early).equals(before)


def test_the_scale_needs_six_pairs_known_on_the_first_issue_day():
    """Six 12-month pairs by the 20th give a scale; the day before, with five, there is none."""
    months = pd.period_range("2021-01", periods=18, freq="M")
    rows = [("magnets", "USA", at, 10.0 + at.year - 2021, release(at)) for at in months]
    volumes = pd.DataFrame(rows, columns=["product", "destination", "month", "volume_t", "released"])
    for issued, expected in ((date(2022, 7, 20), 1.0), (date(2022, 7, 19), math.nan)):
        found = series_scales(pd.DataFrame({"product": ["magnets"], "issued": [issued]}), volumes)
        assert found["scale"].tolist() == pytest.approx([expected], nan_ok=True)


def test_rows_whose_actual_is_not_out_do_not_count(scored, exports, phase):
    """Leaving them out beforehand gives the same scores, as long as the first origin stays."""
    known = scored["actual_t"].notna()
    assert not known.all()
    kept = known | (scored["issued"] == scored["issued"].min())
    pd.testing.assert_frame_equal(scores(scored[kept], exports, phase[kept]), scores(scored, exports, phase))


def test_scores_without_any_actual_are_an_empty_table(scored, exports):
    """A live run has nothing to score yet, and says so with no rows rather than an error."""
    table = scores(scored.assign(actual_t=math.nan), exports)
    assert (len(table), list(table.columns)) == (0, [*SCORE_COLUMNS, "n_mase"])


def test_zero_actuals_leave_shares_undefined_and_the_rest_in_place(scored, exports):
    """A destination that imported nothing has errors in tonnes and no percentage of zero."""
    table = scores(scored.assign(actual_t=0.0), exports)
    assert table["wape"].isna().all()
    assert table["bias"].isna().all()
    assert table["mae_t"].gt(0).all()


def test_scores_want_actuals(forecasts, exports):
    """Forecasts that were never joined with actuals are refused with the remedy."""
    message = "forecasts have no column actual_t; join the actuals with add_actuals first."
    for call in (
        lambda: scores(forecasts, exports),
        lambda: coverage_counts(forecasts),
        lambda: significance(forecasts, exports),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            call()


@pytest.mark.parametrize("level", [80, 95])
def test_coverage_counts_say_how_often_the_interval_held(scored, level):
    """The k of n by series and model equals counting one by one."""
    table = coverage_counts(scored, level)
    assert list(table.columns) == COVERAGE_COLUMNS
    expected: dict[tuple[str, str, str], list[int]] = {}
    for row in scored.to_dict("records"):
        if not math.isnan(row["actual_t"]):
            k_n = expected.setdefault((row["product"], row["destination"], row["model"]), [0, 0])
            k_n[0] += row[f"lower_{level}"] <= row["actual_t"] <= row[f"upper_{level}"]
            k_n[1] += 1
    found = {(r["product"], r["destination"], r["model"]): [r["held"], r["n"]] for r in table.to_dict("records")}
    assert found == expected
    assert set(table["level"]) == {level}


# Diebold-Mariano


def dm_by_loop(loss_a, loss_b, horizon):
    """The corrected statistic and its p-value by plain loops from the two papers' formulas; None marks a gap."""
    d = [None if a is None or b is None else a - b for a, b in zip(loss_a, loss_b, strict=True)]
    n = sum(x is not None for x in d)
    mean = sum(x for x in d if x is not None) / n
    gamma = []
    for lag in range(horizon):
        terms = [
            (d[t] - mean) * (d[t - lag] - mean)
            for t in range(lag, len(d))
            if d[t] is not None and d[t - lag] is not None
        ]
        gamma.append(sum(terms) / n)
    variance = gamma[0] + 2 * sum(gamma[1:])
    if variance <= 0:
        variance = gamma[0] + 2 * sum((1 - lag / horizon) * gamma[lag] for lag in range(1, horizon))
    correction = math.sqrt((n + 1 - 2 * horizon + horizon * (horizon - 1) / n) / n)
    statistic = correction * mean / math.sqrt(variance / n)
    return statistic, 2 * stats.t.sf(abs(statistic), n - 1), mean, n


@pytest.mark.parametrize("horizon", [1, 2, 3, 6])
@pytest.mark.parametrize("gaps", [0, 5])
def test_diebold_mariano_agrees_with_a_second_implementation(horizon, gaps):
    """Statistic, p-value, mean and n equal a plain loop's, with months missing in either loss or in none."""
    random = np.random.default_rng(horizon * 10 + gaps)
    for _ in range(50):
        a, b = random.exponential(10, 30), random.exponential(12, 30)
        a[random.choice(30, gaps, replace=False)] = math.nan
        found = diebold_mariano(a, b, horizon)
        expected = dm_by_loop([None if math.isnan(x) else float(x) for x in a], b.tolist(), horizon)
        assert (found.statistic, found.p_value, found.mean_difference, found.n) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("difference", "horizon", "statistic", "below"),
    [
        ([1.0, 2.0, 3.0, 4.0], 2, math.sqrt(3 / 8) * 2.5 / math.sqrt(0.46875), 0.9443164226429581),
        ([2.0, 1.0, -3.0, -1.0, 0.0], 3, math.sqrt(6 / 25) * -0.2 / math.sqrt(0.0864), 0.3778115634892615),
    ],
)
def test_diebold_mariano_reproduces_published_values(difference, horizon, statistic, below):
    """Two worked cases of the `scores` package of the Australian Bureau of Meteorology, statistic and t probability.

    Source: github.com/nci/scores, tests/stats/test_diebold_mariano.py, method "HLN".
    """
    found = diebold_mariano(np.array(difference), np.zeros(len(difference)), horizon)
    assert found.statistic == pytest.approx(statistic, rel=1e-12)
    assert found.p_value == pytest.approx(2 * min(below, 1 - below), rel=1e-9)


def test_at_one_month_ahead_it_is_the_t_test():
    """Without lags the correction turns the divisor n into n - 1: Student's test of the differences."""
    random = np.random.default_rng(5)
    a, b = random.exponential(10, 24), random.exponential(11, 24)
    expected = stats.ttest_rel(a, b)
    found = diebold_mariano(a, b)
    assert (found.statistic, found.p_value) == pytest.approx((expected.statistic, expected.pvalue), rel=1e-12)


def test_bartlett_steps_in_where_the_rectangular_variance_is_not_above_zero():
    """Alternating differences: g0 + 2 g1 is negative, so g1 is halved; by hand, from six months at two ahead.

    Differences 2, 0, 2, 0, 2, 0: mean 1, g0 = 1, g1 = -5/6; 1 - 10/6 < 0, so V = 1 - 5/6 = 1/6; c^2 = (3 + 1/3)/6.
    """
    found = diebold_mariano(np.array([2.0, 0, 2, 0, 2, 0]), np.zeros(6), horizon=2)
    assert found.statistic == pytest.approx(math.sqrt((3 + 1 / 3) / 6) / math.sqrt(1 / 36), rel=1e-12)


def test_swapping_the_forecasts_turns_the_sign():
    """Testing b against a is a against b with the other sign and the same p-value."""
    random = np.random.default_rng(6)
    a, b = random.exponential(10, 18), random.exponential(11, 18)
    there, back = diebold_mariano(a, b, 3), diebold_mariano(b, a, 3)
    assert (there.statistic, there.mean_difference) == pytest.approx((-back.statistic, -back.mean_difference))
    assert there.p_value == pytest.approx(back.p_value)


@pytest.mark.parametrize(
    ("a", "horizon"),
    [([3.0], 1), ([3.0, 4.0, 9.0], 3), ([0.3] * 12, 1), ([1e9 + 0.1] * 12, 2), ([math.nan, 5.0, math.nan], 1)],
    ids=["one month", "as many months as lags", "constant", "constant up to rounding", "one month beside gaps"],
)
def test_what_cannot_be_tested_is_nan(a, horizon):
    """Too few months for the horizon, or the same difference throughout, gives the mean and n and no p-value."""
    found = diebold_mariano(np.array(a), np.zeros(len(a)), horizon)
    assert math.isnan(found.statistic)
    assert math.isnan(found.p_value)
    assert found.mean_difference == pytest.approx(np.nanmean(a))
    assert found.n == np.count_nonzero(~np.isnan(a))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, 2.0], [1.0]), "losses have shapes (2,) and (1,); expected two series of the same months."),
        (([1.0, math.inf], [1.0, 2.0]), "a loss is infinite; expected finite losses, or NaN for a month without one."),
        (([1.0, 2.0], [1.0, 2.0], 0), "horizon is 0; expected one month or more."),
        (([1.0, math.nan], [math.nan, 2.0]), "no month has a loss of both forecasts; there is nothing to compare."),
    ],
)
def test_diebold_mariano_refuses_what_it_cannot_read(arguments, message):
    """Each misuse is one sentence."""
    a, b, *horizon = arguments
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        diebold_mariano(np.array(a), np.array(b), *horizon)


def rejection_rate(months: int, horizon: int, runs: int, seed: int) -> float:
    """How often the 5 % test rejects when losses of errors that overlap ``horizon`` months are alike on average."""
    random = np.random.default_rng(seed)
    shocks = random.normal(size=(runs, months + horizon - 1))
    difference = sum(shocks[:, lag : lag + months] for lag in range(horizon))
    zeros = np.zeros(months)
    return float(np.mean([diebold_mariano(row, zeros, horizon).p_value < 0.05 for row in difference]))


def test_one_month_ahead_it_rejects_a_true_null_one_time_in_twenty():
    """At 18 months and 5 %, 2000 simulated nulls are rejected within the binomial bounds (99.9 %) of 5 %."""
    low, high = stats.binom.ppf([0.0005, 0.9995], 2000, 0.05) / 2000
    assert low <= rejection_rate(months=18, horizon=1, runs=2000, seed=7) <= high


def test_further_ahead_the_correction_lowers_the_excess_of_rejections():
    """At three months ahead and 18 months it rejects more than 5 % of true nulls, but fewer than uncorrected."""
    uncorrected = 0
    random = np.random.default_rng(8)
    for _ in range(1000):
        shocks = random.normal(size=20)
        difference = shocks[2:] + shocks[1:-1] + shocks[:-2]
        statistic = diebold_mariano(difference, np.zeros(18), 3).statistic
        uncorrected += abs(statistic) / math.sqrt((18 + 1 - 6 + 6 / 18) / 18) > 1.96
    assert 0.05 < rejection_rate(months=18, horizon=3, runs=1000, seed=8) < uncorrected / 1000


# Significance


def significance_by_loop(rows, product, model, label, measure, exports):
    """Mean loss by month of both models over the rows they share, then the test, by plain loops."""
    first = min(row.issued for row in rows if row.product == product)
    losses: dict[str, dict[tuple, float]] = {model: {}, "naive": {}}
    horizons = []
    for row in rows:
        if row.product != product or row.model not in losses or math.isnan(row.actual_t) or not within(row, label):
            continue
        loss = abs(row.volume_t - row.actual_t)
        if measure == "mase":
            scale = scale_by_loop(exports, product, row.destination, first)
            if scale is None:
                continue
            loss /= scale[0]
        losses[row.model][(row.destination, row.issued, row.month)] = loss
        if row.model == model:
            horizons.append((row.destination, row.issued, row.month, row.horizon))
    shared = losses[model].keys() & losses["naive"].keys()
    months = [key[2].ordinal for key in shared]
    a: list[float | None] = [None] * (max(months) - min(months) + 1)
    b = a.copy()
    for at in set(months):
        keys = [key for key in shared if key[2].ordinal == at]
        a[at - min(months)] = sum(losses[model][key] for key in keys) / len(keys)
        b[at - min(months)] = sum(losses["naive"][key] for key in keys) / len(keys)
    horizon = max(h for *key, h in horizons if tuple(key) in shared)
    statistic, p_value, mean, n = dm_by_loop(a, b, horizon)
    skill = 1 - sum(x for x in a if x is not None) / sum(x for x in b if x is not None)
    return {
        "n": len(shared),
        "months": n,
        "mean_difference": mean,
        "skill": skill,
        "statistic": statistic,
        "p_value": p_value,
    }


@pytest.mark.slow
@pytest.mark.parametrize("measure", ["mae_t", "mase"])
def test_significance_equals_an_independent_loop(scored, exports, measure):
    """Paired rows, monthly means, lags to the longest horizon and the test equal plain loops in every slice."""
    table = significance(scored, exports, measure=measure)
    rows = list(scored.itertuples())
    assert list(table.columns) == SIGNIFICANCE_COLUMNS
    assert set(table["model"]) == {"theta", "arima"}
    for found in table.to_dict("records"):
        expected = significance_by_loop(rows, found["product"], found["model"], found["slice"], measure, exports)
        assert {column: found[column] for column in expected} == pytest.approx(expected, rel=1e-9), found["slice"]


def test_a_shock_to_all_destinations_is_one_piece_of_evidence():
    """Fifty copies of one series leave statistic and p-value as they were: months count, not rows."""
    random = np.random.default_rng(21)
    months = pd.period_range("2023-01", periods=18, freq="M")
    series = pd.DataFrame({"month": months, "actual_t": 100.0, "volume_t": 100 + random.normal(0, 9, 18)})
    naive = series.assign(model="naive", volume_t=100 + random.normal(0, 12, 18))
    one = pd.concat([series.assign(model="theta"), naive]).assign(product="magnets", issued=date(2023, 1, 1), horizon=1)
    world = pd.concat([one.assign(destination=f"D{number:02}") for number in range(50)], ignore_index=True)
    table = significance(world, pd.DataFrame()).set_index("slice")
    alone, together = table.loc["destination=D07"], table.loc["all"]
    assert (alone["n"], together["n"], together["months"]) == (18, 900, 18)
    assert together["statistic"] == pytest.approx(alone["statistic"], rel=1e-9)
    assert together["verdict"] == alone["verdict"]


def test_wis_can_be_the_loss(scored, exports):
    """With bounds shrunk onto the median the WIS is the absolute error, so both tests agree."""
    points = scored.assign(**dict.fromkeys(["lower_80", "upper_80", "lower_95", "upper_95"], scored["volume_t"]))
    same = ["mean_difference", "skill", "statistic", "p_value", "verdict"]
    left, right = significance(points, exports, measure="wis"), significance(points, exports, measure="mae_t")
    pd.testing.assert_frame_equal(left[same], right[same])


def test_phases_are_tested_apart(scored, exports, phase):
    """With phases given, each has its row per model, and their pairs never exceed the whole."""
    table = significance(scored, exports, phase=phase).set_index(["product", "model", "slice"])
    for key, whole in table.xs("all", level="slice").iterrows():
        parts = table.loc[key].loc[["phase=event", "phase=after", "phase=calm"]]
        assert parts["n"].sum() == whole["n"]


def test_testing_against_a_model_that_is_not_there_names_those_that_are(scored, exports):
    """A misspelt benchmark is an error with the choice, not an empty table."""
    message = "no row of model 'snaive' can be scored; expected one of: arima, naive, theta."
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        significance(scored, exports, against="snaive")


def test_levels_and_measures_that_do_not_exist_are_refused(scored, exports):
    """A misspelt measure is not quietly another one."""
    with pytest.raises(ValueError, match=r"^measure is 'rmse'; expected one of mae_t, mase, wis\.$"):
        significance(scored, exports, measure="rmse")
    with pytest.raises(ValueError, match=r"^level is 90; expected one of \(80, 95\)\.$"):
        coverage_counts(scored, level=90)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (DmResult(-1.0, 0.31, -4.0, 18), "not significantly different from naive (p = 0.31, n = 18 months)"),
        (DmResult(-1.9, 0.0712, -4.0, 18), "not significantly different from naive (p = 0.071, n = 18 months)"),
        (DmResult(3.0, 0.008, 4.0, 18), "worse than naive (p = 0.008, n = 18 months)"),
        (DmResult(-9.0, 0.0000004, -4.0, 18), "better than naive (p < 0.001, n = 18 months)"),
        (DmResult(math.nan, math.nan, 0.0, 18), "same losses as naive (n = 18 months)"),
        (DmResult(math.nan, math.nan, -4.0, 1), "not testable against naive (n = 1 month)"),
    ],
)
def test_a_verdict_says_in_words_what_the_test_found(result, words):
    """Not significant is said in words, with p and the number of months beside it."""
    assert verdict(result, "naive") == words
