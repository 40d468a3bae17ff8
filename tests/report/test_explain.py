"""Laws of attribution: tonnes of parts add up to the forecast."""

import io
import math
import re
from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import forecast as fc
from forecast.ensemble.judgement import judged_run, parse_judgement
from forecast.report.agenda import EventNames
from forecast.report.brief.headline import why_in_short
from forecast.report.explain import as_objects, explained, shown_medians, tonnes_of_parts, with_tonnes
from forecast.report.explain_table import largest_measures, print_explained
from forecast.tables.quantiles import HALF_WIDTH
from forecast.tables.run import Forecasts

LOGS = st.lists(st.floats(-3, 3), max_size=8)
BASES = st.floats(1e-3, 1e4)


@given(BASES, LOGS)
def test_the_parts_add_up_to_the_forecast(base_t, logs):
    """Base plus parts is base times the product of the factors, within 1e-6 t or a billionth."""
    forecast_t = base_t * math.exp(math.fsum(logs))
    assert base_t + math.fsum(tonnes_of_parts(base_t, np.array(logs))) == pytest.approx(forecast_t, rel=1e-9, abs=1e-6)


@given(BASES, st.floats(1e-9, 3))
def test_parts_that_cancel_leave_the_base(base_t, log):
    """Two opposite parts are opposite in tonnes, each its log times the base."""
    assert tonnes_of_parts(base_t, np.array([log, -log])) == pytest.approx([log * base_t, -log * base_t])


@given(BASES, LOGS)
def test_a_part_has_the_sign_of_its_log(base_t, logs):
    """What raises the forecast in logs raises it in tonnes."""
    assert (np.sign(tonnes_of_parts(base_t, np.array(logs))) == np.sign(logs)).all()


@given(BASES, LOGS)
def test_the_table_adds_up_by_series_and_month(base_t, logs):
    """Of two destinations each adds up to its own forecast, whatever the order of rows."""
    parts = [_part("USA", "level", math.log(base_t)), _part("DEU", "level", 0.0), _part("DEU", "event", math.log(3.0))]
    found = with_tonnes(pd.DataFrame([*(_part("USA", "event", log) for log in logs), *parts]))
    sums = found.groupby("destination")["tonnes"].sum()
    assert sums["DEU"] == pytest.approx(3.0)
    assert sums["USA"] == pytest.approx(base_t * math.exp(math.fsum(logs)), rel=1e-9, abs=1e-6)


def test_a_forecast_without_a_level_is_refused():
    """Without a base there is nothing that differences could be differences from."""
    with pytest.raises(ValueError, match="expected one part of kind level, found 0"):
        with_tonnes(pd.DataFrame([_part("USA", "event", 0.1)]))


@pytest.mark.parametrize(("base_t", "log"), [(0.0, 0.1), (math.nan, 0.1), (1.0, math.inf)])
def test_what_has_no_logarithm_is_refused(base_t, log):
    """Zero, unknown and infinite give no parts."""
    with pytest.raises(ValueError, match="Parts of a forecast"):
        tonnes_of_parts(base_t, np.array([log]))


def _part(destination, kind, log):
    return {"product": "magnets", "destination": destination, "month": pd.Period("2026-11", "M"), "name": kind,
            "kind": kind, "log": log}  # fmt: skip


# Runs ----------------------------------------------------------------------------------------------------------------

SHAPES = st.sampled_from(["steady", "zeros", "gaps", "tiny", "falls to nothing"])


@pytest.mark.slow
@settings(max_examples=6, derandomize=True)
@given(SHAPES, SHAPES, st.integers(0, 10_000), st.booleans())
def test_parts_of_a_run_add_up_to_every_median(first, second, seed, calibrate):
    """On panels of any shape with events, the tonnes of the parts are the median, within 1e-6 t or a billionth."""
    panel = {"WLD": _series("steady", seed), "USA": _series(first, seed + 1), "DEU": _series(second, seed + 2)}
    run = _run(panel, calibrate)
    found = list(as_objects(explained(run, run.forecasts["issued"].max()), _medians(run), {}))
    combined = run.forecasts[run.forecasts["model"] == "combination"]
    assert len(found) == len(combined) > 0
    for one in found:
        assert math.fsum(part["tonnes"] for part in one["parts"]) == pytest.approx(
            one["forecast_t"], rel=1e-9, abs=1e-6
        )


@pytest.mark.slow
@pytest.mark.parametrize("calibrate", [True, False])
def test_parts_of_every_model_add_up_to_its_own_median(calibrate):
    """Members and benchmarks are divided too: tonnes add up within 1e-6 t or a billionth, the logs likewise."""
    run = _run({"WLD": _series("steady", 5), "USA": _series("zeros", 6)}, calibrate)
    day = run.forecasts["issued"].max()
    for model in ("naive", "theta", "structural", "combination"):
        medians = shown_medians(run, day, model)
        found = list(as_objects(explained(run, day, model), medians, {}, model))
        assert len(found) == len(medians) > 0
        for one in found:
            assert one["model"] == model
            assert math.fsum(part["tonnes"] for part in one["parts"]) == pytest.approx(
                one["forecast_t"], rel=1e-9, abs=1e-6
            )
    kinds = {part["kind"] for one in as_objects(explained(run, day, "naive"), shown_medians(run, day, "naive"), {})
             for part in one["parts"]}  # fmt: skip
    assert kinds == {"level", "calendar"}


def test_a_series_that_a_model_refused_has_no_parts_of_it():
    """A destination too short for theta is divided by the others alone, and hinders nothing."""
    panel = {"USA": _series("steady", 5), "DEU": [math.nan] * 36 + [10.0, 11.0, 12.0, 11.0, 10.0, 12.0]}
    run = _run(panel, False)
    day = run.forecasts["issued"].max()
    assert set(run.failures.query("model == 'theta'")["destination"]) == {"DEU"}
    assert set(explained(run, day, "theta")["destination"]) == {"USA"}
    assert set(explained(run, day)["destination"]) == {"USA", "DEU"}


def test_the_rest_of_the_world_is_explained_as_it_is_shown():
    """Its parts add up to the reconciled median, by one part of its own."""
    rest = pd.DataFrame({"product": ["magnets"], "destination": ["ROW"], "model": ["combination"],
                         "issued": [date(2026, 8, 20)], "month": [pd.Period("2026-09")]})  # fmt: skip
    parts = rest.drop(columns="model").assign(name="level", kind="level", log=math.log(100.0), lower_80=math.nan,
                                              upper_80=math.nan, rests_on="")  # fmt: skip
    run = Forecasts(forecasts=rest.assign(volume_t=100.0), reconciled=rest.assign(volume_t=80.0), parts=parts)
    (one,) = as_objects(explained(run, date(2026, 8, 20)), shown_medians(run, date(2026, 8, 20)), {})
    assert one["forecast_t"] == 80.0
    assert [(part["kind"], round(part["tonnes"], 9)) for part in one["parts"]] == [
        ("level", 100.0), ("reconciliation", -20.0)
    ]  # fmt: skip


def test_an_episode_has_an_interval_and_what_it_rests_on():
    """The interval holds the part, is as wide as the posterior of its path, and names the episodes of the kind."""
    volumes = list(simulated.steady(36, 100.0)) + list(simulated.steady(6, 50.0, seed=1))
    run = _run({"USA": volumes}, False)
    day = run.forecasts["issued"].max()
    one, _ = as_objects(explained(run, day), _medians(run), {})
    (part,) = (part for part in one["parts"] if part["kind"] == "episode")
    assert part["rests_on"] == ["event-0"]
    assert part["lower_80"] < part["log"] < part["upper_80"]
    effects = run.effects[(run.effects["episode"] == "event-0")]
    widths = (effects["upper"] - effects["lower"]) * HALF_WIDTH[80] / HALF_WIDTH[95]
    assert widths.min() * 0.9 <= part["upper_80"] - part["lower_80"] <= widths.max() * 1.1
    assert all(part["lower_80"] is None for part in one["parts"] if part["kind"] != "episode")


@pytest.mark.parametrize("models", [("structural",), ("naive", "theta", "structural", "combination")])
def test_a_ban_has_the_tonnes_that_it_takes(models):
    """Of a destination that a ban leaves without exports it takes nearly all of the level, floor and rest little."""
    banned = [*simulated.steady(36, 100.0), *[0.0] * 9]
    run = _run({"WLD": _series("steady", 3), "USA": banned}, False)
    day = run.forecasts["issued"].max()
    found = as_objects(explained(run, day, models[-1]), shown_medians(run, day, models[-1]), {}, models[-1])
    one = next(one for one in found if one["destination"] == "USA")
    tonnes = {kind: math.fsum(part["tonnes"] for part in one["parts"] if part["kind"] == kind)
              for kind in ("level", "episode", "floor", "combination")}  # fmt: skip
    assert one["forecast_t"] < 0.02 * tonnes["level"]
    assert tonnes["episode"] < -0.95 * tonnes["level"]
    assert abs(tonnes["floor"]) + abs(tonnes["combination"]) < 0.05 * tonnes["level"]
    assert math.fsum(part["tonnes"] for part in one["parts"]) == pytest.approx(one["forecast_t"], abs=1e-6)


def test_months_without_trade_are_a_part():
    """Of a destination without trade in three months of eight: of the combination and of the structural model alike."""
    volumes = simulated.steady(60, 100.0)
    volumes[[7, 9, 10, 15, 18, 22, 27, 28, 33, 36, 41, 44, 47, 49, 52, 53, 55, 57]] = 0.0
    run = _run({"WLD": _series("steady", 3) * 2, "USA": volumes}, False)
    day = run.forecasts["issued"].max()
    for model in ("combination", "structural"):
        found = as_objects(explained(run, day, model), shown_medians(run, day, model), {}, model)
        one = next(one for one in found if one["destination"] == "USA")
        (part,) = (part for part in one["parts"] if part["name"] == "months without trade")
        assert part["tonnes"] < -1.0
        assert math.fsum(part["tonnes"] for part in one["parts"]) == pytest.approx(one["forecast_t"], rel=1e-6)
        assert not [part for part in one["parts"] if part["name"] == "what rounds to nothing"]


def test_an_event_is_a_part_by_its_name_and_a_judgement_is_one():
    """A measure that halved the volume is a part below zero; a judgement of -20 % is the part that makes up for it."""
    volumes = list(simulated.steady(36, 100.0)) + list(simulated.steady(6, 50.0, seed=1))
    run = judged_run(_run({"USA": volumes}, False), [parse_judgement("USA=-20%: strike")], "combination", {})
    one, _ = as_objects(explained(run, run.forecasts["issued"].max()), _medians(run), {"USA": "United States"})
    by_name = {part["name"]: part for part in one["parts"]}
    assert by_name["event-0"]["kind"] == "episode"
    assert by_name["event-0"]["tonnes"] < -20
    assert by_name["judgement"]["log"] == pytest.approx(math.log(0.8))
    assert math.fsum(part["tonnes"] for part in one["parts"]) == pytest.approx(run.judgements["judged_t"].iloc[0])


def test_the_waterfall_ends_at_the_forecast(capsys):
    """The screen says the median, each part with its sign, and that a part is association."""
    parts = [{"name": "level", "kind": "level", "tonnes": 100.0, "log": math.log(100.0)},
             {"name": "ban-2025", "kind": "episode", "tonnes": -30.0, "log": math.log(0.7)}]  # fmt: skip
    one = {"name": "[b]USA", "product": "magnets", "month": "2026-08", "forecast_t": 70.0, "parts": parts}
    print_explained([one], Console(width=100, markup=False))
    said = capsys.readouterr().out
    assert "[b]USA, magnets, 2026-08: 70 t" in said
    assert re.search(r"^ban-2025 +-30 +-30 %", said, re.M)
    assert "association, not cause" in said


@pytest.mark.parametrize("width", [60, 80, 140])
def test_measures_are_named_as_people_name_them(width):
    """Kind, day and whom in the table, at any width whole; what it is and its identifier stand once below."""
    event = {"event": "tariff-2022-09-usa", "kind": "tariff", "announced": date(2022, 9, 1),
             "effective": date(2023, 1, 1), "destinations": ("USA",), "description": "A tariff of 10 %."}  # fmt: skip
    events = simulated.calendar(event)
    run = fc.forecast_all(simulated.exports({"USA": _series("steady", 2)}), events, {},
                          models=["naive", "structural", "combination"], calibrate=False)  # fmt: skip
    day = run.forecasts["issued"].max()
    called = EventNames.of(events, {"USA": "United States"})
    (one,) = as_objects(explained(run, day), shown_medians(run, day), {}, called=called)
    console = Console(width=width, file=io.StringIO(), markup=False)
    print_explained([one], console)
    said = console.file.getvalue()
    assert max(map(len, said.splitlines())) <= width
    assert (
        "tariff of 2023-01-01, United States: A tariff of 10 %. Learned from no other episode of tariff;"
        in " ".join(said.split())
    )
    assert said.count("tariff-2022-09-usa") == 1
    (part,) = (part for part in one["parts"] if part["kind"] == "episode")
    assert (part["name"], part["title"]) == ("tariff-2022-09-usa", "tariff of 2023-01-01, United States")


@pytest.mark.parametrize(
    ("rests_on", "log", "expected"),
    [
        ("diverted:l", 0.1, "Learned from no other episode of diversion; in the calendar l."),
        ("diverted:k;diverted:l", -0.1, "Learned from 1 other episode of diversion; in the calendar l. It works "
         "against its kind: forecast events --effects says what coincides with it."),
    ],
    ids=["brings goods", "takes goods away"],
)  # fmt: skip
def test_what_is_diverted_and_takes_goods_away_is_against_its_kind(rests_on, log, expected):
    """A diversion brings goods: a minus is said as for any sign against the kind. Itself is no other episode."""
    event = {"event": "l", "kind": "licensing", "announced": date(2023, 1, 1), "destinations": ("USA",),
             "description": "Licence for each contract"}  # fmt: skip
    called = EventNames.of(simulated.calendar(event), {})
    level = _part("JPN", "level", math.log(100.0)) | {"rests_on": ""}
    diverted = _part("JPN", "episode", log) | {"name": "diverted:l", "rests_on": rests_on}
    bounds = {"lower_80": math.nan, "upper_80": math.nan}
    parts = with_tonnes(pd.DataFrame([level | bounds, diverted | bounds]))
    forecast_t = parts["tonnes"].sum()
    (one,) = as_objects(parts, {("magnets", "JPN", pd.Period("2026-11", "M")): forecast_t}, {}, called=called)
    assert largest_measures([one | {"name": "Japan"}]) == [
        f"diverted by licensing of 2023-01-01, USA: Licence for each contract. {expected}"
    ]
    assert ("against its kind" in why_in_short(one)) == (log < 0)


def _medians(run):
    return shown_medians(run, run.forecasts["issued"].max())


def _run(panel, calibrate):
    events = simulated.calendar({"kind": "licensing", "announced": date(2023, 1, 1)})
    return fc.forecast_all(
        simulated.exports(panel), events, {}, models=["naive", "theta", "structural", "combination"],
        calibrate=calibrate, horizon=2,
    )  # fmt: skip


def _series(shape, seed):
    volumes = simulated.steady(42, 100.0, 0.3, seed)
    if shape == "zeros":
        volumes[::3] = 0.0
    if shape == "gaps":
        volumes[5:9] = np.nan
    if shape == "tiny":
        volumes *= 1e-4
    if shape == "falls to nothing":
        volumes[-8:] = 0.0
    return list(volumes)
