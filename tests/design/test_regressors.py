"""Which regressors enter a design, and what their coefficients mean."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar

from forecast.design.regressors import (
    Design,
    bent,
    candidates,
    choose,
    chosen_design,
    linearised,
    volume_shares,
    zero_offset,
)
from forecast.realtime.events import Scope, acting_events

LICENSING = {"kind": "licensing", "announced": date(2023, 4, 20)}
MONTHS = pd.period_range("2020-01", "2023-08", freq="M")


def scope(destination="USA"):
    return Scope("magnets", destination, GROUPS, {})


def with_effect(effect, noise=0.0, months=MONTHS, seed=1):
    """A steady volume of 100 t that a measure of 20 April 2023 multiplies, day by day, by exp(effect)."""
    share = np.array([0.0 if month < pd.Period("2023-04") else 1.0 for month in months])
    share[months.get_loc("2023-04")] = 11 / 30
    logs = (
        np.log(100)
        + np.log1p(share * np.expm1(effect))
        + noise * np.random.default_rng(seed).standard_normal(len(months))
    )
    return pd.Series(np.exp(logs), months)


def series_design(volume, events, scope, horizon, ahead=None) -> Design:
    """The design of a series without anything learned from others."""
    return chosen_design(candidates(volume, acting_events(events), scope, ahead or horizon), horizon)


def test_the_coefficient_of_a_step_is_the_log_effect_of_a_whole_month():
    """On a series without noise least squares on the linearised column finds it exactly, partial month included."""
    design = series_design(with_effect(np.log(0.2)), calendar(LICENSING), scope(), horizon=1)
    column = design.X["licensing_step"].to_numpy()
    rows = np.column_stack([np.ones(len(column)), column])
    estimate = np.linalg.lstsq(rows, design.y.to_numpy(), rcond=None)[0]
    assert np.allclose(estimate, [np.log(100), np.log(0.2)], atol=1e-6)


def test_a_month_covered_in_part_is_a_mixture_not_a_power():
    """Eleven of thirty days at a fifth of the volume: the log of (1 - s) + s r, not s times the log of r."""
    share = 11 / 30
    X = bent(pd.DataFrame({"ban_step": [share]}), {"ban_step": np.log(0.2)})
    assert X["ban_step"].item() * np.log(0.2) == pytest.approx(np.log(1 - share + share * 0.2))
    assert bent(pd.DataFrame({"ban_step": [share]}), {"ban_step": 0.0})["ban_step"].item() == share


def test_step_and_temporary_change_bend_together():
    """In a month covered to a half the two of one kind give what their sum gives on the days covered."""
    shares = pd.DataFrame({"ban_step": [0.5], "ban_temporary": [0.4]})
    effects = {"ban_step": -1.0, "ban_temporary": -2.0}
    X = bent(shares, effects)
    in_logs = X["ban_step"].item() * -1.0 + X["ban_temporary"].item() * -2.0
    assert in_logs == pytest.approx(np.log(0.5 + 0.5 * np.exp((-1.0 * 0.5 - 2.0 * 0.4) / 0.5)))


def test_notice_and_effect_in_one_month_are_days_of_one_month():
    """Ten days of thirty at three times the volume, then fifteen at a fifth: the log of the mean over the days."""
    shares = pd.DataFrame({"ban_step": [15 / 30], "ban_anticipation": [10 / 30]})
    effects = {"ban_step": np.log(0.2), "ban_anticipation": np.log(3.0)}
    X = bent(shares, effects)
    in_logs = sum(X[name].item() * effect for name, effect in effects.items())
    assert in_logs == pytest.approx(np.log((5 + 10 * 3.0 + 15 * 0.2) / 30))
    assert (X.to_numpy() > 0).all()


def test_both_effects_are_found_where_notice_ends_within_a_month():
    """On a series without noise, announced on 10 August and in force from 15 September: no part of either is lost."""
    event = {"kind": "ban", "announced": date(2022, 8, 10), "effective": date(2022, 9, 15)}
    days = pd.period_range(MONTHS[0].start_time, MONTHS[-1].end_time, freq="D")
    daily = np.where(days < "2022-08-10", 1.0, np.where(days < "2022-09-15", 3.0, 0.2))
    volume = 100 * pd.Series(daily, days).groupby(days.asfreq("M")).mean()
    shares = candidates(volume, acting_events(calendar(event)), scope(), 1).shares[["ban_step", "ban_anticipation"]]
    X = linearised(shares, np.log(volume), rounds=50).iloc[:-1]
    rows = np.column_stack([np.ones(len(X)), X])
    estimate = np.linalg.lstsq(rows, np.log(volume.to_numpy()), rcond=None)[0]
    assert np.allclose(estimate, np.log([100, 0.2, 3.0]), atol=1e-6)


def test_linearised_columns_leave_whole_months_and_holidays_alone():
    """Shares of zero and one stay; Lunar New Year stays linear."""
    design = series_design(with_effect(-1.0), calendar(LICENSING), scope(), horizon=1)
    whole = design.panel_X["licensing_step"].isin([0.0, 1.0])
    assert np.allclose(design.X["licensing_step"][whole], design.panel_X["licensing_step"][whole])
    X = linearised(design.panel_X[["lunar_new_year_during"]], design.y)
    assert X.equals(design.panel_X[["lunar_new_year_during"]])


def test_at_most_one_column_enters_for_ten_observed_months():
    """The rest is dropped with the reason."""
    kinds = enumerate(["licensing", "ban", "tariff", "truce", "scrutiny"], start=1)
    years = ({"kind": kind, "announced": date(2021, month, 1), "ends": date(2022, month, 1)} for month, kind in kinds)
    events = calendar(*years)
    design = series_design(with_effect(0.0, noise=0.1), events, scope(), horizon=1)
    assert len(design.X.columns) == len(MONTHS) // 10
    reasons = dict(design.dropped)
    assert "one regressor too many: a series affords one per 10 observed months" in reasons.values()
    assert set(reasons) | set(design.X) == set(design.panel_X)


def test_what_has_not_acted_yet_is_dropped_with_its_reason_never_silently_zero():
    """A measure that begins next month has no month to learn from."""
    events = calendar({"kind": "licensing", "announced": date(2023, 8, 20), "effective": date(2023, 9, 1)})
    design = series_design(with_effect(0.0, noise=0.1), events, scope(), horizon=1)
    assert "licensing_step" not in design.X
    assert dict(design.dropped)["licensing_step"].startswith("no observed month on which it acted")


def test_two_measures_on_the_same_days_cannot_be_told_apart():
    """One enters, the other names it."""
    events = calendar(LICENSING, LICENSING | {"kind": "ban"})
    design = series_design(with_effect(-1.0, noise=0.1), events, scope(), horizon=1)
    assert "licensing_step" in design.X
    assert dict(design.dropped)["ban_step"] == "cannot be told apart from licensing_step in the observed months"


def test_columns_are_chosen_from_months_alone():
    """Other volumes in the same months give the same columns: no effect is looked at before it enters."""
    chosen = {tuple(series_design(with_effect(effect, noise=0.3, seed=seed), calendar(LICENSING), scope(), horizon=1).X)
              for effect in (-2.0, 0.0, 1.0) for seed in (1, 2)}  # fmt: skip
    assert len(chosen) == 1


def test_looking_further_ahead_does_not_change_the_nearer_months():
    """The window lays out more months and leaves training and near months as they were."""
    near = series_design(with_effect(-1.0, noise=0.1), calendar(LICENSING), scope(), horizon=1)
    far = series_design(with_effect(-1.0, noise=0.1), calendar(LICENSING), scope(), horizon=1, ahead=12)
    assert far.X.equals(near.X)
    assert far.X_future.iloc[:1].equals(near.X_future)
    assert far.dropped == near.dropped


def test_gaps_stay_gaps_up_to_the_cutoff():
    """Months are never closed up, and a series that ends early keeps its empty months at the end."""
    volume = with_effect(0.0, noise=0.1)
    volume.iloc[[3, 4, -1, -2]] = np.nan
    design = series_design(volume, calendar(), scope(), horizon=2)
    assert design.y.index.equals(MONTHS)
    assert design.y.isna().sum() == 4
    assert design.last_known == MONTHS[-3]
    assert design.X_future.index.equals(pd.period_range("2023-09", periods=2, freq="M"))


def test_the_offset_for_zeros_scales_with_the_series_and_comes_back_off():
    """A thousand times the volume gives a thousand times the offset; without zeros there is none."""
    volume = pd.Series([0.0, 4.0, 10.0])
    assert zero_offset(1000 * volume) == 1000 * zero_offset(volume) == 2000.0
    design = series_design(with_effect(0.0).mask(MONTHS < "2020-03", 0.0), calendar(), scope(), horizon=1)
    back = design.to_volume(design.y.to_numpy())
    assert np.allclose(back, with_effect(0.0).mask(MONTHS < "2020-03", 0.0))


def test_shares_of_a_total_are_taken_over_months_known_for_both():
    """A month that only one of them has does not count; a country has no parts."""
    volumes = pd.DataFrame({"WLD": [100.0, 200.0, np.nan], "USA": [10.0, np.nan, 50.0], "DEU": [40.0, 50.0, 60.0]})
    assert volume_shares(volumes, "WLD", GROUPS) == {"USA": 0.1, "DEU": 0.3}
    assert volume_shares(volumes.rename(columns={"WLD": "EU27"}), "EU27", GROUPS) == {"DEU": 0.3}
    assert volume_shares(volumes, "USA", GROUPS) == {}


def test_lunar_new_year_enters_before_events():
    """With one column to give it goes to the week off, which comes every year."""
    months = pd.period_range("2022-01", "2023-07", freq="M")
    candidates = pd.DataFrame({"licensing_step": 0.0, "lunar_new_year_during": 0.0}, index=months)
    candidates.loc["2023-04":, "licensing_step"] = 1.0
    candidates.loc[["2022-02", "2023-01"], "lunar_new_year_during"] = 7 / 31
    chosen, dropped = choose(candidates, np.ones(18, dtype=bool), horizon=1)
    assert chosen == ["lunar_new_year_during"]
    assert list(dropped) == ["licensing_step"]


class Unread(pd.DataFrame):
    """Volumes whose columns must not be gone through."""

    def __iter__(self):
        pytest.fail("the other destinations were read")
        yield


def test_a_country_is_seen_without_a_look_at_the_others():
    """Else a panel of many destinations would be read once for each of them."""
    assert volume_shares(Unread({"WLD": [100.0], "USA": [10.0]}), "USA", GROUPS) == {}
