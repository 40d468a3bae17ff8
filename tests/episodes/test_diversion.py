"""Laws of diversions: who has one, by what share, how it comes and goes, and that a planted one is recovered."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from simulated import calendar, exports, steady

import forecast as fc
from forecast.episodes.course import FORCE, Episode, Years, exposure
from forecast.episodes.diversion import diversions_of
from forecast.episodes.panel import structural_forecasts
from forecast.realtime.events import covers_whole

MONTHS = pd.period_range("2020-01", periods=72, freq="M")
VOLUMES = pd.DataFrame({"A": 60.0, "B": 30.0, "C": 10.0, "WLD": 100.0}, MONTHS)


def row(event, day, destinations, ends=None, kind="ban", products=("p",)):
    return SimpleNamespace(
        event=event, kind=kind, products=products, destinations=destinations, announced=day, effective=day,
        ends=ends, scheduled=None, continues="",
    )  # fmt: skip


def found(rows, destination, members=None):
    return diversions_of(rows, "p", destination, members or {}, VOLUMES)


def test_a_destination_beside_a_measure_has_a_diversion_and_the_barred_none():
    """The share barred is that of the year before; the barred, totals, groups and other products have none."""
    rows = [row("b", date(2024, 3, 1), ("A",))]
    [one] = found(rows, "B")
    assert (one.kind, one.barred, one.share, one.events) == ("diversion", pytest.approx(0.6), 1.0, ("b",))
    members = {"G": ("B", "C")}
    assert [found(rows, code, members) for code in ("A", "WLD", "G")] == [(), (), ()]
    assert diversions_of(rows, "q", "B", {}, VOLUMES) == ()
    assert found([row("b", date(2024, 3, 1), ("ALL",))], "B") == ()


def test_what_is_barred_already_is_not_diverted_again():
    """A second measure on the same destination adds nothing while the first acts, and its share after it."""
    first = row("a", date(2023, 3, 1), ("A",))
    ended = row("a", date(2023, 3, 1), ("A",), ends=date(2023, 9, 1))
    second = row("b", date(2024, 3, 1), ("A", "B"))
    assert [(one.name, round(one.barred, 2)) for one in found([first, second], "C")] == [
        ("diverted:a", 0.6),
        ("diverted:b", 0.3),
    ]
    assert [round(one.barred, 2) for one in found([ended, second], "C")] == [0.6, 0.9]


def test_what_is_barred_is_found_once_for_all_destinations(monkeypatch):
    """A wide panel asks for each of its destinations: the work grows with them and not with their square."""
    asked, codes = [], [f"D{place:02}" for place in range(40)]
    monkeypatch.setattr("forecast.episodes.course.covers_whole", lambda *of: asked.append(of) or covers_whole(*of))
    years = Years(pd.DataFrame(1.0, MONTHS, codes))
    rows = [row("b", date(2024, 3, 1), tuple(codes[:10]))]
    barred = [one.barred for code in codes for one in diversions_of(rows, "p", code, {}, years)]
    assert (len(asked), barred) == (40, pytest.approx([0.25] * 30))


def test_an_easing_and_a_measure_on_little_divert_nothing():
    """Only measures that bar, and only from a twentieth of the volume on."""
    assert found([row("t", date(2024, 3, 1), ("A",), kind="truce")], "B") == ()
    little = VOLUMES.assign(C=1.0)
    assert diversions_of([row("b", date(2024, 3, 1), ("C",))], "p", "B", {}, little) == ()


def test_a_diversion_comes_and_goes_by_degrees():
    """Nothing before the effect, all of it nine months later, nothing again nine months after the end."""
    one = Episode("d", "diversion", date(2023, 1, 1), date(2023, 1, 1), date(2024, 7, 1), 1.0, ("d",), 0.5)
    shares = exposure(one, MONTHS)
    full = shares[:, FORCE.stop - 1]
    assert not np.delete(shares, FORCE.stop - 1, axis=1).any()
    assert full[MONTHS < "2023-01"].max() == 0
    assert full[(MONTHS > "2023-10") & (MONTHS < "2024-07")].min() == 1
    assert full[MONTHS > "2025-04"].max() == 0
    assert (np.diff(full[36:45]) > 0).all()
    assert (np.diff(full[54:63]) < 0).all()


def test_a_planted_diversion_is_recovered_and_foreseen():
    """Five destinations grow to three times their volume: the effect is inside its interval, the next month closer."""
    rng, measure = np.random.default_rng(4), row("b", date(2025, 1, 1), ("A",))
    one = Episode("diverted:b", "diversion", measure.effective, measure.effective, None, 1.0, ("b",), 0.9)
    grown = 1 + 2 * exposure(one, MONTHS)[:, FORCE.stop - 1]
    truth = {("p", f"X{n}"): pd.Series(10 * grown * np.exp(rng.normal(0, 0.08, 72)), MONTHS) for n in range(5)}
    past = {key: volume.iloc[:66] for key, volume in truth.items()}
    fits = dict(structural_forecasts(past, dict.fromkeys(past, (one,)), 1))
    blind = dict(structural_forecasts(past, {}, 1))
    for fit in fits.values():
        path = fit.fit.path(0)
        apart = path.mean[FORCE.stop - 1] - np.log(3.0)
        assert abs(apart) < 2.5 * np.sqrt(path.covariance[FORCE.stop - 1, FORCE.stop - 1])
    errors = [
        np.mean([abs(fit[key].volumes()["median"].iloc[0] - 10 * grown[66]) for key in past]) for fit in (fits, blind)
    ]
    assert errors[0] < 0.7 * errors[1]


def test_siblings_teach_and_other_products_do_not():
    """A destination is forecast alike whether or not another product has a diversion of its own."""
    one = Episode("diverted:b", "diversion", date(2025, 1, 1), date(2025, 1, 1), None, 1.0, ("b",), 0.9)
    rng = np.random.default_rng(6)
    own = pd.Series(10 * np.exp(rng.normal(0, 0.1, 66)), MONTHS[:66])
    grown = own * (1 + 4 * exposure(one, MONTHS[:66])[:, FORCE.stop - 1])
    keys = {"sibling": ("p", "Y"), "stranger": ("q", "Y")}
    mine = ("p", "X")
    alone = dict(structural_forecasts({mine: own}, {mine: (one,)}, 1))[mine].volumes()
    beside = {
        name: dict(structural_forecasts({mine: own, key: grown}, {mine: (one,), key: (one,)}, 1, wanted=[mine]))
        for name, key in keys.items()
    }
    medians = {name: fit[mine].volumes()["median"].iloc[0] for name, fit in beside.items()}
    assert medians["stranger"] == pytest.approx(alone["median"].iloc[0], rel=1e-9)
    assert medians["sibling"] > 1.01 * alone["median"].iloc[0]


def test_what_comes_after_the_issue_day_moves_no_diversion():
    """Later figures, revisions, destinations, ends and measures may be anything: forecasts and effects are the same."""
    months, issued = 60, date(2024, 10, 20)
    volumes = {code: steady(months, level, seed=level) for code, level in (("USA", 60), ("DEU", 30), ("JPN", 10))}
    volumes["DEU"][50:] *= 1.8
    table = exports(volumes)
    ban = {"event": "b", "kind": "ban", "destinations": ("USA",), "announced": date(2024, 2, 20)}
    measure = calendar(ban | {"effective": date(2024, 3, 1)})
    late = exports({"USA": [900.0] * 4, "FRA": [5e4] * 57}).assign(released=date(2024, 10, 21))
    more = calendar(
        {"event": "c", "kind": "ban", "destinations": ("JPN",), "announced": date(2024, 10, 21),
         "effective": date(2024, 3, 1)},
    )  # fmt: skip
    ended = measure.assign(ends=[date(2024, 6, 1)], ends_announced=[date(2024, 10, 21)])
    asked = {"issued": issued, "destinations": ["DEU"], "models": ["structural", "theta"], "calibrate": False}
    before = fc.forecast_all(table, measure, {}, **asked)
    after = fc.forecast_all(
        pd.concat([table, late], ignore_index=True), pd.concat([ended, more], ignore_index=True), {}, **asked
    )
    assert (before.effects["kind"] == "diversion").any()
    pd.testing.assert_frame_equal(before.forecasts, after.forecasts, check_exact=True)
    pd.testing.assert_frame_equal(before.effects, after.effects, check_exact=True)
