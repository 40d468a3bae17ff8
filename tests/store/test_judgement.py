from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from forecast.ensemble.judgement import FOLLOWS, JUDGED, JudgementError, apply_judgements, judged_run, parse_judgement
from forecast.tables.quantiles import VOLUME_QUANTILES
from forecast.tables.run import Forecasts

GROUPS = {"EU27": ("DEU", "FRA")}


def rows(**volumes: float) -> pd.DataFrame:
    month = pd.Period("2026-08", freq="M")
    made = [
        {"product": "magnets", "destination": code, "model": "combination", "issued": date(2026, 8, 20),
         "cutoff": month - 1, "month": month, "horizon": 1, "last_known": month - 1, "volume_t": volume,
         "lower_80": volume * 0.8, "upper_80": volume * 1.5, "lower_95": volume / 2, "upper_95": volume * 2}
        for code, volume in volumes.items()
    ]  # fmt: skip
    return pd.DataFrame(made)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("USA=-20%: customs strike", ("USA", -0.2, True, None, None)),
        ("USA = 300t: order book", ("USA", 300.0, False, None, None)),
        ("magnets/South Korea@2026-09=-5%: strike", ("KOR", -0.05, True, "magnets", "2026-09")),
        ("magnets/USA@2026-09=+12.5%: restocking: see note", ("USA", 0.125, True, "magnets", "2026-09")),
    ],
)
def test_a_rule_is_read(text: str, expected: tuple[object, ...]) -> None:
    """Relative and absolute, with product and month where they are given."""
    found = parse_judgement(text)
    month = None if found.month is None else str(found.month)
    assert (found.destination, found.amount, found.relative, found.product, month) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("USA=-20%", "expected a reason after a colon, found none. Say why."),
        ("USA=-20%:  ", "expected a reason after a colon, found none. Say why."),
        ("USA=-100%: closed", "expected a volume above zero, found -100%."),
        ("USA=0t: closed", "expected a volume above zero, found 0t."),
        ("USA@2023-13=1t: x", "expected a month as YYYY-MM, 1951 to 2099, found 2023-13."),
        ("USA@0000-01=1t: x", "expected a month as YYYY-MM, 1951 to 2099, found 0000-01."),
        (f"USA={'9' * 400}t: x", "expected DESTINATION=-20%: reason or DESTINATION=300t: reason, found neither."),
        ("USA -20%: x", "expected DESTINATION=-20%: reason or DESTINATION=300t: reason, found neither."),
    ],
)
def test_a_rule_that_cannot_be_is_refused(text: str, said: str) -> None:
    """One sentence with the rule and what was expected; a reason is demanded."""
    with pytest.raises(JudgementError) as error:
        parse_judgement(text)
    assert str(error.value) == f"{text!r}: {said}"


def test_median_and_bounds_move_by_one_factor_and_totals_by_the_tonnes() -> None:
    """USA 200 to 160 takes 40 t from WLD and nothing from EU27; DEU at 330 adds 30 t to EU27 and WLD."""
    forecasts = rows(WLD=1000.0, USA=200.0, DEU=300.0, EU27=400.0)
    rules = [parse_judgement("USA=-20%: strike"), parse_judgement("DEU=330t: orders")]
    new, said = apply_judgements(forecasts, rules, "combination", GROUPS)
    found = new.set_index("destination")["volume_t"]
    assert found.to_dict() == pytest.approx({"WLD": 990.0, "USA": 160.0, "DEU": 330.0, "EU27": 430.0})
    ratio = new[list(VOLUME_QUANTILES)].to_numpy() / forecasts[list(VOLUME_QUANTILES)].to_numpy()
    assert ratio == pytest.approx(ratio[:, :1].repeat(5, axis=1))
    assert set(new["model"]) == {JUDGED}
    assert said.set_index("destination")["reason"].to_dict() == {
        "WLD": FOLLOWS, "USA": "strike", "DEU": "orders", "EU27": FOLLOWS,
    }  # fmt: skip


def test_a_total_that_is_judged_itself_does_not_follow() -> None:
    """Its own rule holds whatever its parts do."""
    rules = [parse_judgement("USA=-20%: strike"), parse_judgement("WLD=900t: own view")]
    new, _ = apply_judgements(rows(WLD=1000.0, USA=200.0), rules, "combination", GROUPS)
    assert new.set_index("destination")["volume_t"].to_dict() == pytest.approx({"WLD": 900.0, "USA": 160.0})


def test_judgement_on_nothing_is_refused() -> None:
    """A destination or month that is not forecast is named."""
    with pytest.raises(JudgementError, match="JPN: expected a destination and month of this forecast, found none"):
        apply_judgements(rows(USA=1.0), [parse_judgement("JPN=+5%: x")], "combination", GROUPS)


def test_the_models_rows_stay() -> None:
    """Judged rows come after those of the models, which are as they were; without judgement the run is the same."""
    run = Forecasts(forecasts=rows(USA=200.0))
    found = judged_run(run, [parse_judgement("USA=-20%: strike")], "combination", GROUPS).forecasts
    pd.testing.assert_frame_equal(found.iloc[:1], run.forecasts)
    assert found["volume_t"].tolist() == [200.0, 160.0]
    assert judged_run(run, [], "combination", GROUPS) is run


@pytest.mark.parametrize("rule", ["USA=2000000000t: x", f"USA={'9' * 30}%: x"])
def test_judgement_of_more_than_any_country_exports_is_refused(rule: str) -> None:
    """The largest figure that a file may have is the largest judgement."""
    with pytest.raises(JudgementError, match=r"^USA: expected a judgement of at most 1e\+09 tonnes, found "):
        apply_judgements(rows(USA=200.0), [parse_judgement(rule)], "combination", GROUPS)


def test_judged_months_go_on_moving_together() -> None:
    """Their correlations are those of the model that was judged, so that sums of them are drawn as its sums are."""
    month = pd.Period("2026-08", freq="M")
    pair = {"product": "magnets", "destination": "USA", "model": "combination", "issued": date(2026, 8, 20)}
    pair |= {"month": month, "other": month + 1}
    pairs = pd.DataFrame([pair | {"correlation": 0.5}, pair | {"destination": "DEU", "correlation": 0.7}])
    run = Forecasts(forecasts=rows(USA=200.0, DEU=300.0), correlations=pairs)
    found = judged_run(run, [parse_judgement("USA=-20%: strike")], "combination", GROUPS).correlations
    assert found[["destination", "model", "correlation"]].to_numpy().tolist() == [
        ["USA", "combination", 0.5],
        ["DEU", "combination", 0.7],
        ["USA", "judged", 0.5],
    ]
