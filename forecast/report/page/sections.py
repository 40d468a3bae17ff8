"""The sections of a backtest's report, in the order in which the notebook shows them: text, tables and figures.

A cell of the notebook calls one function and shows what it returns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from forecast.registry import MEMBERS
from forecast.report.page import figures
from forecast.report.page.analysis import (
    added_by_events,
    calendar_of,
    count_words,
    drops_by_event,
    factors,
    failures_by_series,
    interval_counts,
    learned_by_phase,
    main_destinations,
    seen_when,
    standings,
    worst_misses,
)
from forecast.report.page.figures import Picture
from forecast.report.page.run_tables import Replay
from forecast.report.page.text import (
    agreement,
    held_in_words,
    nothing_added,
    product_answer,
    significance_sentences,
)
from forecast.report.scoreboard import OF_PAGE, measures_in_words, unlike_cells
from forecast.report.text import UNKNOWN, digits, logs, percent, ratio, spoken, times, tonnes
from forecast.safety.inert import hypertext
from forecast.tables.frames import records
from forecast.tables.quantiles import LEVELS

SEEN_DESTINATIONS = 2
"""How many destinations, the largest, have a table of what was seen when."""


@dataclass(frozen=True)
class Html:
    """A piece of the report."""

    text: str

    def _repr_html_(self) -> str:
        return self.text


Piece = Html | Picture


def show(pieces: Iterable[Piece]) -> None:
    """Nothing; each piece is displayed by the notebook, in order."""
    from IPython.display import display

    for piece in pieces:
        display(piece)  # type: ignore[no-untyped-call]


# Pieces --------------------------------------------------------------------------------------------------------------


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html(f"<p>{hypertext(text)}</p>")


def bullets(sentences: Sequence[str]) -> Html:
    """A list of plain sentences."""
    return Html("<ul>" + "".join(f"<li>{hypertext(sentence)}</li>" for sentence in sentences) + "</ul>")


def heading(text: str) -> Html:
    """A heading inside a section."""
    return Html(f"<h3>{hypertext(text)}</h3>")


def table(columns: Mapping[str, Any], words: Sequence[str] = ()) -> Html:
    """A table of cells by column heading; columns are set to the right, but for those named in ``words``."""
    classes = {name: "" if name in words else ' class="number"' for name in columns}
    head = "".join(f"<th{classes[name]}>{hypertext(name)}</th>" for name in columns)
    rows = [
        "".join(f"<td{classes[name]}>{hypertext(str(cell))}</td>" for name, cell in zip(columns, cells, strict=True))
        for cells in zip(*columns.values(), strict=True)
    ]
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return Html(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def _each(replay: Replay, pieces: Callable[[Replay, str], list[Piece]]) -> list[Piece]:
    """Pieces of every product, under its name where there are several."""
    shown: list[Piece] = []
    for product in replay.products:
        own = pieces(replay, product)
        shown += [heading(spoken(product)), *own] if len(replay.products) > 1 and own else own
    return shown


# What was asked ------------------------------------------------------------------------------------------------------


def the_answer(replay: Replay) -> list[Piece]:
    """The answer in words, a block for each product."""
    return [_block(product_answer(replay, product)) for product in replay.products]


def _block(sentences: Sequence[str]) -> Html:
    first, *rest = (hypertext(sentence) for sentence in sentences)
    return Html(f"<div class='answer'><p><b>{first}</b></p>{''.join(f'<p>{sentence}</p>' for sentence in rest)}</div>")


def what_was_asked(replay: Replay) -> list[Piece]:
    """Arguments, data with sha256, issue days, versions, and how closely compiled fits agree with the libraries."""
    about, rows = replay.about, replay.forecasts
    facts = {
        "products": count_words(spoken(product) for product in replay.products),
        "destinations": f"{rows['destination'].nunique()} with a forecast, {replay.scored['destination'].nunique()}"
        " of them with an actual to compare",
        "issue days": f"{rows['issued'].nunique()}, from {rows['issued'].min()} to {rows['issued'].max()}",
        "months forecast": f"{rows['month'].min()} to {rows['month'].max()}, up to {rows['horizon'].max()} ahead",
        "models": count_words(replay.models),
        "forecasts with an actual": f"{len(replay.scored):,} of {len(rows):,}",
        **{f"argument {name}": _argument(value) for name, value in about.get("arguments", {}).items()},
        "seed": about.get("seed", UNKNOWN),
        **{f"{name}, sha256": digest for name, digest in about.get("inputs", {}).items()},
        "versions": count_words(f"{name} {version}" for name, version in about.get("versions", {}).items()),
    }
    facts = {name: value for name, value in facts.items() if value != ""}
    return [
        table({"what": list(facts), "value": list(facts.values())}, words=["what", "value"]),
        *(paragraph(sentence) for sentence in replay.missing),
        *_parity(replay),
    ]


def _parity(replay: Replay) -> list[Piece]:
    """Fits of the compiled engine beside those of the libraries."""
    rows = replay.parity
    if rows.empty:
        return [paragraph(agreement(replay))]
    columns = {
        "product": [spoken(product) for product in rows["product"]],
        "destination": [replay.name(code) for code in rows["destination"]],
        "model": rows["model"],
        "order": rows["order"],
        "issued": rows["issued"],
        "month": rows["month"],
        "compiled, t": [digits(t) for t in rows["compiled_t"]],
        "library, t": [digits(t) for t in rows["reference_t"]],
        "log of the ratio": [logs(ratio) for ratio in rows["difference"]],
        "log of the ratio of 80 % widths": [logs(ratio) for ratio in rows["width"]],
        "gain": [logs(gain) for gain in rows["gain"]],
        "not redone because": rows["reason"],
    }
    words = ["product", "destination", "model", "order", "not redone because"]
    note = (
        "The libraries had the same months, regressors and orders. Gain: the library's own log-likelihood or"
        " log posterior at the compiled fit, less that at its own; above zero the compiled fit is the likelier."
    )
    shown = f"<details><summary>compiled fits beside the libraries</summary>{table(columns, words).text}</details>"
    return [paragraph(agreement(replay)), Html(shown), paragraph(note)]


def _argument(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


def the_calendar(replay: Replay) -> list[Piece]:
    """The events of kinds that act, with the days from which they and their ends were known."""
    return _each(replay, _calendar)


def _calendar(replay: Replay, product: str) -> list[Piece]:
    events = calendar_of(replay, product)
    if events.empty:
        return [paragraph("No event acts on it in these months, or the calendar is not at hand.")]
    columns = {
        "no.": events["number"],
        "event": events["event"],
        "kind": events["kind"].map(spoken),
        "destinations": events["destinations"].map(";".join),
        "known from": events["announced"],
        "acts from": events["effective"],
        "ends": events["ends"].map(_day),
        "end known from": [_end_known(event) for event in records(events)],
        "what": events["description"],
    }
    return [table(columns, words=["event", "kind", "destinations", "what"])]


def _day(day: Any) -> str:
    return UNKNOWN if pd.isna(day) else str(day)


def _end_known(event: Any) -> str:
    if pd.isna(event.ends):
        return UNKNOWN
    known = str(event.ends if pd.isna(event.ends_announced) else event.ends_announced)
    return f"{known}, not confirmed" if event.ends_status == "scheduled" else known


# Forecasts -----------------------------------------------------------------------------------------------------------


def forecasts_and_actuals(replay: Replay) -> list[Piece]:
    """Forecasts against actuals with events marked, for the main destinations."""
    return _each(replay, _forecasts_and_actuals)


def _forecasts_and_actuals(replay: Replay, product: str) -> list[Piece]:
    if not main_destinations(replay, product):
        return [paragraph("No destination has three months to show.")]
    return [
        figures.forecasts_and_actuals(replay, product),
        paragraph(
            "Each bar is one forecast, made on the issue day before the figure of its month came out. Numbers are those"
            " of the calendar above. The axis ends before a bound that lies far beyond every actual and median."
        ),
    ]


def seen_and_when(replay: Replay) -> list[Piece]:
    """What was forecast on each issue day around the events, what was known then, and what was not."""
    return _each(replay, _seen_and_when)


def _seen_and_when(replay: Replay, product: str) -> list[Piece]:
    pieces: list[Piece] = []
    numbers = _numbers(replay, product)
    for code in main_destinations(replay, product, SEEN_DESTINATIONS):
        rows = seen_when(replay, product, code)
        if len(rows):
            columns = {"issued": rows["issued"], **_seen_columns(rows, [numbers] * len(rows))}
            pieces += [heading(replay.name(code)), table(columns, words=_SEEN_WORDS)]
    return pieces or [paragraph("No month of the main destinations was near an event.")]


_SEEN_WORDS = ["known to act", "not yet announced"]


def _seen_columns(rows: pd.DataFrame, numbers: Sequence[Mapping[str, str]]) -> dict[str, list[Any]]:
    """Columns shared by what was seen when and the worst misses; ``numbers`` has the words of each row's events."""
    inside = rows["actual_t"].between(rows["lower_80"], rows["upper_80"])
    return {
        "last figure": [f"{tonnes(t)} in {month}" for t, month in zip(rows["last_t"], rows["last_known"], strict=True)],
        "month": rows["month"].tolist(),
        "median, t": [digits(t) for t in rows["volume_t"]],
        "80 %": _interval(rows, 80),
        "95 %": _interval(rows, 95),
        "actual, t": [digits(t) for t in rows["actual_t"]],
        "forecast / actual": [times(factor) for factor in factors(rows)],
        "80 % held": ["yes" if held else "no" for held in inside],
        "known to act": [_numbered(*own) for own in zip(rows["known"], numbers, strict=True)],
        "not yet announced": [_numbered(*own) for own in zip(rows["unseen"], numbers, strict=True)],
    }


def _interval(rows: pd.DataFrame, level: int) -> list[str]:
    bounds = zip(rows[f"lower_{level}"], rows[f"upper_{level}"], strict=True)
    return [f"{digits(low)}–{digits(high)}" for low, high in bounds]


def _numbered(names: Sequence[str], numbers: Mapping[str, str]) -> str:
    return count_words(numbers[name] for name in sorted(names, key=list(numbers).index))


def _numbers(replay: Replay, product: str, kinds: bool = False) -> dict[str, str]:
    """Number in the calendar, with the kind where asked for, by event and in that order."""
    events = calendar_of(replay, product)
    words = events["number"].astype(str) + (" " + events["kind"].map(spoken) if kinds else "")
    return dict(zip(events["event"], words, strict=True))


# Scores --------------------------------------------------------------------------------------------------------------


def errors_by_place_and_phase(replay: Replay) -> list[Piece]:
    """Misses by month, errors by phase and by destination, with n."""
    return [bullets(measures_in_words(OF_PAGE)), *_each(replay, _errors)]


def _errors(replay: Replay, product: str) -> list[Piece]:
    pieces: list[Piece] = []
    if main_destinations(replay, product):
        note = "Hollow: fewer than half as many forecasts as the model shown, whose n stands at the axis."
        pieces += [figures.misses_by_month(replay, product), figures.errors(replay, product), paragraph(note)]
    scores = replay.scores[replay.scores["product"] == product]
    pieces += [paragraph(sentence) for sentence in unlike_cells(scores)]
    rank = {label: place for place, label in enumerate(dict.fromkeys(scores["slice"]))}
    scores = scores.sort_values("slice", key=lambda labels: labels.map(rank), kind="stable")
    columns = {
        "slice": [_slice_words(replay, label) for label in scores["slice"]],
        "model": scores["model"],
        "n": scores["n"],
        "MAE, t": [digits(t) for t in scores["mae_t"]],
        "WAPE": [percent(share) for share in scores["wape"]],
        "MASE": [ratio(value) for value in scores["mase"]],
        "RMSSE": [ratio(value) for value in scores["rmsse"]],
        "bias": [percent(share) for share in scores["bias"]],
        "WIS, t": [digits(t) for t in scores["wis"]],
        "held 80 %": [percent(share) for share in scores["coverage_80"]],
        "held 95 %": [percent(share) for share in scores["coverage_95"]],
    }
    return [*pieces, Html(f"<details><summary>all scores</summary>{table(columns, ['slice', 'model']).text}</details>")]


def _slice_words(replay: Replay, label: str) -> str:
    name, _, value = label.partition("=")
    if name == "destination":
        return replay.name(value)
    if name == "horizon":
        return f"{value} month{'s' * (value != '1')} ahead"
    return value or label


def calibration(replay: Replay) -> list[Piece]:
    """How often the intervals held, k of n with binomial intervals, and where the actuals fell."""
    return _each(replay, _calibration)


def _calibration(replay: Replay, product: str) -> list[Piece]:
    rows = replay.scored[(replay.scored["product"] == product) & (replay.scored["model"] == replay.shown)]
    counts = interval_counts(rows, ["destination", "model"])
    order = {code: place for place, code in enumerate(main_destinations(replay, product, 99, 1))}
    counts = counts.sort_values("level", kind="stable")
    counts = counts.sort_values("destination", key=lambda codes: codes.map(order), kind="stable")
    columns = {
        "destination": [replay.name(code) for code in counts["destination"]],
        "interval": [f"{level} %" for level in counts["level"]],
        "held": [f"{row.held} of {row.n}" for row in records(counts)],
        "share": [percent(row.held / row.n) for row in records(counts)],
        "95 % confidence": [f"{percent(row.low)} to {percent(row.high)}" for row in records(counts)],
    }
    totals = interval_counts(rows, ["model"])
    sentences = [f"{replay.shown}: {held_in_words(row.level, row.held, row.n)}." for row in records(totals)]
    held = table(columns, words=["destination"])
    return [bullets(sentences), figures.calibration(replay, product), held, *_learned(replay, product)]


def _learned(replay: Replay, product: str) -> list[Piece]:
    """What the combination learned from its earlier forecasts, by phase."""
    rows = learned_by_phase(replay, product)
    if rows.empty:
        return []
    columns = {
        "months": rows["phase"],
        "n": rows["n"],
        "intervals learned": rows["learned"],
        "from at most": rows["cells"],
        "median moved": rows["moved"],
        **{name: [percent(share) for share in rows[f"weight_{name}"]] for name in MEMBERS},
        **{f"{level} % times": _times(rows, level) for level in LEVELS},
    }
    note = (
        "Weights of the models (means) and how many times further below and above the median, in logs, the bounds were"
        " put (medians), by the forecasts of earlier days whose actuals were out; calibration.csv has every row."
    )
    return [heading("What the combination learned"), table(columns, words=["months"]), paragraph(note)]


def _times(rows: pd.DataFrame, level: int) -> list[str]:
    pairs = zip(rows[f"factor_lower_{level}"], rows[f"factor_upper_{level}"], strict=True)
    return [f"{below:.2f} and {above:.2f}" for below, above in pairs]


def significance(replay: Replay) -> list[Piece]:
    """Whether differences are more than chance, in words and as a table."""
    return _each(replay, _significance)


def _significance(replay: Replay, product: str) -> list[Piece]:
    sentences = significance_sentences(replay, product)
    if not sentences:
        return [paragraph("There was nothing to test.")]
    rows = standings(replay, product)
    rows = rows[rows["verdict"].notna()]
    columns = {
        "model": rows["model"],
        "n": rows["n"],
        "MAE, t": [digits(t) for t in rows["mae_t"]],
        "less than naive": [percent(share) for share in rows["skill"]],
        "absolute error": rows["verdict"],
        "WIS, t": [digits(t) for t in rows["wis"]],
        "WIS less than naive": [percent(share) for share in rows["skill_wis"]],
        "weighted interval score": rows["verdict_wis"],
    }
    return [bullets(sentences), table(columns, words=["model", "absolute error", "weighted interval score"])]


def what_events_added(replay: Replay) -> list[Piece]:
    """Every model with its events against itself without them; or why that is not known."""
    if replay.without_events is None:
        return [paragraph(nothing_added(replay))]
    return _each(replay, _what_events_added)


def _what_events_added(replay: Replay, product: str) -> list[Piece]:
    rows = added_by_events(replay)
    rows = rows[rows["product"] == product]
    if rows.empty:
        return [paragraph("With and without events every model says the same.")]
    order = {label: place for place, label in enumerate(dict.fromkeys(rows["slice"]))}
    rows = rows.sort_values("slice", key=lambda labels: labels.map(order), kind="stable")
    columns = {
        "slice": [_slice_words(replay, label) for label in rows["slice"]],
        "model": rows["model"],
        "n": rows["n"],
        "with events, t": [digits(t) for t in rows["with"]],
        "without, t": [digits(t) for t in rows["without"]],
        "verdict on the absolute error": rows["verdict"].str.replace(
            r"(than|from|as) \S+ without", r"\1 without", regex=True
        ),
    }
    words = ["slice", "model", "verdict on the absolute error"]
    return [
        figures.added(replay, product),
        Html(f"<details><summary>all comparisons</summary>{table(columns, words).text}</details>"),
    ]


# Misses, failures and drops ------------------------------------------------------------------------------------------


def the_worst_misses(replay: Replay) -> list[Piece]:
    """The ten largest misses of the shown model with what was known on their day."""
    rows = worst_misses(replay)
    if rows.empty:
        return [paragraph("No series has three actuals to measure a miss against.")]
    numbers = {product: _numbers(replay, product, kinds=True) for product in replay.products}
    several = {"product": [spoken(product) for product in rows["product"]]} if len(replay.products) > 1 else {}
    columns = {
        **several,
        "destination": [replay.name(code) for code in rows["destination"]],
        "issued": rows["issued"],
        "miss": [f"{miss:.1f}" for miss in rows["miss"]],
        **_seen_columns(rows, [numbers[product] for product in rows["product"]]),
    }
    note = "Miss: absolute error over the mean actual of the series in this run. Events have their calendar's numbers."
    return [table(columns, words=["product", "destination", *_SEEN_WORDS]), paragraph(note)]


def failures_and_drops(replay: Replay) -> list[Piece]:
    """What could not be fitted, and which events were left out."""
    failures, drops = failures_by_series(replay), drops_by_event(replay)
    words = ["product", "destination", "model", "last reason", "event", "reason"]
    counts = (
        f"{len(replay.failures):,} forecasts could not be made; {len(replay.dropped):,} times an event was left out."
    )
    pieces: list[Piece] = [paragraph(counts)]
    if len(failures):
        columns = {
            "product": [spoken(product) for product in failures["product"]],
            "destination": [replay.name(code) for code in failures["destination"]],
            "model": failures["model"],
            "origins": failures["origins"],
            "last reason": failures["reason"],
        }
        pieces.append(Html(f"<details><summary>failures</summary>{table(columns, words).text}</details>"))
    if len(drops):
        columns = {
            "product": [spoken(product) for product in drops["product"]],
            "event": drops["event"],
            "reason": drops["reason"],
            "series": drops["series"],
            "origins": drops["origins"],
        }
        pieces.append(Html(f"<details><summary>events left out</summary>{table(columns, words).text}</details>"))
    return pieces
