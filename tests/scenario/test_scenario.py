"""Scenarios: mixtures against large samples, branches that are calendars, and a base that nothing supposed can move."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.realtime.events import known_events
from forecast.scenario.events import (
    SUPPOSED_COLUMNS,
    check_lapses,
    passed_lapses,
    supposed_cells,
    supposed_events,
    supposed_rows,
)
from forecast.scenario.forecast import BASE, MIXTURE, branches, mixture, scenario_all
from forecast.tables.quantiles import NORMAL_SCORES, PROBABILITIES, VOLUME_QUANTILES

MAGNETS = ["rare_earth_magnets"]
LICENSING = "kind=licensing,destinations=USA,announced=2022-12-15,effective=2023-02-01,probability=0.3"
ISSUED = date(2023, 1, 20)
TRUCE = {
    "event": "truce", "kind": "truce", "destinations": ("USA",), "announced": date(2022, 6, 1),
    "ends": date(2023, 3, 1), "ends_announced": date(2022, 6, 1), "ends_status": "scheduled",
}  # fmt: skip


def table():
    """Three years of magnets, and gallium that fell to a fifth when licences began in 2022."""
    fell = np.append(steady(24, 50.0, seed=3), steady(12, 10.0, seed=4))
    magnets = exports({"WLD": steady(36, 1000.0), "USA": steady(36, 200.0, seed=1), "DEU": steady(36, 90.0, seed=2)})
    return pd.concat([magnets, exports({"WLD": fell}, product="gallium")], ignore_index=True)


def events():
    return calendar(
        {"event": "gallium", "kind": "licensing", "products": ("gallium",), "announced": date(2022, 1, 1)}, TRUCE
    )


def added(*texts, products=("magnets",)):
    return supposed_events({"--add": supposed_rows(texts, products)}, fc.read_destinations())


def scenario(*texts, exports=None, events_table=None, **options):
    options = {"products": ["magnets"], "models": ["theta"], "issued": ISSUED} | options
    given = added(*texts) if texts else pd.DataFrame(columns=SUPPOSED_COLUMNS)
    return scenario_all(
        table() if exports is None else exports, events() if events_table is None else events_table, GROUPS, given,
        **options,
    )  # fmt: skip


def volumes_of(found, branch, destination="USA"):
    """Quantiles by month of one branch, or of the mixture."""
    if branch == MIXTURE:
        rows = found.run.forecasts[found.run.forecasts["model"] == MIXTURE]
    else:
        rows = found.by_branch[found.by_branch["branch"] == branch]
    return rows[rows["destination"] == destination].set_index("month")[[*VOLUME_QUANTILES]]


# Mixtures -------------------------------------------------------------------------------------------------------------


def lognormal(median, sd):
    return median * np.exp(sd * NORMAL_SCORES)


@pytest.mark.parametrize(
    ("medians", "sds", "weights"),
    [
        ([100, 30], [0.2, 0.5], [0.7, 0.3]),
        ([100, 100, 5], [0.1, 0.8, 0.3], [0.2, 0.5, 0.3]),
        ([100, 99], [1.0, 0.01], [0.05, 0.95]),
    ],
)
def test_quantiles_of_a_mixture_are_those_of_a_large_sample(medians, sds, weights):
    """Half a million draws, each of a branch drawn by its probability: the same share lies below each quantile."""
    random = np.random.default_rng(7)
    branch = random.choice(len(weights), size=500_000, p=weights)
    draws = np.array(medians)[branch] * np.exp(np.array(sds)[branch] * random.standard_normal(len(branch)))
    given = np.array([[lognormal(median, sd) for median, sd in zip(medians, sds, strict=True)]])
    quantiles = mixture(given, np.array(weights))[0]
    below = [(draws <= quantile).mean() for quantile in quantiles]
    assert below == pytest.approx(PROBABILITIES, abs=0.003)


def test_a_skewed_branch_keeps_its_bounds_in_a_mixture():
    """Quantiles linear in logs against normal scores, normal tails: draws made so by interpolation agree."""
    skewed, other = np.array([40.0, 80.0, 100.0, 300.0, 350.0]), lognormal(50, 0.2)
    random = np.random.default_rng(8)
    scores = random.standard_normal(400_000)
    inner = np.exp(np.interp(scores, NORMAL_SCORES, np.log(skewed)))
    ends = np.diff(np.log(skewed))[[0, -1]] / np.diff(NORMAL_SCORES)[[0, -1]]
    low = skewed[0] * np.exp(ends[0] * (scores - NORMAL_SCORES[0]))
    high = skewed[-1] * np.exp(ends[1] * (scores - NORMAL_SCORES[-1]))
    first = np.where(scores < NORMAL_SCORES[0], low, np.where(scores > NORMAL_SCORES[-1], high, inner))
    draws = np.where(random.random(len(scores)) < 0.4, first, 50 * np.exp(0.2 * random.standard_normal(len(scores))))
    quantiles = mixture(np.array([[skewed, other]]), np.array([0.4, 0.6]))[0]
    assert [(draws <= quantile).mean() for quantile in quantiles] == pytest.approx(PROBABILITIES, abs=0.003)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_certain_branch_is_the_mixture(place):
    """With probability one on a branch the mixture is that branch to the last digits, whatever the others say."""
    given = np.array([[lognormal(100, 0.3), lognormal(7, 2.0), [0.0, 0.0, 1.0, 5.0, 9.0]]])
    weights = np.eye(3)[place]
    assert mixture(given, weights)[0] == pytest.approx(given[0, place], rel=1e-12)


def test_a_mixture_lies_between_its_branches_and_its_levels_nest():
    """Each quantile lies between the least and the largest of the branches, and a wider level holds a narrower one."""
    random = np.random.default_rng(9)
    given = np.sort(random.lognormal(3, 1, size=(200, 4, 5)), axis=2)
    mixed = mixture(given, np.array([0.1, 0.2, 0.3, 0.4]))
    assert ((given.min(axis=1) <= mixed * (1 + 1e-12)) & (mixed <= given.max(axis=1) * (1 + 1e-12))).all()
    assert (np.diff(mixed, axis=1) >= 0).all()


def test_zeros_stay_zeros():
    """A branch whose lower bounds are zero gives a mixture whose lower bound is zero as far as its weight goes."""
    given = np.array([[[0.0, 0.0, 10.0, 20.0, 30.0], [50.0, 60.0, 80.0, 90.0, 99.0]]])
    mixed = mixture(given, np.array([0.5, 0.5]))[0]
    assert mixed[0] == 0.0  # five of a hundred lie at zero
    assert mixed[1] > 0.0


def test_thousand_volumes_give_a_thousandfold_mixture():
    """Tonnes or kilograms: the same mixture."""
    given = np.array([[lognormal(100, 0.3), lognormal(20, 0.8)]])
    weights = np.array([0.4, 0.6])
    assert mixture(1000 * given, weights) == pytest.approx(1000 * mixture(given, weights), rel=1e-9)


# Branches -------------------------------------------------------------------------------------------------------------


def test_branches_are_all_combinations_and_add_up_to_one():
    """Independent suppositions: probabilities are products, names say what happens."""
    found = branches(["a", "b", "c"], [0.5, 0.2, 1.0])
    assert len(found) == 8
    assert sum(branch.probability for branch in found) == pytest.approx(1.0)
    assert found[0].name == BASE
    assert {branch.name: branch.probability for branch in found}["a + c"] == pytest.approx(0.5 * 0.8 * 1.0)


@pytest.mark.parametrize("model", ["theta", "structural", pytest.param("combination", marks=pytest.mark.slow)])
def test_a_certain_event_is_the_same_event_in_the_calendar(model):
    """With probability 1 the mixture is the forecast of a calendar that has the row, in every number."""
    models = ["naive", "theta", "combination"] if model == "combination" else [model]
    text = LICENSING.replace("0.3", "1")
    found = scenario(text, models=models)
    row = added(text).drop(columns="probability")
    run = fc.forecast_all(
        table(), pd.concat([events(), row], ignore_index=True), GROUPS, products=["magnets"], models=models,
        issued=ISSUED, horizon=found.horizon,
    )  # fmt: skip
    own = run.forecasts[run.forecasts["model"] == model]
    for destination in ("USA", "WLD", "DEU"):
        expected = own[own["destination"] == destination].set_index("month")[[*VOLUME_QUANTILES]]
        pd.testing.assert_frame_equal(volumes_of(found, MIXTURE, destination), expected, rtol=1e-12)


def test_an_event_makes_its_branch_lower_and_wider_and_others_no_surer():
    """Licences as gallium had them: volumes to the USA fall, with bounds further apart.

    Germany's median stays, and its bounds come no nearer: what is kept from the USA may go there.
    """
    found = scenario(LICENSING)
    base, branch = volumes_of(found, BASE), volumes_of(found, "licensing-2023-02-01")
    after = base.index >= pd.Period("2023-02")
    assert (branch["volume_t"] < 0.85 * base["volume_t"])[after].all()
    assert branch.loc["2023-03", "volume_t"] < 0.8 * base.loc["2023-03", "volume_t"]
    ratios = [(rows["upper_80"] / rows["lower_80"])[after] for rows in (branch, base)]
    assert (ratios[0] > 1.2 * ratios[1]).all()
    before = volumes_of(found, BASE, "DEU")
    for name in ("licensing-2023-02-01", MIXTURE):
        beside = volumes_of(found, name, "DEU")
        pd.testing.assert_frame_equal(beside[~after], before[~after], check_exact=True)
        assert beside["volume_t"].to_numpy() == pytest.approx(before["volume_t"].to_numpy(), rel=0.01)
        assert (beside["upper_95"] / beside["lower_95"] >= 0.999 * before["upper_95"] / before["lower_95"]).all()


def test_branches_are_of_a_model_that_knows_events():
    """The naive forecast, first among the models, says the same in every branch."""
    found = scenario(LICENSING, models=["naive", "theta"])
    assert found.model == "theta"
    pd.testing.assert_frame_equal(volumes_of(found, BASE), volumes_of(scenario(LICENSING), BASE))


def test_the_world_feels_the_share_of_the_destination():
    """An event on a fifth of the world's volume moves the world by less than a fifth, and by something."""
    found = scenario(LICENSING)
    ratio = volumes_of(found, "licensing-2023-02-01", "WLD") / volumes_of(found, BASE, "WLD")
    assert 0.75 < ratio.loc["2023-02", "volume_t"] < 0.97


def test_a_second_episode_of_a_kind_that_acts_already_lowers_volumes_again():
    """Where licences are required already, a further tightening acts on top, most once goods in transit are through."""
    fell = exports({"WLD": np.append(steady(30, 100.0), steady(6, 40.0, seed=5))})
    licensed = calendar({"event": "first", "kind": "licensing", "announced": date(2022, 7, 1)})
    found = scenario(LICENSING.replace("USA", "ALL"), exports=fell, events_table=licensed)
    ratio = volumes_of(found, "licensing-2023-02-01", "WLD") / volumes_of(found, BASE, "WLD")
    assert ratio.loc["2023-02", "volume_t"] < 0.85
    assert ratio.loc["2023-03", "volume_t"] < 0.75


def test_a_lapse_is_the_same_end_in_the_calendar():
    """A certain lapse gives the forecast of a calendar that says the truce ends that day; before it no other."""
    found = scenario(lapses={"truce": 1.0}, horizon=4)
    ended = calendar(TRUCE | {"ends_announced": ISSUED, "ends_status": ""})
    known = pd.concat([events().iloc[:1], ended.assign(event="truce")], ignore_index=True)
    run = fc.forecast_all(
        table(), known, GROUPS, products=["magnets"], models=["theta"], issued=ISSUED, horizon=4
    ).forecasts
    expected = run[run["destination"] == "USA"].set_index("month")[[*VOLUME_QUANTILES]]
    pd.testing.assert_frame_equal(volumes_of(found, MIXTURE), expected, rtol=1e-12)
    branch, base = volumes_of(found, "truce lapses"), volumes_of(found, BASE)
    pd.testing.assert_frame_equal(branch.loc[:"2023-02"], base.loc[:"2023-02"], rtol=1e-6)
    assert branch.loc["2023-04", "volume_t"] != base.loc["2023-04", "volume_t"]


@pytest.mark.slow
def test_a_truce_that_abuts_another_carries_it_on():
    """One measure: the lapse of the first changes nothing, as the second takes over; that of the second ends both.

    The truce added a third, so that its end takes it away.
    """
    later = TRUCE | {
        "event": "second", "announced": date(2022, 12, 1), "effective": date(2023, 2, 1),
        "ends_announced": date(2022, 12, 1), "ends": date(2023, 3, 1),
    }  # fmt: skip
    calendar_of_both = calendar(TRUCE | {"ends": date(2023, 2, 1)}, later)
    rows = table()
    raised = (rows["product"] == "magnets") & (rows["month"] >= pd.Period(TRUCE["announced"], "M"))
    rows["volume_t"] = rows["volume_t"].where(~raised, rows["volume_t"] * 4 / 3)
    found = scenario(exports=rows, events_table=calendar_of_both, lapses={"truce": 0.5, "second": 0.5}, horizon=3)
    base, second, both = (
        volumes_of(found, name)["volume_t"] for name in (BASE, "second lapses", "truce lapses + second lapses")
    )
    assert found.idle == ("truce lapses",)
    assert second["2023-03"] < base["2023-03"]
    assert both.tolist() == pytest.approx(second.tolist(), rel=1e-9)
    assert both[["2023-01", "2023-02"]].tolist() == pytest.approx(base[["2023-01", "2023-02"]].tolist(), rel=1e-9)


# The whole ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_supposed_changes_the_forecast_of_the_day():
    """The rows without anything supposed are those of forecast_all, to the last digit."""
    found = scenario(LICENSING, lapses={"truce": 0.5}, models=["theta", "naive"])
    run = fc.forecast_all(
        table(), events(), GROUPS, products=["magnets"], models=["theta", "naive"], issued=ISSUED, horizon=4
    )
    own = found.run.forecasts[found.run.forecasts["model"] != MIXTURE]
    pd.testing.assert_frame_equal(own, run.forecasts, check_exact=True)
    base = found.by_branch[found.by_branch["branch"] == BASE].reset_index(drop=True)[run.forecasts.columns]
    shown = run.forecasts[run.forecasts["model"] == "theta"].reset_index(drop=True)
    pd.testing.assert_frame_equal(base, shown, check_exact=True)


@pytest.mark.parametrize(("probability", "branch"), [("0", BASE), ("1", "licensing-2023-02-01")])
def test_probability_zero_and_one_give_the_branch(probability, branch):
    """What cannot happen leaves the base, what must happen gives its branch; both branches stay beside it."""
    found = scenario(LICENSING.replace("0.3", probability))
    for destination in ("USA", "WLD", "DEU"):
        mixed, alone = volumes_of(found, MIXTURE, destination), volumes_of(found, branch, destination)
        pd.testing.assert_frame_equal(mixed, alone, rtol=1e-12)
    assert found.by_branch["branch"].nunique() == 2


@pytest.mark.slow
def test_what_comes_after_the_issue_day_moves_nothing():
    """Volumes and events of later days may be anything: every number of the scenario stays the same."""
    before = scenario(LICENSING, lapses={"truce": 0.5})
    late = exports({"WLD": [1.0] * 3, "USA": [9e5] * 3, "FRA": [5.0] * 3}, "2023-01")
    more = calendar({"event": "late", "kind": "ban", "announced": date(2023, 1, 21), "effective": date(2023, 1, 1)})
    after = scenario(
        LICENSING, lapses={"truce": 0.5}, exports=pd.concat([table(), late], ignore_index=True),
        events_table=pd.concat([events(), more], ignore_index=True), destinations=["WLD", "USA", "DEU"],
    )  # fmt: skip
    pd.testing.assert_frame_equal(before.by_branch, after.by_branch, check_exact=True)
    pd.testing.assert_frame_equal(before.run.forecasts, after.run.forecasts, check_exact=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("effective", "horizon"), [("2023-01-05", 2), ("2023-02-01", 3), ("2023-10-31", 11), ("2024-06-01", 12)]
)
def test_a_scenario_reaches_the_month_after_its_last_day(effective, horizon):
    """Figures end in December: an effect in February needs March, three months ahead; twelve are the most.

    What acts later than that changes nothing, and is named.
    """
    at_once = LICENSING.replace("2023-02-01", effective).replace("2022-12-15", effective)
    found = scenario(at_once)
    assert found.horizon == horizon
    assert found.idle == ((f"licensing-{effective}",) if effective == "2024-06-01" else ())


@pytest.mark.slow
def test_shipped_magnets_to_the_united_states_under_a_second_tightening():
    """On the shipped data: in its first whole month volumes are less than half, and less sure as a ratio."""
    text = "kind=licensing,destinations=USA,announced=2026-12-01,effective=2027-01-10,probability=0.3"
    found = scenario_all(
        fc.read_exports(), fc.read_events(), fc.read_groups(), added(text, products=MAGNETS),
        products=MAGNETS, destinations=["USA"], models=["theta"], issued=date(2026, 8, 20),
    )  # fmt: skip
    base, branch = volumes_of(found, BASE).loc["2027-02"], volumes_of(found, "licensing-2027-01-10").loc["2027-02"]
    mixed = volumes_of(found, MIXTURE).loc["2027-02"]
    assert branch["volume_t"] < base["volume_t"] / 2
    assert branch["upper_80"] / branch["lower_80"] > base["upper_80"] / base["lower_80"]
    assert mixed["lower_80"] < branch["volume_t"] < mixed["volume_t"] < base["volume_t"]


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("licensing", "expected field=value with commas between, found 'licensing'."),
        ("kinds=ban", "'kinds' is not a field: did you mean kind?"),
        ("kind=ban,kind=tax", "kind stands twice: expected each field once, lists with semicolons."),
        (
            "kind=ban,destinations=USA,probability=0.5",
            "expected kind, destinations, announced, effective, probability, found nothing for announced, effective.",
        ),
    ],
)
def test_what_is_no_event(text, sentence):
    """A text that is no event is refused in a sentence."""
    with pytest.raises(ValueError, match=f"^{sentence}$".replace("?", r"\?")):
        supposed_cells(text, ["magnets"])


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ("=0.3", "=1.3", "probability must be a number from 0 to 1, found '1.3'."),
        ("=0.3", "=often", "probability must be a number from 0 to 1, found 'often'."),
        ("=0.3", "=nan", "probability must be a number from 0 to 1, found 'nan'."),
        ("=USA", "=UXA", "destinations must be ALL or known codes separated by semicolons, found 'UXA'."),
        ("=2023-02-01", "=2023-02-30", "effective must be a day as YYYY-MM-DD, found '2023-02-30'."),
        ("=licensing", "=threat", "kind must be one that changes forecasts, found 'threat', which has no effect. Such"),
        ("=licensing", "=bann", "kind must be a kind of event, found 'bann'. Did you mean ban?"),
    ],
)
def test_what_is_wrong_with_an_event(before, after, sentence):
    """A cell that cannot be is a sentence with the place, as in an events file."""
    with pytest.raises(fc.TableError) as raised:
        added(LICENSING.replace(before, after))
    (problem,) = raised.value.problems
    assert problem.startswith("--add row 1: ")
    assert sentence in problem


def test_events_of_one_name_are_numbered():
    """Two tightenings on the same day are two events."""
    assert added(LICENSING, LICENSING.replace("USA", "DEU"))["event"].tolist() == [
        "licensing-2023-02-01", "licensing-2023-02-01-2",
    ]  # fmt: skip


def test_what_has_begun_is_no_scenario():
    """An event that acts on months with figures, or is in the calendar, is refused with the reason."""
    early = (
        "^licensing-2022-12-01: effective must lie after the last figures of magnets, found 2022-12-01, and figures up "
        r"to 2022-12\. What has begun belongs in the calendar\.$"
    )
    with pytest.raises(fc.TableError, match=early):
        scenario(LICENSING.replace("2023-02-01", "2022-12-01"))
    with pytest.raises(fc.TableError, match=r"^truce: the calendar has this event already\.$"):
        scenario(f"{LICENSING},event=truce")
    both = pd.concat([added(LICENSING), added(LICENSING)], ignore_index=True)
    sentence = r"^licensing-2023-02-01 stands twice among the events that may happen\. One row for each\.$"
    with pytest.raises(fc.TableError, match=sentence):
        scenario_all(table(), events(), GROUPS, both, products=["magnets"], models=["naive"], issued=ISSUED)


def test_one_to_six_suppositions():
    """None is no scenario, seven would be 128 branches."""
    said = "A scenario takes 1 to 6 events and lapses together, each of which doubles the branches"
    with pytest.raises(fc.TableError, match=rf"^{said}, found 0\.$"):
        scenario()
    with pytest.raises(fc.TableError, match=rf"^{said}, found 7\.$"):
        scenario(*[LICENSING] * 7)


def test_a_lapse_of_an_end_that_is_not_marked_scheduled_says_what_to_set():
    """An end that stands as confirmed does not lapse; the sentence names the column."""
    confirmed = events().assign(ends_status="")
    with pytest.raises(ValueError, match=r"; where its end is only planned, set ends_status=scheduled in its row\.$"):
        check_lapses(confirmed, {"truce": 0.5}, ISSUED)


@pytest.mark.parametrize(
    ("lapses", "issued", "sentence"),
    [
        (
            {"gallium": 0.5},
            ISSUED,
            "'gallium' is not known on 2023-01-20 to have a scheduled end ahead: expected one of truce.",
        ),
        ({"truce": 1.5}, ISSUED, "truce: probability must be a number from 0 to 1, found 1.5."),
        ({"truce": float("nan")}, ISSUED, "truce: probability must be a number from 0 to 1, found nan."),
        (
            {"truce": 0.5},
            date(2022, 5, 31),
            "'truce' is not known on 2022-05-31 to have a scheduled end ahead: there is none on file.",
        ),
        (
            {"truce": 0.5},
            date(2023, 3, 1),
            "'truce' is not known on 2023-03-01 to have a scheduled end ahead: there is none on file.",
        ),
    ],
)
def test_only_scheduled_ends_ahead_can_lapse(lapses, issued, sentence):
    """A lapse needs an end that is scheduled, known on the day, and still to come, and a probability."""
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        check_lapses(events(), lapses, issued)


def test_a_lapse_whose_day_has_passed_is_no_longer_open():
    """On and after its day: one sentence on what carries it on, and what can still lapse; the day before it is open."""
    first = {"event": "truce-1", "kind": "truce", "announced": date(2022, 1, 5), "ends": date(2023, 1, 10)}
    later = {"event": "truce-2", "kind": "truce", "announced": date(2022, 11, 5), "effective": date(2023, 1, 10)}
    rows = calendar(
        first | {"ends_announced": date(2022, 1, 5), "ends_status": "scheduled"},
        later | {"ends": date(2023, 3, 10), "ends_announced": date(2022, 11, 5), "ends_status": "scheduled",
                 "continues": "truce-1"},
    )  # fmt: skip
    supposed = calendar(first | {"kind": "lapse", "effective": date(2023, 1, 10), "ends": None}).assign(probability=0.2)
    said = {day: passed_lapses(supposed, known_events(rows, day), day)
            for day in (date(2023, 1, 9), date(2023, 1, 10), date(2023, 3, 11))}  # fmt: skip
    passed = "truce-1: its lapse on 2023-01-10 is no longer open on {}, in the calendar truce-2 carries it on; {}."
    still = "still open: truce-2 is scheduled to end on 2023-03-10 (--lapse EVENT=PROBABILITY)"
    assert list(said.values()) == [
        [],
        [passed.format("2023-01-10", still)],
        [passed.format("2023-03-11", "no scheduled end is ahead")],
    ]
