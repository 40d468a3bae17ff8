"""What changed since the last issue, and why: the forecast made again along a path of inputs from then to now.

The path leads from what was issued over the settings (and the version), the revisions of figures on file, new figures,
and entries of the calendar that were added, moved and ended. What a forecast moves by at each step is the contribution
of that step; what settings and the rest move only together is the interaction. All add up to the whole change, in logs
and in tonnes. The contributions depend on the order, which is always this one.
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
CROSS_TERM = "interaction"
CONTRIBUTIONS = (SETTINGS, REVISIONS, FIGURES, *CALENDAR, CROSS_TERM)

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


def what_changed(
    old: Inputs, new: Inputs, same_settings: bool, forecast: Reforecast, under_old: Reforecast | None = None
) -> pd.DataFrame:
    """The change of every forecast since the last issue by contribution: columns `CHANGE_COLUMNS`.

    Rows stand for the series, models and months that both issues can forecast; where the last issue did not reach as
    far, what it would have said stands in ``before_t``. A step that changes no input contributes nothing and is not
    computed.

    ``same_settings`` says whether settings and version are those of the last issue; ``forecast`` makes a forecast under
    the present ones, ``under_old`` under those of the last issue, None where nothing can, as with another version.
    Where settings are others and there is ``under_old``, the path of figures and calendar is walked under the old ones,
    and ``interaction`` is what only both changes together move; else that is zero, and the path is under the present.

    References
    ----------
    Banbura & Modugno (2014), https://doi.org/10.1002/jae.2306 (news); here by re-forecasting, as models are not linear.
    """
    if new.forecasts.empty or old.forecasts.empty:
        return pd.DataFrame(columns=CHANGE_COLUMNS)
    apart = None if same_settings else under_old
    short = _falls_short(old, new)
    again = _old_inputs_again(old, new, forecast) if short or not same_settings else None
    first = old.forecasts
    if short:
        first = _filled(first, again if apart is None else _old_inputs_again(old, new, apart))
    settings = first if same_settings or again is None else again
    path = _walked(old, new, first if apart else settings, apart or forecast, ends_in_new=apart is None)
    if apart is None and not any(_moves(old, new)):  # whatever moved, neither figures nor calendar did
        settings, path = new.forecasts, [new.forecasts] * len(path)
    return _contributions(first, settings, path, old, new)


def _walked(
    old: Inputs, new: Inputs, start: pd.DataFrame, forecast: Reforecast, ends_in_new: bool
) -> list[pd.DataFrame]:
    """Rows of forecasts from ``start`` on, after each step of figures and calendar; the end may be known to be new."""
    path, moves = [start], _moves(old, new)
    last = max((place for place, moved in enumerate(moves) if moved), default=None)
    for place, (moved, step) in enumerate(zip(moves, _path(old, new)[1:], strict=True)):
        if ends_in_new and place == last:
            path.append(new.forecasts)
        else:
            path.append(forecast(*step, _reach(step, new)) if moved else path[-1])
    return path


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


def _filled(issued: pd.DataFrame, again: pd.DataFrame | None) -> pd.DataFrame:
    """What was issued, and what would have been of further months."""
    if again is None:
        return issued
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


def _contributions(
    first: pd.DataFrame, settings: pd.DataFrame, path: Sequence[pd.DataFrame], old: Inputs, new: Inputs
) -> pd.DataFrame:
    """A row per forecast and contribution; forecasts that any stage lacks are left out.

    ``first`` leads to ``settings`` by these alone, ``path`` to its end by figures and calendar; what is left of the
    whole change is the interaction, which is zero where the path begins at ``settings``.
    """
    wide = new.forecasts[[*ROW, "horizon", "volume_t"]].rename(columns={"volume_t": "after_t"})
    stages = [first, settings, *path]
    for place, stage in enumerate(stages):
        column = stage[[*ROW, "volume_t"]].drop_duplicates(ROW).rename(columns={"volume_t": f"stage_{place}"})
        wide = wide.merge(column, on=ROW, how="inner")
    volumes = wide[[*(f"stage_{place}" for place in range(len(stages))), "after_t"]].to_numpy(dtype=float)
    apart = path[0] is first and settings is not first
    tonnes, logs = (_steps(one, apart) for one in (volumes, np.log(np.where(volumes > 0, volumes, np.nan))))
    about = wide.assign(issued=new.issued, before=old.issued, before_t=volumes[:, 0])
    parts = [
        about.assign(contribution=name, log_change=logs[:, place], change_t=tonnes[:, place])
        for place, name in enumerate(CONTRIBUTIONS)
    ]
    return pd.concat(parts).sort_index(kind="stable").reset_index(drop=True)[CHANGE_COLUMNS]


def _steps(stages: np.ndarray, apart: bool) -> np.ndarray:
    """Contributions, shape (forecasts, `CONTRIBUTIONS`), of stages: first, settings, those of the path, and the whole.

    ``apart`` says that the path begins at the first stage, so that it ends without the settings.

    Examples
    --------
    A path under the old settings from 100 to 130, settings that alone make 110 of 100, and 150 in all:

    >>> _steps(np.array([[100.0, 110.0, 100.0, 100.0, 130.0, 130.0, 130.0, 130.0, 150.0]]), True).tolist()
    [[10.0, 0.0, 30.0, 0.0, 0.0, 0.0, 10.0]]
    """
    by_settings = stages[:, 1] - stages[:, 0]
    left = stages[:, -1] - stages[:, -2] - (by_settings if apart else 0.0)
    return np.column_stack([by_settings, np.diff(stages[:, 2:-1]), left])


def news_decomposition(changes: pd.DataFrame) -> pd.DataFrame:
    """Changes as the open table of forecast revisions: columns `NEWS_DECOMP_COLUMNS`, contributions in tonnes.

    ``settings`` is ``reestimation`` (a change of the model, not of data) and ``interaction`` itself; all else is
    ``news``: models are estimated again on every step, and what of that is due to parameters is not kept apart.
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
            "revision_source": rows["contribution"].map(lambda name: _REVISION_SOURCES.get(str(name), "news")),
            "contribution": rows["change_t"].astype(float),
            "weight": np.nan,
            "news": np.nan,
            "forecast_metric": "levels",
        }
    )
    return table[NEWS_DECOMP_COLUMNS].reset_index(drop=True)


_REVISION_SOURCES = {SETTINGS: "reestimation", CROSS_TERM: "interaction"}
_DAYS = {"vintage_date": "issued", "base_vintage_date": "before"}
