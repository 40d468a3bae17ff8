"""Changes that no event explains: found where they are, with their size; silent where the calendar speaks."""

from __future__ import annotations

from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.level_shifts.detect import DetectionRule, LevelShift, candidate_shifts, detected_shifts, first_releases
from forecast.level_shifts.errors import MONTHS_COMPARED, Acting, ForecastPath, forecast_errors
from forecast.level_shifts.propose import MEASURED_COLUMNS, Proposals, proposals_of, proposed_events
from forecast.realtime.events import Scope, known_events
from forecast.realtime.releases import as_of
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.tables.schema import EVENT_COLUMNS, PERIOD_TOTAL_COLUMNS
from forecast.verify.look_ahead import CORRUPTIONS, AuditTables

CODES = ("USA", "JPN", "DEU", "FRA", "KOR", "VNM")
MONTHS = 60
FIRST = pd.Period("2024-03")
NONE = calendar({"kind": "ban", "announced": date(2020, 1, 1)}).iloc[:0]


def world(factors: dict[str, float], lasts: int = 4, first: pd.Period = FIRST, count: int = 3) -> pd.DataFrame:
    """A few steady series to the end of 2024, some of which are multiplied by a factor for some months."""
    months = pd.period_range("2020-01", periods=MONTHS, freq="M")
    inside = (months >= first) & (months < first + lasts)
    series = {
        code: steady(MONTHS, 100.0 * (place + 1), seed=place) * np.where(inside, factors.get(code, 1.0), 1.0)
        for place, code in enumerate(CODES[:count])
    }
    return exports({code: list(volumes) for code, volumes in series.items()})


def with_total(table: pd.DataFrame, factor: float = 1.0) -> pd.DataFrame:
    """The same with ``WLD``, the sum of all, which is multiplied by ``factor`` in the four months."""
    total = table.groupby(["product", "month", "released"], as_index=False)["volume_t"].sum().assign(destination="WLD")
    inside = (total["month"] >= FIRST) & (total["month"] < FIRST + 4)
    total["volume_t"] *= np.where(inside, factor, 1.0)
    return pd.concat([table, total.assign(status="reported", precision_t=np.nan, source="")], ignore_index=True)


@cache
def fell() -> Forecasts:
    """The backtest of `FELL`, which is the same whatever the calendar, since naive takes no regressors."""
    return fc.backtest_all(FELL, NONE, GROUPS, models=["naive"], horizon=MONTHS_COMPARED, last=12, learn=False)


def explained_by(events: pd.DataFrame) -> Proposals:
    """What is proposed of `FELL` under a calendar."""
    return proposals_of(fell(), FELL, events, GROUPS, date(2025, 1, 20), "naive")


def proposed(table: pd.DataFrame, events: pd.DataFrame = NONE, model: str = "naive", **options) -> Proposals:
    return proposed_events(table, events, GROUPS, model=model, **{"learn": False, "origins": 12, **options})


FELL = world({"USA": 0.5})


# What is found --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_change_is_found_with_its_months_and_size():
    """Volumes to USA halve from March to June 2024: one proposal, with the days of the figures that showed it."""
    (row,) = proposed(FELL).events.itertuples()
    assert (row.first, row.last, row.months) == (FIRST, FIRST + 3, 4)
    assert row.size == pytest.approx(-0.5, abs=0.08)
    assert row.lower < row.size < row.upper < -0.35
    assert (row.event, row.kind) == ("unlabelled-magnets-2024-03-USA", "other")
    assert (row.products, row.destinations) == (("magnets",), ("USA",))
    assert (row.announced, row.shown) == (date(2024, 5, 20), date(2024, 5, 20))
    assert (row.effective, row.ends, row.ends_announced) == (date(2024, 3, 1), date(2024, 7, 1), date(2024, 8, 20))
    assert row.p_value < 1e-4
    assert row.description.startswith(f"USA 2024-03 to 2024-06: {round(-100 * row.size)} % below what was expected")
    assert "no event on file. Proposed from the figures" in row.description


@pytest.mark.slow
def test_a_rise_is_found_as_well():
    """Twice as much is above and lies in the interval of the size; the return to normal is not another change."""
    (row,) = proposed(world({"USA": 2.0})).events.itertuples()
    assert 0.5 < row.lower < 1.0 < row.upper < 1.5
    assert "% above what was expected" in row.description


@pytest.mark.slow
def test_a_steady_world_has_no_change():
    """Noise alone; the sum of the limits is the stated rate, a false finding in twenty years of a series."""
    found = proposed(world({}))
    assert found.events.empty
    assert found.events.columns.tolist() == [*EVENT_COLUMNS, *MEASURED_COLUMNS]
    assert len(found.tested) == 12 * 3
    assert found.expected_false == pytest.approx(3 / 20)


@pytest.mark.slow
def test_one_odd_month_is_no_change():
    """However far it lies off: nor are the months after it, a rise to whoever starts from it."""
    assert proposed(world({"USA": 0.1}, lasts=1)).events.empty


@pytest.mark.slow
def test_a_change_that_goes_on_has_no_end():
    """The last figures lie in it: ends is empty, and the sentence says so."""
    (row,) = proposed(world({"USA": 0.5}, lasts=99, first=pd.Period("2024-10"))).events.itertuples()
    assert (row.ends, row.ends_announced) == (None, None)
    assert "2024-10 to 2024-12 or longer: " in row.description


@pytest.mark.slow
def test_a_change_is_told_from_its_second_month_on():
    """On the day of April's figures it is proposed, on the day of March's it is not, and later it keeps its name."""
    days = [date(2024, 4, 20), date(2024, 5, 20), date(2024, 6, 20), date(2024, 12, 20)]
    found = [list(proposed(FELL, issued=day).events["event"]) for day in days]
    assert found == [[], *[["unlabelled-magnets-2024-03-USA"]] * 3]


@pytest.mark.slow
def test_two_months_that_are_over_before_they_are_shown_give_a_valid_entry(tmp_path: Path):
    """March and April halve; April's figures come on 20 May; announced is the end, the latest day allowed."""
    found = proposed(world({"USA": 0.5}, lasts=2))
    (row,) = found.events.itertuples()
    assert (row.announced, row.ends, row.shown) == (date(2024, 5, 1), date(2024, 5, 1), date(2024, 5, 20))
    as_text(found.events).to_csv(tmp_path / "events.csv", index=False)
    read = fc.read_events(tmp_path / "events.csv")
    pd.testing.assert_frame_equal(read, found.events[EVENT_COLUMNS].astype(object), check_dtype=False)


@pytest.mark.slow
def test_months_that_come_out_together_can_each_be_the_first():
    """January and February are published on one day; a change that begins in February begins in February."""
    table = world({"USA": 0.4}, first=pd.Period("2024-02"))
    january = table["month"].map(lambda month: month.month == 1)
    table = table.assign(released=table["released"].where(~january, table["month"].map(
        lambda month: date(month.year, 3, 20))))  # fmt: skip
    (row,) = proposed(table).events.itertuples()
    assert (row.first, row.last) == (pd.Period("2024-02"), pd.Period("2024-05"))


@pytest.mark.slow
def test_a_series_that_falls_to_nothing_is_found():
    """Zero tonnes for four months are a hundred percent less."""
    (row,) = proposed(world({"USA": 0.0})).events.itertuples()
    assert row.size == pytest.approx(-1.0)
    assert row.first == FIRST


@pytest.mark.slow
def test_a_month_without_figures_ends_a_change():
    """Nothing is known of it: what was found stands, and whether it is over does not."""
    gap = (FELL["destination"] == "USA") & (FELL["month"] == FIRST + 2)
    (row,) = proposed(FELL[~gap]).events.itertuples()
    assert (row.last, row.ends) == (FIRST + 1, None)


@pytest.mark.slow
def test_the_combination_finds_it_too():
    """With all its members."""
    found = proposed(FELL, model="combination", origins=12)
    assert list(found.events["event"]) == ["unlabelled-magnets-2024-03-USA"]


# Laws -----------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_that_came_later_matters():
    """Everything after the day is changed, in every way the audit knows: what is proposed and tested stays."""
    issued = date(2024, 6, 20)
    episode = {"kind": "licensing", "announced": date(2023, 2, 1), "destinations": ("JPN",), "ends": date(2024, 7, 1)}
    later = {"kind": "ban", "announced": date(2024, 7, 1), "effective": date(2024, 3, 1)}
    tables = AuditTables(FELL, calendar(episode, later), pd.DataFrame(columns=PERIOD_TOTAL_COLUMNS))
    before = proposed(*tables[:2], issued=issued)
    assert list(before.events["event"]) == ["unlabelled-magnets-2024-03-USA"]
    for name, corruption in CORRUPTIONS.items():
        other = corruption(tables, issued)
        after = proposed(other.exports, other.events, issued=issued, products=["magnets"], destinations=CODES[:3])
        pd.testing.assert_frame_equal(after.events, before.events, obj=name)
        pd.testing.assert_frame_equal(after.tested, before.tested, obj=name)


@pytest.mark.slow
def test_the_unit_does_not_matter():
    """A thousand times the volumes give the same proposals to the last word, and the same p-values."""
    one, thousand = (proposed(FELL.assign(volume_t=FELL["volume_t"] * unit), model="theta") for unit in (1, 1000))
    exact = [name for name in one.events if name not in ("size", "lower", "upper", "p_value")]
    assert len(one.events) == 1
    pd.testing.assert_frame_equal(one.events[exact], thousand.events[exact])
    np.testing.assert_allclose(one.tested["p_value"], thousand.tested["p_value"], rtol=1e-6)


@pytest.mark.slow
def test_names_and_order_of_rows_do_not_matter():
    """With destinations renamed in a ring and rows shuffled, the same change is found under the new name."""
    ring = {"USA": "JPN", "JPN": "DEU", "DEU": "USA"}
    other = FELL.assign(destination=FELL["destination"].map(ring)).sample(frac=1.0, random_state=1)
    (one,), (renamed,) = proposed(FELL).events.itertuples(), proposed(other).events.itertuples()
    assert renamed.destinations == ("JPN",)
    assert (renamed.size, renamed.p_value, renamed.ends) == (one.size, one.p_value, one.ends)


@pytest.mark.slow
def test_the_tables_given_are_not_touched():
    """Neither the figures nor the calendar."""
    table, events = FELL.copy(), calendar({"kind": "tariff", "announced": date(2024, 1, 5)})
    copies = table.copy(), events.copy()
    proposed(table, events)
    pd.testing.assert_frame_equal(table, copies[0])
    pd.testing.assert_frame_equal(events, copies[1])


# What the calendar explains -------------------------------------------------------------------------------------------


def one(kind: str, day: date = date(2024, 3, 1), **fields: object) -> pd.DataFrame:
    return calendar({"event": "e", "kind": kind, "announced": day, "destinations": ("USA",), **fields})


EXPLAINED = {
    "a tightening in its first month": one("licensing"),
    "one in the middle of it": one("licensing", date(2024, 3, 15)),
    "one of three months before": one("licensing", date(2023, 12, 1)),
    "one on everybody": one("ban", destinations=("ALL",)),
    "one announced when the figures were out": one("ban", date(2024, 6, 1), effective=date(2024, 3, 1)),
    "an easing that ends": one("truce", date(2022, 5, 1), ends=date(2024, 3, 1)),
    "the notice of a tightening": one("tariff", date(2024, 2, 20), effective=date(2024, 9, 1)),
    "the notice of an easing, for which buyers wait": one("tariff_cut", date(2024, 2, 20), effective=date(2024, 9, 1)),
}
NOT_EXPLAINED = {
    "a tightening of long before": one("licensing", date(2022, 3, 1)),
    "one of others": one("licensing", destinations=("JPN",)),
    "one of other products": one("licensing", products=("gallium",)),
    "an easing": one("truce"),
    "a tightening that ends": one("tariff", date(2022, 3, 1), ends=date(2024, 3, 1)),
    "one that never acted": one("ban", date(2024, 2, 20), effective=date(2024, 3, 1), ends=date(2024, 2, 25)),
    "one without a regressor": one("threat"),
    "one that came when it was over": one("ban", date(2024, 7, 1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("events", EXPLAINED.values(), ids=EXPLAINED)
def test_what_an_event_explains_is_not_proposed(events: pd.DataFrame):
    """The fall of March has an event on file."""
    found = explained_by(events)
    assert found.events.empty
    own = found.tested.query("destination == 'USA' and month == @FIRST")
    assert own["explained"].tolist() == [True]


@pytest.mark.parametrize("events", NOT_EXPLAINED.values(), ids=NOT_EXPLAINED)
def test_what_no_event_explains_is_proposed(events: pd.DataFrame):
    """An event elsewhere, of another time, in the other direction or without an effect explains nothing."""
    assert list(explained_by(events).events["event"]) == ["unlabelled-magnets-2024-03-USA"]


def test_events_without_an_effect_are_named():
    """A threat in the months of the change is a clue, one on others is not."""
    (row,) = explained_by(one("threat", date(2024, 4, 2))).events.itertuples()
    assert row.without_effect == ("e",)
    assert "no event on file but e, of a kind without effect." in row.description
    (row,) = explained_by(one("threat", date(2024, 4, 2), destinations=("JPN",))).events.itertuples()
    assert row.without_effect == ()


@pytest.mark.slow
def test_a_proposal_with_a_real_kind_explains_the_change(tmp_path: Path):
    """The row is pasted into an events file: as it is, it is not proposed again; as a licence, it explains."""
    row = explained_by(NONE).events
    for kind, explained in (("other", False), ("licensing", True)):
        as_text(row.assign(kind=kind)).to_csv(tmp_path / "events.csv", index=False)
        found = explained_by(fc.read_events(tmp_path / "events.csv"))
        assert found.events.empty
        assert found.tested.query("destination == 'USA' and month == @FIRST")["explained"].tolist() == [explained]


def acting(events: pd.DataFrame, shares: dict[str, float] | None = None, destination: str = "USA") -> Acting:
    months = pd.period_range("2023-06", "2024-12", freq="M")
    forecasts = pd.DataFrame({"last_known": months, "month": months})
    scope = Scope("magnets", destination, GROUPS, shares or {})
    return Acting.on(scope, known_events(events, date(2025, 1, 1)), forecasts)


def test_a_tightening_explains_less_at_first_and_more_as_the_shock_wears_off():
    """From January on: less from January to April; more from the month in which 0.7 a month has taken a tenth off."""
    licence = acting(one("licensing", date(2024, 1, 1)))
    months = pd.period_range("2024-01", "2024-06", freq="M")
    less, more = licence.explains(pd.Period("2023-12"), months)
    assert less.tolist() == [True] * 6  # against December, before it
    assert more.tolist() == [False] * 6
    less, more = licence.explains(pd.Period("2024-01"), months[1:])
    assert less.tolist() == [True, True, True, False, False]
    assert more.tolist() == [True] * 5


def test_an_event_on_a_part_explains_by_its_share():
    """A tenth of the total is enough, a twentieth is not."""
    months = pd.PeriodIndex([FIRST])
    explained = [acting(one("ban"), {"USA": share}, "WLD").explains(FIRST - 1, months)[0] for share in (0.2, 0.05)]
    assert [bool(less[0]) for less in explained] == [True, False]


# Several destinations -------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_destinations_that_change_together_are_one_proposal():
    """Two fall and one rises in March: a policy that hits two, and another."""
    found = proposed(world({"USA": 0.5, "JPN": 0.4, "KOR": 2.0}, count=5)).events
    assert [row.destinations for row in found.itertuples()] == [("JPN", "USA"), ("KOR",)]
    fell = found.iloc[0]
    assert fell["size"] == pytest.approx((0.5 * 100 + 0.4 * 200) / 300 - 1, abs=0.08)
    assert fell["event"] == "unlabelled-magnets-2024-03-JPN-USA"


@pytest.mark.slow
def test_nearly_all_destinations_are_all():
    """Five of six are; four are named one by one."""
    codes = {row.destinations for row in proposed(world(dict.fromkeys(CODES[:5], 0.5), count=6)).events.itertuples()}
    assert codes == {("ALL",)}
    codes = {row.destinations for row in proposed(world(dict.fromkeys(CODES[:4], 0.5), count=6)).events.itertuples()}
    assert codes == {("DEU", "FRA", "JPN", "USA")}


@pytest.mark.slow
def test_a_total_is_proposed_alone_and_last_where_its_parts_do_not_account_for_it():
    """Half of the world is gone, of which USA is a sixth: two proposals; with parts that do, one."""
    alone = proposed(with_total(FELL, 0.5)).events
    assert [row.destinations for row in alone.itertuples()] == [("USA",), ("WLD",)]
    everyone = proposed(with_total(world(dict.fromkeys(CODES, 0.5), count=6))).events
    assert [row.destinations for row in everyone.itertuples()] == [("ALL",)]


# The rule, by hand ----------------------------------------------------------------------------------------------------


def path(logs: list[float], correlation: float = 0.0) -> ForecastPath:
    """Deviations of 0.1 above and 0.2 below what was expected, errors alike by ``correlation``."""
    count = len(logs)
    matrix = np.full((count, count), correlation)
    np.fill_diagonal(matrix, 1.0)
    months = pd.period_range("2024-01", periods=count, freq="M")
    volumes = np.full(count, 100.0)
    nothing = np.zeros(count, dtype=bool)
    above, below = np.full(count, 0.1), np.full(count, 0.2)
    return ForecastPath(
        months, volumes * np.exp(logs), volumes, np.array(logs), above, below, matrix, nothing, nothing
    )  # fmt: skip


def test_the_side_gives_the_deviation():
    """A fall is measured by what the interval leaves below, a rise by what it leaves above."""
    assert path([-0.4]).standardised_error == pytest.approx(-2.0)
    assert path([0.4]).standardised_error == pytest.approx(4.0)


def test_the_spread_of_a_sum_knows_the_correlation():
    """Two months of 0.2 each: root of 0.08 apart, 0.4 together."""
    assert path([-0.4, -0.4]).spread(2) == pytest.approx(np.sqrt(0.08))
    assert path([-0.4, -0.4], correlation=1.0).spread(2) == pytest.approx(0.4)


def test_the_p_value_is_students():
    """0.8 over half of 0.4 is 4, two-sided with twelve degrees of freedom."""
    expected = 2 * stats.t.sf(4.0, 12)
    assert DetectionRule().p_value(path([-0.4, -0.4], correlation=1.0), 2, 0.5) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("logs", "length"),
    [
        ([-0.5, -0.5, -0.5], 3),
        ([-0.5, -0.5, -0.1], 2),
        ([-0.5, -0.1, -0.5], 0),
        ([-0.1, -0.5, -0.5], 0),
        ([-0.5, 0.5], 0),
        ([-0.5, np.nan, -0.5], 0),
        ([-0.5], 0),
        ([0.3, 0.4, 0.3, 0.5, 0.1, 0.4], 4),
    ],
)
def test_a_change_lasts_while_months_are_nearer_to_it_than_to_nothing(logs: list[float], length: int):
    """The first two and the last month at least half as far off as all on average, and all on one side."""
    assert DetectionRule().length(path(logs)) == length


def test_intervals_that_were_too_wide_are_drawn_in():
    """In twice twelve calm months of one size the spread is two thirds of the way to them, in variance."""
    assert DetectionRule().scale(np.full(24, 0.6744898), 4.0) == pytest.approx(np.sqrt((24 + 12 * 16) / 36))
    assert DetectionRule().scale(np.array([np.nan]), 3.0) == pytest.approx(3.0)


def test_more_series_make_the_limit_stricter():
    """So that a false finding a year is all there is, over twenty series or a hundred."""
    assert [DetectionRule().limit(count) * 12 * count for count in (20, 100)] == pytest.approx([1.0, 1.0])
    assert DetectionRule().limit(1) == DetectionRule().limit(20)


def test_later_figures_do_not_take_back_what_was_found():
    """In order of time: a change that is found stays, and what meets it is not another."""
    known = as_of(FELL, NONE, date(2025, 1, 20))
    tested = candidate_shifts(
        forecast_errors(fell(), known, GROUPS, "naive"), DetectionRule(series_a_false=1, false_a_year=3.0)
    )
    key = ("magnets", "USA")
    found = detected_shifts(key, tested[key], first_releases(FELL))
    assert all(isinstance(change, LevelShift) for change in found)
    assert all(former.last < later.first for former, later in pairwise(found))
    assert FIRST in [change.first for change in found]


# Refusals -------------------------------------------------------------------------------------------------------------


def test_a_day_before_any_forecast_is_refused():
    """With one month known nothing had been forecast."""
    with pytest.raises(
        ValueError, match=r"^magnets: expected a month with figures before it, found none to forecast\.$"
    ):
        proposed(FELL, issued=date(2020, 2, 20))


def test_a_model_without_a_name_is_refused():
    """By its name, with the others."""
    with pytest.raises(ValueError, match=r"^There is no model 'oracle': choose among "):
        proposed(FELL, model="oracle")
