"""The Python lines that repeat a command with the public functions of the package (`--show-python`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecast.cli.console import say
from forecast.cli.inputs import Given
from forecast.cli.options import NO_EVENTS, SHIPPED

if TYPE_CHECKING:
    from forecast.backtest.plan import Settings


@dataclass(frozen=True)
class Script:
    """A call of the library as a command makes it, with what stands before and after it.

    Attributes
    ----------
    given
        The files that tables are read from.
    result, function, keywords
        ``result = fc.function(exports, events, groups, **keywords)``; keywords that are None are left out, a keyword of
        a `Variable` is written as it is.
    before, after
        Lines between the tables and the call, and after the call.
    rest
        The day as of which the rest of the world is among the exports; None where it is not.
    more
        Positional arguments after the three tables, by the names of variables.
    """

    given: Given
    result: str
    function: str
    keywords: Mapping[str, Any]
    before: Sequence[str] = ()
    after: Sequence[str] = ()
    rest: date | None = None
    more: Sequence[str] = field(default_factory=tuple)

    def show(self) -> None:
        """Print the lines."""
        say("\n".join(self.lines()))

    def lines(self) -> list[str]:
        """The whole program, which prints what the call gives."""
        return with_imports([*self._tables(), *self.before, *self._call(), *self.after])

    def _tables(self) -> list[str]:
        """Exports with what is learned from beside them, the calendar, groups, and volumes of several months."""
        given, learned = self.given, self.given.figures_to_learn_from
        stored = _stored(given)
        lines = stored or [f"exports = fc.read_exports({_files(given.exports)})"]
        if learned is not None:
            lines += [
                f"others = fc.read_exports({learned!r})",
                'others = others[~others["product"].isin(exports["product"])]',
                "exports = pd.concat([exports, others], ignore_index=True)",
            ]
        lines += [*([f"events = {read_calendar(given)}"] if given.events else []), "groups = fc.read_groups()"]
        if SHIPPED in (*given.exports, learned):
            lines.append("totals = fc.read_period_totals()")
        if SHIPPED not in given.exports and learned == SHIPPED:
            lines.append('totals = totals[totals["product"].isin(others["product"])].reset_index(drop=True)')
        if self.rest is not None:
            lines.append(f"exports = fc.with_rest_of_world(exports, groups, {as_source(self.rest)})")
        return lines

    def _call(self) -> list[str]:
        has_totals = SHIPPED in (*self.given.exports, self.given.figures_to_learn_from)
        keywords = {**self.keywords, "totals": Variable("totals") if has_totals else None}
        arguments = [f"{name}={as_source(value)}" for name, value in keywords.items() if value is not None]
        listed = [f"    {one}," for one in ("exports", "events", "groups", *self.more, *arguments)]
        return [f"{self.result} = fc.{self.function}(", *listed, ")"]


def with_imports(lines: Sequence[str]) -> list[str]:
    """Lines below what they import: those that begin with ``from``, and the modules that they name.

    Examples
    --------
    >>> with_imports(["from a import b", "b(fc, datetime.date(2026, 1, 20))"])
    ['import datetime', 'import forecast as fc', 'from a import b', '', 'b(fc, datetime.date(2026, 1, 20))']
    """
    body = [line for line in lines if not line.startswith("from ")]
    modules = {"datetime.": "import datetime", "pd.": "import pandas as pd"}
    named = [line for word, line in modules.items() if any(word in text for text in body)]
    return [*named, "import forecast as fc", *(line for line in lines if line not in body), "", *body]


class Variable(str):
    """A variable of the script."""


def as_source(value: Any) -> str:
    """A value as Python source.

    Examples
    --------
    >>> import pandas as pd
    >>> [as_source(one) for one in (date(2026, 1, 20), pd.Period("2026-01", "M"), ["a"], Variable("totals"))]
    ['datetime.date(2026, 1, 20)', "pd.Period('2026-01', 'M')", "['a']", 'totals']
    """
    if isinstance(value, Variable):
        return str(value)
    text = repr(value)
    return f"pd.{text}" if text.startswith("Period(") else text


def _stored(given: Given) -> list[str]:
    """Lines that read the figures of a store as its last issue had them, and its calendar where no file is given."""
    if given.store is None:
        return []
    lines = [
        "from forecast.store.issued import issued_calendar, issues",
        "from forecast.store.vintages import exports_as_of",
        f"with fc.Store({str(given.store)!r}) as store:",
        "    last = issues(store)[-1]",
        "    exports = exports_as_of(store, last.issued, last.places, before_withdrawal=True)",
    ]
    return lines if given.events else [*lines, "    events = issued_calendar(store, last)"]


def _files(words: Sequence[str]) -> str:
    """Files as arguments of a reader; none where only the shipped one is read."""
    return "" if tuple(words) == (SHIPPED,) else ", ".join(map(repr, words))


def judgement_script(rules: Sequence[str] | None, shown: str) -> list[str]:
    """Lines that set judgements beside the run's forecasts; none where there are none."""
    if not rules:
        return []
    return [f"judgements = [fc.parse_judgement(rule) for rule in {list(rules)!r}]",
            f"run = fc.judged_run(run, judgements, {shown!r}, groups)"]  # fmt: skip


def explained_script(issued: date, models: Sequence[str]) -> list[str]:
    """Lines that print the parts of each model's forecasts."""
    return [f"print(fc.explained(run, {as_source(issued)}, {model!r}))" for model in models]


def update_script(
    given: Given,
    settings: Settings,
    asked: Mapping[str, Any],
    rules: Sequence[str],
    store: Path,
    files: Sequence[Path],
    day: date,
) -> list[str]:
    """The program of a monthly update: its routine, and the store that it is made in."""
    learned = given.figures_to_learn_from
    chosen = {one.name: getattr(settings, one.name) for one in fields(settings)}
    judgements = Variable(f"[fc.parse_judgement(rule) for rule in {list(rules)!r}]") if rules else None
    options = {
        "settings": Variable(f"fc.Settings({_keywords(chosen)})"),
        "experience": None if learned is None else Variable(f"fc.read_exports({learned!r})"),
        "totals": Variable("fc.read_period_totals()") if learned == SHIPPED else None,
        "judgements": judgements,
        **asked,
    }
    return with_imports([
        f"day = {as_source(day)}",
        f"routine = fc.Routine({read_calendar(given)}, fc.read_groups(), {_keywords(options)})",
        f"with fc.Store({str(store)!r}, today=day) as store:",
        f"    done = fc.run_update(store, {[str(path) for path in files]!r}, routine, day)",
        "print(done.run.forecasts if done.run else done.last)",
        "print(done.changes)",
    ])  # fmt: skip


def _keywords(values: Mapping[str, Any]) -> str:
    """Keyword arguments in a line; those that are None are left out."""
    return ", ".join(f"{name}={as_source(value)}" for name, value in values.items() if value is not None)


def read_calendar(given: Given) -> str:
    """The call that reads the calendar, or an empty one.

    Examples
    --------
    >>> read_calendar(Given.of(None, ["none"]))
    'fc.read_events().iloc[:0]'
    """
    return "fc.read_events().iloc[:0]" if given.events == (NO_EVENTS,) else f"fc.read_events({_files(given.events)})"


def supposed_script(added: Sequence[str], files: Sequence[str], products: Sequence[str]) -> list[str]:
    """Lines that read the events that may happen into ``supposed``."""
    read = f"fc.read_scenario({', '.join(map(repr, files)) or repr(SHIPPED)}){'' if files else '.iloc[:0]'}"
    if not added:
        return [f"supposed = {read}"]
    lines = [
        "from forecast.scenario.events import supposed_events, supposed_rows",
        f"rows = supposed_rows({list(added)!r}, {list(products)!r})",
        'supposed = supposed_events({"--add": rows}, fc.read_destinations())',
    ]
    return [*lines, f"supposed = pd.concat([{read}, supposed], ignore_index=True)"] if files else lines
