"""What a forecast of the coming months says of one product: a row per destination, and remarks on what is not known."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from forecast.ensemble.judgement import JUDGED, as_judged
from forecast.realtime.events import ACTING_KINDS, Members
from forecast.realtime.releases import SEEN_MONTHS, ReleaseHabit, Snapshot
from forecast.registry import STAND_IN
from forecast.report.acting import ActingCalendar, acting_words, ended_words, since
from forecast.report.calibration_text import learned
from forecast.report.remark import Remark as Remark
from forecast.report.remark import adding_up, by_headline, inside_sums, judgement_lines
from forecast.report.text import digits, percent, spoken
from forecast.report.track_record import first_known
from forecast.tables.frames import records as records
from forecast.tables.quantiles import VOLUME_QUANTILES
from forecast.tables.run import Forecasts
from forecast.tables.schema import OMITTED_COLUMNS, REST_OF_WORLD, RUN_TABLES, SUM_COLUMNS, WORLD

if TYPE_CHECKING:
    from forecast.ensemble.aggregates import Sums

COMBINED = "combination"

WIDE_INTERVAL = 4
"""An interval is called wide where its 80 % bounds are further apart than this factor."""

NEXT_TO_A_MONTH = 0.05
"""Share of the series' mean month below which an interval is not wide: near zero a factor says little."""

SPARSE = 12
"""A series is called sparse with fewer observed months than this."""

STALE_MONTHS = 12
"""A destination has no recent figures where its last one is so many months before the cutoff."""

OUTLOOK_COLUMNS = [
    "destination", "name", "last_t", "last_month", "month", "volume_t", "lower_80", "upper_80", "on_month", "on_year",
    "held", "events", "unestimated", "notes", "model_t", "reason",
]  # fmt: skip

TOGETHER_COLUMNS = ["destination", "name", "start", "end", "known", "volume_t", "lower_80", "upper_80"]


@dataclass(frozen=True)
class Outlook:
    """The forecast of one product as people read it.

    Attributes
    ----------
    product, model, issued, cutoff
        What is shown, by which model, made on which day, with figures up to which month.
    rows
        Columns `OUTLOOK_COLUMNS`, a row per destination and month: ``WLD``, the rest of the world, then by the volume
        of a year; destinations without a figure in the year up to the cutoff come last, by name.
        Volumes in tonnes (``last_t`` the last actual), changes as fractions against actuals (NaN where not known),
        ``held`` how often the 80 % interval held one month ahead ("14 of 18", or nothing, as it is further ahead),
        ``events`` what acts in the month: kinds, and "licensing ended 2023-03-23" in the months after a measure that
        still depend on it; ``unestimated`` those among them none of whose events has an estimated effect, ``notes``
        short texts: all tuples. A judged row has the judged numbers, the model's median as
        ``model_t`` (NaN elsewhere) and the ``reason``.
    remarks
        What is not known, and when the next figures come.
    together
        Columns `TOGETHER_COLUMNS`, a row per destination and sum over several months, destinations as in ``rows``.
        ``known`` is the last month of the sum that is known, missing where all are forecast.
    estimates
        Rows of the table ``estimates`` of the run: months up to the cutoff that are known only inside a sum.
    habit
        When the figures of the product come, as far as was known on the issue day.
    """

    product: str
    model: str
    issued: date
    cutoff: pd.Period
    rows: pd.DataFrame
    remarks: tuple[Remark, ...]
    together: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=TOGETHER_COLUMNS))
    estimates: pd.DataFrame = field(default_factory=RUN_TABLES["estimates"].empty)
    habit: ReleaseHabit = field(default_factory=ReleaseHabit)


def recent(found: Outlook) -> pd.Series:
    """Which rows rest on a figure of the year up to the cutoff."""
    return found.rows["last_month"] > found.cutoff - STALE_MONTHS


def outlook(
    known: Snapshot,
    groups: Members,
    run: Forecasts,
    *,
    product: str,
    model: str,
    names: Mapping[str, str],
    sums: Sums | None = None,
    record: pd.DataFrame | None = None,
) -> Outlook:
    """The forecasts that ``model`` made of ``product`` on the issue day of ``known``, beside what was known then.

    ``names`` gives the name of a destination by its code, ``sums`` what is known of several months together, ``record``
    how often intervals held (`forecast.report.track_record`), which is shown where it was known by then, before that
    of the run itself. Of the product something must have been released by then.
    """
    issued, habit = known.issued, known.habits[product]
    tables = [table[(table["product"] == product) & (table["issued"] == issued)] for table in _tables(run)]
    forecasts, dropped, failures, calibration = tables
    shown = as_judged(rest_reconciled(forecasts[forecasts["model"] == model], run.reconciled), run)
    calendar = ActingCalendar(known.events, groups, product)
    judged = _on_day(run.judgements, product, issued)
    summed, omitted = _sums_shown(sums, (product, issued, model), judged)
    record = first_known(record, run.record)
    held = {} if record is None else held_by(record, product, model, known.cutoff(product))
    inside, moved = (_on_day(table, product, issued) for table in (run.estimates, run.nowcasts))
    moved = moved if model == COMBINED else moved.iloc[:0]
    rows = _rows(shown, known.volumes[product], calendar, dropped, names, held)
    rows = rows.assign(notes=pd.Series(_marked(rows, inside, moved), index=rows.index, dtype=object))
    remarks = (
        Remark("Judged", tuple(judgement_lines(judged, names))),
        _without_forecast(failures, model, names),
        _events_acting(rows, calendar, names),
        _not_estimated(rows, dropped, calendar),
        _not_confirmed(rows, calendar),
        _to_come(rows, calendar),
        adding_up(run.reconciled, rows, product, issued) if model == COMBINED else Remark("Totals", ()),
        by_headline(moved, rows),
        inside_sums(inside, rows),
        _ending_earlier(rows, known.cutoff(product)),
        _intervals(rows),
        Remark("Learned", learned(calibration, names) if model == COMBINED else ()),
        _refused(failures, model),
        _without_sum(omitted, names),
        Remark("Newer figures", tuple(filter(None, [newer_figures(known.cutoff(product), issued, habit)]))),
        Remark("Next figures", (_next_figures(known.cutoff(product), issued, habit),)),
    )
    shown_remarks = tuple(remark for remark in remarks if remark.lines)
    together = _together(summed, rows)
    return Outlook(product, model, issued, known.cutoff(product), rows, shown_remarks, together, inside, habit)


def _on_day(table: pd.DataFrame, product: str, issued: date) -> pd.DataFrame:
    return table[(table["product"] == product) & (table["issued"] == issued)]


def _marked(rows: pd.DataFrame, inside: pd.DataFrame, moved: pd.DataFrame) -> list[tuple[str, ...]]:
    """The notes of each row, with the latest estimate of its destination and whether a headline moved it."""
    latest = {row.destination: row for row in records(inside.sort_values("month"))}
    by_month = set(zip(moved["destination"], moved["month"], strict=True))
    found = []
    for row in records(rows):
        one = latest.get(row.destination)
        newer = one is not None and one.month > row.last_month
        estimate = (f"{one.month} estimated {digits(one.volume_t)}",) if newer and one is not None else ()
        headline = ("headline out",) if (row.destination, row.month) in by_month else ()
        found.append((*row.notes, *headline, *estimate))
    return found


def _sums_shown(
    sums: Sums | None, shown: tuple[str, date, str], judged: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The sums of what is shown (product, issue day, model), and those not given; of judged months as judged."""
    if sums is None:
        return pd.DataFrame(columns=SUM_COLUMNS), pd.DataFrame(columns=OMITTED_COLUMNS)
    months = {code: set(own["month"]) for code, own in judged.groupby("destination")}
    found = []
    for table in (sums.table, sums.omitted):
        own = table[(table["product"] == shown[0]) & (table["issued"] == shown[1])]
        kept = [
            row.model == (JUDGED if _is_among(months.get(row.destination, ()), row) else shown[2])
            for row in records(own)
        ]
        found.append(own[np.array(kept, dtype=bool)])
    return found[0], found[1]


def _is_among(months: Collection[pd.Period], span: Any) -> bool:
    return any(span.start <= month <= span.end for month in months)


def rest_reconciled(shown: pd.DataFrame, reconciled: pd.DataFrame) -> pd.DataFrame:
    """The rows with those of the rest of the world as they add up with the total: by itself it may exceed it."""
    key, bounds = ["product", "destination", "model", "issued", "month"], list(VOLUME_QUANTILES)
    rest = reconciled[reconciled["destination"] == REST_OF_WORLD]
    found = shown[key].merge(rest[[*key, *bounds]], on=key, how="left").set_axis(shown.index)
    return shown.assign(**{name: found[name].fillna(shown[name]) for name in bounds})


def _tables(run: Forecasts) -> tuple[pd.DataFrame, ...]:
    return run.forecasts, run.dropped, run.failures, run.calibration


# Rows ----------------------------------------------------------------------------------------------------------------


def held_by(record: pd.DataFrame, product: str, model: str, cutoff: pd.Period, level: int = 80) -> dict[str, str]:
    """How often the interval of a model held, by destination, from the rows of ``record`` that end by the cutoff.

    Examples
    --------
    >>> row = {"product": "magnets", "destination": "USA", "model": "combination", "level": 80, "held": 14, "n": 18}
    >>> record = pd.DataFrame([row | {"last_month": pd.Period("2026-03")}])
    >>> held_by(record, "magnets", "combination", pd.Period("2026-07"))
    {'USA': '14 of 18'}
    """
    own = {"product": product, "model": model, "level": level}
    shown = record[(record[list(own)] == own).all(axis=1) & (record["last_month"] <= cutoff)]
    return {row.destination: f"{row.held} of {row.n}" for row in records(shown)}


def _rows(
    shown: pd.DataFrame,
    volumes: pd.DataFrame,
    calendar: ActingCalendar,
    dropped: pd.DataFrame,
    names: Mapping[str, str],
    held: Mapping[str, str],
) -> pd.DataFrame:
    rows = []
    for forecast in records(shown):
        code, volume = forecast.destination, volumes[forecast.destination]
        events = calendar.acting(code, forecast.month), calendar.ended(code, forecast.month)
        acting = acting_words(*events)
        without = _unestimated(*events, dropped[dropped["destination"] == code])
        # the record is of the model's own intervals, one month ahead
        record = "" if forecast.reason or forecast.horizon > 1 else held.get(code, "")
        texts = (record, acting, without, _notes(forecast, volume), forecast.model_t, forecast.reason)
        rows.append((code, names.get(code, code), *_numbers(forecast, volume), *texts))
    table = pd.DataFrame(rows, columns=OUTLOOK_COLUMNS)
    stands = [_place(row[0], row[1], volumes, shown["cutoff"].iloc[0]) for row in rows]
    places = sorted(range(len(rows)), key=lambda row: (stands[row], table["month"].iloc[row]))
    return table.iloc[places].reset_index(drop=True)


def _together(summed: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """The sums of each destination, in the order of ``rows``."""
    found = []
    for code, name in dict(zip(rows["destination"], rows["name"], strict=True)).items():
        for row in records(summed[summed["destination"] == code]):
            known = row.cutoff if row.start <= row.cutoff else None
            found.append((code, name, row.start, row.end, known, row.volume_t, row.lower_80, row.upper_80))
    return pd.DataFrame(found, columns=TOGETHER_COLUMNS)


def _numbers(forecast: Any, volume: pd.Series) -> tuple[Any, ...]:
    """Last actual and its month, the month forecast, median and bounds, changes on the month and on the year."""
    last, month = forecast.last_known, forecast.month
    changes = [_change(forecast.volume_t, volume.get(month - distance)) for distance in (1, 12)]
    return volume[last], last, month, forecast.volume_t, forecast.lower_80, forecast.upper_80, *changes


def _unestimated(acting: Sequence[Any], ended: Sequence[Any], dropped: pd.DataFrame) -> tuple[str, ...]:
    """What acts (`acting_words`) and has no event but such that were left out."""
    left_out = set(dropped["event"])
    both = [[event for event in events if event.event not in left_out] for events in (acting, ended)]
    estimated = acting_words(*both)
    return tuple(said for said in acting_words(acting, ended) if said not in estimated)


def _notes(forecast: Any, volume: pd.Series) -> tuple[str, ...]:
    narrow = forecast.upper_80 - forecast.lower_80 < NEXT_TO_A_MONTH * volume.mean()
    wide = ("wide",) if forecast.upper_80 > WIDE_INTERVAL * forecast.lower_80 and not narrow else ()
    judged = (f"judged: {forecast.reason}",) if forecast.reason else ()
    count = volume.count()
    few = (f"{count} month{'s' if count != 1 else ''} known",) if count < SPARSE else ()
    return *judged, *wide, *few


def _change(forecast: float, actual: float | None) -> float:
    return forecast / actual - 1 if actual is not None and actual > 0 else float("nan")


def _place(code: str, name: str, volumes: pd.DataFrame, cutoff: pd.Period) -> tuple[int, float, str]:
    """Where a destination stands: totals, then by mean volume over the last year of figures, then those without one."""
    observed = volumes[code].dropna()
    first = {WORLD: 0, REST_OF_WORLD: 1}.get(code, 2)
    if observed.index[-1] <= cutoff - STALE_MONTHS:
        return 3, float(first), name
    return first, -float(observed[observed.index > observed.index[-1] - 12].mean()), code


# Remarks -------------------------------------------------------------------------------------------------------------


def _without_forecast(failures: pd.DataFrame, model: str, names: Mapping[str, str]) -> Remark:
    """Destinations that the model shown could not forecast, by reason."""
    by_reason: dict[str, list[str]] = {}
    for code in failures.loc[failures["model"] == model, "destination"]:
        reasons = failures[failures["destination"] == code].set_index("model")["reason"]
        by_reason.setdefault(_refusal(reasons, model), []).append(names.get(code, code))
    return Remark("Without a forecast", tuple(f"{', '.join(named)}: {said}" for said, named in by_reason.items()))


def _refusal(reasons: pd.Series, model: str) -> str:
    """Why ``model`` has no forecast; behind the combination's reason what its stand-in lacked, or else a member."""
    others = reasons.drop(model)
    said = str(reasons[model]).rstrip(".")
    if model != COMBINED or others.empty:
        return said
    lacked = str(others.get(STAND_IN, others.iloc[0])).rstrip(".")
    return f"{said} ({lacked})"


def _events_acting(rows: pd.DataFrame, calendar: ActingCalendar, names: Mapping[str, str]) -> Remark:
    """A line for each kind: since when it acts on whom, or until when it did where its end is what acts."""
    cells = list(zip(rows["destination"], rows["month"], strict=True))
    finds = (calendar.ended, calendar.acting)
    events = {event.event: event for find in finds for cell in cells for event in find(*cell)}
    in_order = sorted(events.values(), key=lambda event: (event.effective, event.event))
    lines = []
    for kind in ACTING_KINDS:
        of_kind = [since(event, names) for event in in_order if event.kind == kind]
        if of_kind:
            lines.append(f"{spoken(kind)} {'; '.join(of_kind)}")
    return Remark("Events acting", tuple(lines))


def _not_estimated(rows: pd.DataFrame, dropped: pd.DataFrame, calendar: ActingCalendar) -> Remark:
    """Why the kinds in brackets have no estimated effect, and where."""
    reasons = {(row.destination, row.event): row.reason for row in records(dropped)}
    by_reason: dict[str, dict[str, None]] = {}
    for row in records(rows):
        acting, ended = (find(row.destination, row.month) for find in (calendar.acting, calendar.ended))
        for event, said in [
            *((event, event.kind) for event in acting),
            *((event, ended_words(event)) for event in ended),
        ]:
            if said in row.unestimated:
                by_reason.setdefault(reasons[row.destination, event.event], {})[row.name] = None
    lines = [f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()]
    about = "act, but their effect is in no forecast (dropped.csv)"
    return Remark("In brackets", (about, *lines) if lines else ())


def _intervals(rows: pd.DataFrame) -> Remark:
    wide = any("wide" in notes for notes in rows["notes"])
    least = f"{percent(NEXT_TO_A_MONTH)} of a mean month at least"
    return Remark("Wide", (f"the 80 % bounds are more than {WIDE_INTERVAL} times apart, by {least}",) if wide else ())


def _ending_earlier(rows: pd.DataFrame, cutoff: pd.Period) -> Remark:
    """Destinations by the last month of their own figures, where that is before the cutoff."""
    earlier = rows[rows["last_month"] < cutoff].drop_duplicates("destination")
    months = [(month, ", ".join(part["name"])) for month, part in earlier.groupby("last_month", sort=True)]
    return Remark("Figures end earlier", tuple(f"{month}: {names}" for month, names in reversed(months)))


def _not_confirmed(rows: pd.DataFrame, calendar: ActingCalendar) -> Remark:
    """Events whose scheduled end nobody has confirmed, and whether that day has passed by the last month forecast."""
    lines = []
    for event in _touching(rows, calendar):
        if event.scheduled is not None:
            on = event.scheduled <= rows["month"].max().end_time.date()
            end = f"scheduled to end {event.scheduled}, not confirmed" + (": taken to go on" if on else "")
            lines.append(f"{spoken(event.kind)} of {event.effective} ({event.event}): {end}")
    return Remark("Ends not confirmed", tuple(lines))


def _to_come(rows: pd.DataFrame, calendar: ActingCalendar) -> Remark:
    """Events that were announced and take effect after the months forecast."""
    lines = [
        f"{spoken(event.kind)} from {event.effective} ({event.event})"
        for event in _touching(rows, calendar)
        if event.effective > rows["month"].max().end_time.date() and event.effective < (event.ends or date.max)
    ]
    return Remark("After these months", tuple(lines))


def _touching(rows: pd.DataFrame, calendar: ActingCalendar) -> list[Any]:
    """Events that act on any destination of the table, each once."""
    events = {event.event: event for code in rows["destination"].unique() for event in calendar.on(code)}
    return sorted(events.values(), key=lambda event: (event.effective, event.event))


def _refused(failures: pd.DataFrame, model: str) -> Remark:
    """How many fits each other model refused."""
    counts = failures.loc[failures["model"] != model, "model"].value_counts(sort=False)
    texts = [f"{name} {count}" for name, count in counts.items()]
    return Remark("Fits refused", (f"{', '.join(texts)}: reasons in failures.csv",) if texts else ())


def _without_sum(omitted: pd.DataFrame, names: Mapping[str, str]) -> Remark:
    """Sums that cannot be given: every reason once for the same destinations, and of which months."""
    by_months: dict[tuple[str, str], list[str]] = {}
    for row in records(omitted):
        by_months.setdefault((row.reason, f"{row.start} to {row.end}"), []).append(
            names.get(row.destination, row.destination)
        )
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (reason, months), named in by_months.items():
        by_reason.setdefault((reason, ", ".join(named)), []).append(months)
    lines = (f"{', '.join(months)} ({reason}): {named}" for (reason, named), months in by_reason.items())
    return Remark("Without a sum", tuple(lines))


def _next_figures(cutoff: pd.Period, issued: date, habit: ReleaseHabit) -> str:
    day = habit.next_after(cutoff, issued)
    return f"about {day}, by the release days of the last {SEEN_MONTHS} months" if habit.own else f"{day}"


def newer_figures(cutoff: pd.Period, day: date, habit: ReleaseHabit) -> str:
    """A sentence when figures of later months than ``cutoff`` were due by ``day``; else empty.

    Of a calendar that is on file it is known that they came out, of a usual day only that they should have.

    Examples
    --------
    >>> from datetime import date
    >>> import pandas as pd
    >>> newer_figures(pd.Period("2026-07"), date(2026, 9, 24), ReleaseHabit())
    'your figures end in 2026-07; those of 2026-08 came out on 2026-09-20'
    >>> newer_figures(pd.Period("2026-07"), date(2026, 9, 19), ReleaseHabit())
    ''
    """
    first = last = cutoff + 1
    if habit.due(first) > day:
        return ""
    while habit.due(last + 1) <= day:
        last += 1
    months = f"{first}" if first == last else f"{first} to {last}"
    since = "on" if habit.due(first) == habit.due(last) else "from"
    came = f"were due {since} about" if habit.own else f"came out {since}"
    return f"your figures end in {cutoff}; those of {months} {came} {habit.due(first)}"
