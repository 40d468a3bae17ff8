"""A measure set aside is one that has ended, whichever way the calendar says it."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import calendar, exports, steady

import forecast as fc

START, ASIDE, AGAIN = date(2024, 6, 1), date(2025, 6, 1), date(2026, 7, 1)
BAN = {"event": "ban", "kind": "ban", "destinations": ("USA",), "announced": START}
SUSPENSION = {"event": "aside", "kind": "suspension", "destinations": ("USA",), "announced": ASIDE}
MONTHS = pd.period_range("2019-01", "2026-06", freq="M")


def forecasts(barred: pd.PeriodIndex, *rows: dict, issued: date | None = None, left: float = 0.0) -> np.ndarray:
    """Medians of the structural model for three months, where in the months ``barred`` a share was ``left``."""
    usa = np.where(MONTHS.isin(barred), left, 1.0) * steady(len(MONTHS), 130.0)
    table = exports({"USA": usa, "DEU": steady(len(MONTHS), 80.0, seed=1)}, start="2019-01")
    run = fc.forecast_all(
        table, calendar(*rows), {}, models=["structural"], destinations=["USA"], horizon=3, experience="none",
        issued=issued,
    )  # fmt: skip
    return run.forecasts["volume_t"].to_numpy()


@pytest.mark.slow
@pytest.mark.parametrize("continues", ["", "ban"])
def test_what_a_ban_held_back_comes_when_it_is_suspended(continues):
    """As when it ends, to the last digit, also where the suspension names the ban that it sets aside."""
    barred = MONTHS[MONTHS >= "2025-06"]
    ban, day = BAN | {"announced": ASIDE, "effective": ASIDE}, date(2026, 7, 1)
    known = {"announced": date(2026, 6, 25), "effective": day}
    suspended = forecasts(barred, ban, SUSPENSION | known | {"continues": continues})
    ended = forecasts(barred, ban | {"ends": day, "ends_announced": date(2026, 6, 25)})
    np.testing.assert_array_equal(suspended, ended)
    assert suspended[-1] > 40.0


@pytest.mark.slow
def test_a_ban_that_revives_stops_what_it_stopped_before():
    """Where trade went on while it was set aside: as a second ban on the same goods."""
    barred = MONTHS[(MONTHS >= "2024-06") & (MONTHS < "2025-06")]
    end = {"ends": AGAIN, "ends_announced": date(2026, 6, 15)}
    revived = forecasts(barred, BAN, SUSPENSION | end)
    second = {"event": "second", "announced": date(2026, 6, 15), "effective": AGAIN}
    again = forecasts(barred, BAN | {"ends": ASIDE}, BAN | second)
    np.testing.assert_allclose(revived, again, rtol=1e-9)
    assert revived[-1] < 10.0


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tariff", "quota", "licensing"])
@pytest.mark.parametrize("left", [0.1, 0.3, 0.6, 0.9])
def test_what_revives_takes_what_it_took_before(kind, left):
    """A duty that stopped nearly all stops it again, a mild one is mild again; before it is back, and on its return."""
    barred = MONTHS[(MONTHS >= "2024-06") & (MONTHS < "2025-06")]
    end = {"ends": AGAIN, "ends_announced": date(2026, 6, 15)}
    *_, second, third = forecasts(barred, BAN | {"kind": kind}, SUSPENSION | end, left=left) / 130.0
    assert max(left / 2, left - 0.2) < third < min(2 * left, 0.5 + left / 2)
    assert 0.6 * left < second < 0.6 + 0.5 * left


@pytest.mark.slow
@pytest.mark.parametrize(
    ("issued", "later"),
    [
        (date(2025, 5, 31), SUSPENSION),
        (date(2026, 6, 14), SUSPENSION | {"ends": AGAIN, "ends_announced": date(2026, 6, 15)}),
    ],
    ids=["the suspension", "its end"],
)
def test_nothing_of_a_suspension_is_known_before_it_is_announced(issued, later):
    """The law of the clock: what is announced the day after the issue moves no digit."""
    barred = MONTHS[(MONTHS >= "2024-06") & (MONTHS < "2025-06")]
    known = [BAN] if later is SUSPENSION else [BAN, SUSPENSION]
    np.testing.assert_array_equal(
        forecasts(barred, BAN, later, issued=issued), forecasts(barred, *known, issued=issued)
    )


@pytest.mark.slow
def test_what_comes_later_moves_nothing_under_an_easing():
    """Neither an end of the ban that a licence eases, nor another licence, nor figures: the law of look-ahead."""
    day = date(2026, 4, 20)
    ban = BAN | {"destinations": ("USA", "DEU"), "announced": ASIDE, "products": ("magnets",)}
    licence = {"kind": "general_licence", "destinations": ("USA",), "products": ("magnets",)}
    first = licence | {"event": "first", "announced": date(2026, 2, 25), "effective": date(2026, 3, 1)}
    later = licence | {"event": "later", "announced": date(2026, 5, 2), "effective": date(2026, 5, 5)}
    over = {"ends": date(2026, 6, 1), "ends_announced": date(2026, 5, 20)}
    barred = MONTHS[MONTHS >= "2025-06"]
    found = forecasts(barred, ban, first, issued=day)
    np.testing.assert_array_equal(found, forecasts(barred[barred < "2026-04"], ban | over, first, later, issued=day))
    assert (found > 1.5 * forecasts(barred, ban, issued=day)).all()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["general_licence", "approvals", "quota_removal"])
@pytest.mark.parametrize("day", [5, 15, 25])
def test_what_an_easing_gave_back_does_not_come_twice_as_the_ban_ends(kind, day):
    """Eight destinations barred, of which one soon traded as before: ban and easing end on one day of a month."""
    panel = {f"D{place}": steady(len(MONTHS), 100.0, seed=place) for place in range(8)}
    barred = MONTHS >= "2025-03"
    exempt = {code: np.where(barred & (code != "D0"), 0.03, 1.0) * volumes for code, volumes in panel.items()}
    ban = BAN | {"destinations": ("ALL",), "products": ("magnets",), "announced": date(2025, 2, 25)}
    easing = {"kind": kind, "products": ("magnets",), "destinations": ("D0",), "announced": date(2025, 3, 5)}
    table = exports(exempt, start="2019-01")
    run = fc.forecast_all(
        table, calendar(ban | {"ends": date(2026, 7, day), "ends_announced": date(2026, 6, 10)}, easing), {},
        models=["structural"], destinations=["D0", "D1"], horizon=2, experience="none",
    ).forecasts.set_index("destination")  # fmt: skip
    assert run.loc["D0", "volume_t"].between(75.0, 130.0).all()
    assert run.loc["D1", "volume_t"].iloc[0] < 75.0
