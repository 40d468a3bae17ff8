from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
import simulated
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from forecast.ensemble.judgement import as_judged, judged_run, parse_judgement
from forecast.realtime.events import known_events
from forecast.report.acting import ActingCalendar
from forecast.report.plots import COLOURS, event_marks, plot_forecast
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES

ISSUED = date(2025, 1, 20)
GAP = np.nan
VOLUMES = [100.0, 110.0, GAP, 90.0, *simulated.steady(56)]  # 2020-01 to 2024-12
EXPORTS = simulated.exports({"USA": VOLUMES, "WLD": [3 * volume for volume in VOLUMES], "ITA": [5.0, 6.0]})
EVENTS = simulated.calendar(
    {"kind": "licensing", "announced": date(2023, 4, 4)},
    {"kind": "truce", "announced": date(2023, 4, 10), "destinations": ("USA",)},
    {"kind": "quota", "announced": date(2023, 4, 12), "destinations": ("DEU",)},
    {"kind": "tax", "announced": date(2020, 3, 1)},
    {"kind": "ban", "announced": date(2020, 3, 1), "ends": date(2020, 6, 1)},
    {"kind": "dialogue", "announced": date(2023, 5, 1)},
    {"kind": "ban", "announced": date(2025, 1, 21)},
    {"kind": "tariff", "announced": date(2024, 12, 1), "effective": date(2025, 4, 1)},
)


def forecasts(upper_95: float = 180.0, months: int = 2) -> pd.DataFrame:
    cutoff = pd.Period("2024-12", "M")
    key, bounds = ["magnets", "USA", "combination", ISSUED, cutoff], [100.0, 80.0, 130.0, 60.0, upper_95]
    rows = [[*key, cutoff + ahead, ahead, *bounds, cutoff] for ahead in range(1, months + 1)]
    return pd.DataFrame(rows, columns=RUN_TABLES["forecasts"].columns)


def drawn(made: pd.DataFrame | None = None, destination: str = "USA", **options: object) -> Figure:
    made = forecasts() if made is None else made
    return plot_forecast(EXPORTS, EVENTS, {}, made, "magnets", destination, **options)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_axes_say_what_they_show() -> None:
    """Axes carry their units, the title the series, the subtitle the months and the issue day."""
    figure = drawn(names={"USA": "United States"})
    assert figure.axes[0].get_xlabel() == "month"
    assert figure.axes[0].get_ylabel() == "tonnes a month"
    assert [text.get_text() for text in figure.texts] == [
        "Exports of magnets: United States",
        "forecast for 2025-01 to 2025-02, issued 2025-01-20",
    ]


def test_every_event_in_sight_is_marked_once() -> None:
    """Events on the series that take effect in the months shown, or began before and still act, are numbered lines."""
    figure = drawn()
    lines = [line for line in figure.axes[0].lines if list(line.get_ydata()) == [0, 1]]
    assert [to_hex(line.get_color()) for line in lines] == [
        COLOURS["tightening"], COLOURS["tightening"], COLOURS["easing"],
    ]  # fmt: skip
    assert [line.get_linestyle() for line in lines] == ["-", "-", "--"]
    assert texts(figure) == [
        "1", "2", "3", "1  tax 2020-03-01 all", "2  licensing 2023-04-04 all", "3  truce 2023-04-10 USA",
    ]  # fmt: skip


def test_a_line_stands_on_the_day_of_effect() -> None:
    """A line stands between the months before and after its day; one from before the window stands at its edge."""
    axes = drawn().axes[0]
    _, licence, truce = (line.get_xdata()[0] for line in axes.lines if list(line.get_ydata()) == [0, 1])
    assert (licence, truce) == ((date(2023, 4, 4) - date(1970, 1, 1)).days, (date(2023, 4, 10) - date(1970, 1, 1)).days)
    assert axes.get_xlim()[0] == (date(2020, 12, 1) - date(1970, 1, 1)).days
    march, april = axes.lines[0].get_xdata()[27:29]
    assert march < licence < truce < april


def test_close_numbers_do_not_touch() -> None:
    """Numbers of events a few days apart stand in different rows; those far apart share the lowest."""
    calendar = ActingCalendar(known_events(EVENTS, ISSUED), {}, "magnets")
    marks = event_marks(calendar, "WLD", pd.Period("2021-01", "M"), pd.Period("2025-01", "M"), {})
    assert [mark.row for mark in marks] == [0, 0, 1, 2]
    assert [mark.part for mark in marks] == [False, False, True, True]


def test_intervals_are_bars_of_a_month() -> None:
    """Each month forecast has a bar from the lower to the upper bound for each level, as wide as the month."""
    bars = [patch.get_bbox() for patch in drawn().axes[0].patches]
    assert [(bar.y0, bar.y1) for bar in bars] == [(60.0, 180.0), (80.0, 130.0)] * 2
    assert [bar.width for bar in bars] == [31, 31, 28, 28]


def test_a_judged_forecast_leads_and_the_models_is_a_thin_mark() -> None:
    """The diamond stands at the judged number, a line over the month at the model's, and the key says both."""
    own = forecasts(months=1)
    run = judged_run(Forecasts(forecasts=own), [parse_judgement("USA=-20%: strike")], "combination", {})
    figure = drawn(as_judged(own, run))
    diamonds = [line for line in figure.axes[0].lines if line.get_marker() == "D"]
    assert [[*line.get_ydata()] for line in diamonds] == [[80.0]]
    marks = [line for line in figure.axes[0].lines if [*line.get_ydata()] == [100.0, 100.0]]
    assert len(marks) == 1
    assert marks[0].get_linewidth() < 1
    key = [text.get_text() for text in figure.axes[1].get_legend().get_texts()]
    assert key[1:3] == ["judged forecast", "combination"]
    plain = [text.get_text() for text in drawn(own).axes[1].get_legend().get_texts()]
    assert plain[1:3] == ["median forecast (combination)", "80 %"]


def test_gaps_stay_open() -> None:
    """A month without a figure breaks the line, and no later figure than the issue day's is drawn."""
    figure = drawn(first=pd.Period("2020-01", "M"), issued=ISSUED)
    actual = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_array_equal(np.isnan(actual), [place == 2 for place in range(60)])
    earlier = drawn(first=pd.Period("2020-01", "M"), issued=date(2024, 3, 19))
    assert len(earlier.axes[0].lines[0].get_ydata()) == 49  # to 2024-01
    assert earlier.texts[1].get_text() == "no forecast, issued 2024-03-19"


@pytest.mark.slow
def test_four_years_are_shown() -> None:
    """The figure begins four years before the cutoff, or earlier where few months are known."""
    assert len(drawn().axes[0].lines[0].get_ydata()) == 49
    np.testing.assert_array_equal(drawn(destination="ITA").axes[0].lines[0].get_ydata()[:3], [5.0, 6.0, np.nan])


@pytest.mark.parametrize(("upper_95", "written"), [(180.0, []), (9999.0, ["95 % up to 9,999 t"])])
def test_a_bound_beyond_the_axis_is_written(upper_95: float, written: list[str]) -> None:
    """A wide interval does not flatten the history: its bound is written where the axis ends."""
    figure = drawn(forecasts(upper_95))
    assert [text for text in texts(figure) if "up to" in text] == written
    largest = max([*figure.axes[0].lines[0].get_ydata(), 100.0])
    assert largest < figure.axes[0].get_ylim()[1] < 3 * largest


def test_pictures_are_the_same_twice(tmp_path) -> None:
    """The same figure saved twice is the same file."""
    for name in ("a.png", "b.png"):
        drawn().savefig(tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
