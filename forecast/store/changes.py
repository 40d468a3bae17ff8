"""What changed since the last issue, and why: the forecast made again along a path of inputs from then to now.

The path leads from what was issued over the settings (and the version), the revisions of figures on file, new figures,
and entries of the calendar that were added, moved and ended. What a forecast moves by at each step is the contribution
of that step; the steps add up to the whole change, in logs and in tonnes. The contributions depend on the order, which
is always this one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from forecast.tables.frames import as_text
from forecast.tables.schema import EVENT_COLUMNS

SETTINGS, REVISIONS, FIGURES = "settings", "revisions", "new_figures"
CALENDAR = ("calendar_added", "calendar_moved", "calendar_ended")
CONTRIBUTIONS = (SETTINGS, REVISIONS, FIGURES, *CALENDAR)

ROW = ["product", "destination", "model", "month"]
CHANGE_COLUMNS = [*ROW, "horizon", "issued", "before", "before_t", "after_t", "contribution", "log_change", "change_t"]

NEWS_DECOMP_COLUMNS = [
    "variable", "date", "forecast_horizon", "frequency", "source", "vintage_date", "base_vintage_date",
    "decomposition", "component", "revision_source", "contribution", "weight", "news", "forecast_metric",
]  # fmt: skip
"""Those of the table ``decompositions`` of the Bank of England's package news_decomp."""

Reforecast = Callable[[pd.DataFrame, pd.DataFrame, date, int], pd.DataFrame]
"""Rows of forecasts from exports, events, issue day and horizon, under the present settings."""


@dataclass(frozen=True)
class Inputs:
    """What one issue rested on: figures and calendar known on ``issued``, and the rows that it gave."""

    exports: pd.DataFrame
    events: pd.DataFrame
    issued: date
    forecasts: pd.DataFrame


def what_changed(old: Inputs, new: Inputs, same_settings: bool, forecast: Reforecast) -> pd.DataFrame:
    """The change of every forecast since the last issue by contribution: columns `CHANGE_COLUMNS`.

    Rows stand for the series, models and months that both issues can forecast; where the last issue did not reach as
    far, what it would have said stands in ``before_t``. A step that changes no input contributes nothing and is not
    computed.

    ``same_settings`` says whether settings and version are those of the last issue; ``forecast`` makes a forecast under
    the present ones.

    References
    ----------
    Banbura & Modugno (2014), https://doi.org/10.1002/jae.2306 (news); here by re-forecasting, as models are not linear.
    """
    if new.forecasts.empty or old.forecasts.empty:
        return pd.DataFrame(columns=CHANGE_COLUMNS)
    again = _old_inputs_again(old, new, forecast) if _falls_short(old, new) or not same_settings else None
    stages = [old.forecasts if again is None else _filled(old.forecasts, again)]
    steps = _path(old, new)
    changed = [not same_settings, *_moves(old, new)]
    last = max((place for place, moves in enumerate(changed) if moves), default=0)
    for place, moves in enumerate(changed):
        stage = stages[-1]
        if place == last:
            stage = new.forecasts
        elif moves:
            stage = again if place == 0 and again is not None else forecast(*steps[place], _reach(steps[place], new))
        stages.append(stage)
    return _contributions(stages, old, new)


Step = tuple[pd.DataFrame, pd.DataFrame, date]
"""Exports, events and issue day of a forecast on the path."""


def _path(old: Inputs, new: Inputs) -> list[Step]:
    """The inputs after each of `CONTRIBUTIONS`."""
    revised = new.exports[_keys(new.exports).isin(_keys(old.exports))]
    calendars = [(new.exports, calendar_until(old.events, new.events, name), new.issued) for name in CALENDAR]
    figures = [(exports, old.events, new.issued) for exports in (revised, new.exports)]
    return [(old.exports, old.events, old.issued), *figures, *calendars]


def _moves(old: Inputs, new: Inputs) -> list[bool]:
    """Whether each of `CONTRIBUTIONS` but the first changes the inputs."""
    steps = _path(old, new)
    figures = [not _figures_same(one[0], other[0]) for one, other in pairwise(steps[:3])]
    return [*figures, *_calendar_steps(old.events, new.events)]


def _reach(step: Step, new: Inputs) -> int:
    """How many months after the figures of a step the last month of the new issue lies."""
    return max(1, int(new.forecasts["month"].max().ordinal - step[0]["month"].max().ordinal))


def _old_inputs_again(old: Inputs, new: Inputs, forecast: Reforecast) -> pd.DataFrame:
    """What the present settings make of the inputs of the last issue."""
    step = (old.exports, old.events, old.issued)
    return forecast(*step, _reach(step, new))


def _falls_short(old: Inputs, new: Inputs) -> bool:
    """Whether the last issue lacks months that the new one has."""
    cell = ["product", "month"]
    wanted = pd.MultiIndex.from_frame(new.forecasts[cell])
    return not wanted.isin(pd.MultiIndex.from_frame(old.forecasts[cell])).all()


def _filled(issued: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """What was issued, and what would have been of further months."""
    both = pd.concat([issued[[*ROW, "volume_t"]], again[[*ROW, "volume_t"]]], ignore_index=True)
    return both.drop_duplicates(ROW, keep="first")


def _figures_same(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    columns = ["product", "destination", "month", "released", "volume_t"]
    texts = [as_text(table[columns].sort_values(columns[:4], kind="stable")).to_numpy() for table in (one, other)]
    return texts[0].shape == texts[1].shape and bool((texts[0] == texts[1]).all())


def _keys(exports: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(exports[["product", "destination", "month"]])


# The calendar --------------------------------------------------------------------------------------------------------


def _calendar_steps(old: pd.DataFrame, new: pd.DataFrame) -> list[bool]:
    """Whether each of `CALENDAR` changes anything."""
    path = [old, *(calendar_until(old, new, name) for name in CALENDAR)]
    texts = [_rows(table) for table in path]
    return [one != other for one, other in pairwise(texts)]


def calendar_until(old: pd.DataFrame, new: pd.DataFrame, step: str) -> pd.DataFrame:
    """The calendar between two with one of `CALENDAR` and those before it taken: entries added, moved, ended.

    An entry counts as moved where anything but its end differs, or where it is gone.
    """
    before, after = (table[EVENT_COLUMNS].set_index("event", drop=False) for table in (old, new))
    added = after[~after["event"].isin(before["event"])]
    if step == CALENDAR[2]:
        return new[EVENT_COLUMNS].reset_index(drop=True)
    if step == CALENDAR[0]:
        return pd.concat([before, added]).reset_index(drop=True)
    moved = after[after["event"].isin(before["event"])].copy()
    for column in ("ends", "ends_announced", "ends_status"):
        moved[column] = before[column].reindex(moved.index)
    return pd.concat([moved, added]).astype(object).reset_index(drop=True)


def _rows(events: pd.DataFrame) -> set[tuple[str, ...]]:
    return set(map(tuple, as_text(events[EVENT_COLUMNS]).to_numpy().tolist()))


# Tables --------------------------------------------------------------------------------------------------------------


def _contributions(stages: Sequence[pd.DataFrame], old: Inputs, new: Inputs) -> pd.DataFrame:
    """The steps between ``stages``, a row per forecast and contribution; rows that a stage lacks are left out."""
    after = new.forecasts[[*ROW, "horizon", "volume_t"]].rename(columns={"volume_t": "after_t"})
    wide = after.assign(stage_last=after["after_t"])
    for place, stage in enumerate(stages[:-1]):
        column = stage[[*ROW, "volume_t"]].drop_duplicates(ROW).rename(columns={"volume_t": f"stage_{place}"})
        wide = wide.merge(column, on=ROW, how="inner")
    names = [*(f"stage_{place}" for place in range(len(stages) - 1)), "stage_last"]
    volumes = wide[names].to_numpy(dtype=float)
    logs = np.log(np.where(volumes > 0, volumes, np.nan))
    about = wide.assign(issued=new.issued, before=old.issued, before_t=volumes[:, 0])
    parts = [
        about.assign(contribution=name, log_change=np.diff(logs)[:, place], change_t=np.diff(volumes)[:, place])
        for place, name in enumerate(CONTRIBUTIONS)
    ]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)[CHANGE_COLUMNS]


def news_decomposition(changes: pd.DataFrame) -> pd.DataFrame:
    """Changes as the open table of forecast revisions: columns `NEWS_DECOMP_COLUMNS`, contributions in tonnes.

    ``settings`` is ``reestimation`` (a change of the model, not of data). All else is ``news``: models are estimated
    again on every step, and what of that is due to parameters is not kept apart, so that there is no ``interaction``.
    ``variable`` is product and destination joined by ``::``; ``weight`` and ``news`` are empty, as no model is linear.

    References
    ----------
    Bank of England, news_decomp: data contract, https://github.com/bank-of-england/news-decomp
    """
    rows = changes[changes["change_t"].notna()]
    days = {name: pd.to_datetime(rows[column]).astype("datetime64[ns]") for name, column in _DAYS.items()}
    table = pd.DataFrame(
        {
            "variable": rows["product"].astype(str) + "::" + rows["destination"].astype(str),
            "date": rows["month"].map(lambda month: month.end_time.normalize()).astype("datetime64[ns]"),
            "forecast_horizon": rows["horizon"].astype("int64"),
            "frequency": "M",
            "source": rows["model"].astype(str),
            **days,
            "decomposition": "revision",
            "component": rows["contribution"].astype(str),
            "revision_source": rows["contribution"].map(lambda name: "reestimation" if name == SETTINGS else "news"),
            "contribution": rows["change_t"].astype(float),
            "weight": np.nan,
            "news": np.nan,
            "forecast_metric": "levels",
        }
    )
    return table[NEWS_DECOMP_COLUMNS].reset_index(drop=True)


_DAYS = {"vintage_date": "issued", "base_vintage_date": "before"}
