"""Effects learned, as tables: by hand from the prior and the belief, and open about where they come from."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.design.effect_priors import PLACES, experience
from forecast.design.learned_effects import PATH_COLUMNS, REGRESSOR_COLUMNS, loadings
from forecast.realtime.events import Scope
from forecast.realtime.releases import as_of

ISSUED = date(2023, 1, 20)
STEP, PASSING = PLACES["licensing_step"], PLACES["licensing_temporary"]


def table():
    """Magnets to the USA under licence for the last four months; gallium for a year; graphite never."""
    magnets = {"USA": np.append(steady(32, 1000.0), steady(4, 400.0)), "DEU": steady(36, 90.0, seed=2)}
    gallium = {"WLD": np.append(steady(24, 50.0, seed=3), steady(12, 10.0, seed=4))}
    graphite = {"WLD": steady(36, 7.0, seed=5)}
    parts = {"magnets": magnets, "gallium": gallium, "graphite": graphite}
    return pd.concat([exports(series, product=name) for name, series in parts.items()], ignore_index=True)


def events():
    return calendar(
        {"event": "gallium", "kind": "licensing", "products": ("gallium",), "announced": date(2022, 1, 1)},
        {"event": "magnets", "kind": "licensing", "products": ("magnets",), "announced": date(2022, 9, 1),
         "destinations": ("USA",)},
        {"event": "talks", "kind": "dialogue", "announced": date(2022, 9, 1)},
        {"event": "later", "kind": "tax", "announced": date(2023, 1, 21)},
    )  # fmt: skip


def learned(**options):
    return fc.learned_effects(table(), events(), GROUPS, **{"issued": ISSUED} | options)


def test_regressors_are_the_prior_and_the_belief_in_fractions_of_volume():
    """Exponentials of the mean, and of the mean plus and minus 1.2816 sd, less one: from the same experience."""
    found = learned(products=["magnets"], destinations=["USA"]).regressors
    assert found.columns.tolist() == REGRESSOR_COLUMNS
    row = found[(found["kind"] == "licensing") & (found["shape"] == "step")].iloc[0]
    known = experience(as_of(table(), events(), ISSUED), GROUPS)
    for what, prefix, bounds in (("prior", "prior_", "prior"), ("belief", "", "estimate")):
        mean, covariance = getattr(known, what)(("magnets", "USA"))
        half = 1.2815516 * np.sqrt(covariance[STEP, STEP])
        expected = np.exp([mean[STEP], mean[STEP] - half, mean[STEP] + half]) - 1
        assert [row[bounds], row[f"{prefix}lower_80"], row[f"{prefix}upper_80"]] == pytest.approx(list(expected))
    assert row["events"] == ("magnets",)
    assert row["months"] == 4


def test_a_path_is_level_shift_and_what_is_left_of_the_temporary_change():
    """By month since an effect on the first day: the mean of 0.7 to the age over the month, with the covariance."""
    found = learned(products=["magnets"], destinations=["USA"]).paths
    assert found.columns.tolist() == PATH_COLUMNS
    path = found[found["kind"] == "licensing"].set_index("since")
    assert path.index.tolist() == [0, 1, 2, 3, 4, 5, 6]
    known = experience(as_of(table(), events(), ISSUED), GROUPS)
    mean, covariance = known.belief(("magnets", "USA"))
    places = [STEP, PASSING]
    for since in (0, 3):
        left = np.mean(0.7 ** (since + (np.arange(100_000) + 0.5) / 100_000))
        x = np.array([1.0, left])
        half = 1.2815516 * np.sqrt(x @ covariance[np.ix_(places, places)] @ x)
        centre = x @ mean[places]
        assert path.loc[since, "estimate"] == pytest.approx(np.exp(centre) - 1)
        assert path.loc[since, "lower_80"] == pytest.approx(np.exp(centre - half) - 1)
        assert path.loc[since, "upper_80"] == pytest.approx(np.exp(centre + half) - 1)


def teachers(product, destination, kind):
    rows = learned().regressors.set_index(["product", "destination", "kind", "shape"])
    return rows.loc[(product, destination, kind, "step"), "learned_from"]


def test_sources_are_the_products_that_lived_through_the_kind():
    """Gallium learns from magnets, magnets from gallium, and a destination that was spared from another one too."""
    assert teachers("gallium", "WLD", "licensing") == ("magnets",)
    assert teachers("magnets", "USA", "licensing") == ("gallium",)
    assert teachers("magnets", "DEU", "licensing") == ("gallium", "magnets")
    assert set(teachers("graphite", "WLD", "licensing")) == {"gallium", "magnets"}


def test_a_kind_that_nobody_lived_through_names_what_it_borrows_from():
    """A ban is expected to work like licensing, so that is where it comes from; a truce comes from nowhere."""
    assert set(teachers("graphite", "WLD", "ban")) == {"gallium", "magnets"}
    kinds = learned().regressors["kind"].unique().tolist()
    assert "truce" not in kinds
    assert "dialogue" not in kinds


def test_a_series_that_saw_nothing_is_expected_to_do_as_others_did():
    """Without own months the estimate is the prior."""
    rows = learned(products=["graphite"]).regressors
    assert (rows["months"] == 0).all()
    assert rows["estimate"].tolist() == pytest.approx(rows["prior"].tolist())
    assert (rows["events"].map(len) == 0).all()


def test_nothing_is_learned_from_what_came_later():
    """Figures and events of later days change no number."""
    more = exports({"WLD": [1.0] * 6}, "2023-01", "gallium")
    late = calendar({"event": "late", "kind": "ban", "announced": date(2023, 1, 21), "effective": date(2022, 5, 1)})
    after = fc.learned_effects(
        pd.concat([table(), more], ignore_index=True), pd.concat([events(), late], ignore_index=True), GROUPS,
        issued=ISSUED,
    )  # fmt: skip
    pd.testing.assert_frame_equal(after.regressors, learned().regressors, check_exact=True)
    pd.testing.assert_frame_equal(after.paths, learned().paths, check_exact=True)


def test_the_day_is_by_default_that_of_the_latest_figures():
    """Without a day everything released counts; before the first release there is nothing to learn from."""
    assert learned(issued=None).issued == ISSUED
    with pytest.raises(ValueError, match=r"^Nothing of gallium was released by 2019-01-01: issue on a later day\.$"):
        learned(issued=date(2019, 1, 1), products=["gallium"])


def test_a_month_covered_in_part_is_part_without_and_part_with_the_effect():
    """From the 17th of April 2023 on, 14 of 30 days: 16/30 + 14/30 r."""
    act = calendar({"kind": "licensing", "announced": date(2023, 4, 17)})
    mean = np.zeros(len(PLACES))
    mean[STEP] = np.log(0.2)
    months = pd.period_range("2023-03", "2023-05", freq="M")
    logs = loadings(act, Scope("magnets", "USA", {}, {}), months, mean) @ mean
    assert np.exp(logs) == pytest.approx([1.0, 16 / 30 + 14 / 30 * 0.2, 0.2])
