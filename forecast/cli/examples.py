"""What stands below the options in the help of a command: the columns of the files it reads, and an example.

An example is a list of command lines that run one after another in an empty folder; tests run each.
"""

from __future__ import annotations

from dataclasses import dataclass

from forecast.tables.schema import EVENTS, EXPORTS, SCENARIOS, TableSchema


@dataclass(frozen=True)
class Example:
    """Command lines that run in an empty folder, and the tables that the files of the command hold.

    Attributes
    ----------
    lines
        The last one is the command itself.
    reads
        Schemas of the files that it takes in the package's own columns.
    slow
        Whether it takes more than half a second.
    network
        Whether it asks a live service.
    """

    lines: tuple[str, ...]
    reads: tuple[TableSchema, ...] = ()
    slow: bool = False
    network: bool = False


_FIGURES = "forecast template exports"
_BOTH = "forecast template exports events"
_NEXT = "forecast next --exports exports.csv --models theta --output run"

EXAMPLES = {
    "next": Example((_BOTH, "forecast next --exports exports.csv --events events.csv --models theta"),
                    (EXPORTS, EVENTS), slow=True),
    "template": Example(("forecast template exports events",)),
    "import": Example((_FIGURES, "forecast import exports.csv --output mine.csv")),
    "fetch": Example(("forecast fetch comtrade --reporter JPN --code 850511 --from 2024-01",), network=True),
    "validate": Example((_FIGURES, "forecast validate exports.csv"), (EXPORTS,)),
    "brief": Example((_FIGURES, _NEXT, "forecast brief --run run --quick"), slow=True),
    "explain": Example(
        (_BOTH,
         "forecast next --exports exports.csv --events events.csv --models theta,structural,combination --output run",
         "forecast explain USA --run run"),
        (EXPORTS, EVENTS),
        slow=True,
    ),
    "analogues": Example(("forecast analogues licensing-2025-04-ree --product rare_earth_magnets",),
                         (EXPORTS, EVENTS)),
    "events": Example((_BOTH, "forecast events --events events.csv"), (EVENTS, EXPORTS)),
    "scenario": Example(
        ("forecast template exports events scenario",
         "forecast scenario --exports exports.csv --events events.csv --scenario-file scenario.csv "
         "--models structural --no-calibrate"),
        (EXPORTS, EVENTS, SCENARIOS),
        slow=True,
    ),
    "backtest": Example(
        (_BOTH,
         "forecast backtest --exports exports.csv --events events.csv --models naive,theta --origins 6 --parity 0"),
        (EXPORTS, EVENTS),
        slow=True,
    ),
    "changes": Example((_FIGURES, "forecast changes --exports exports.csv --events none --destination USA"),
                       (EXPORTS, EVENTS), slow=True),
    "report": Example(
        (_FIGURES,
         "forecast backtest --exports exports.csv --models naive,theta --origins 6 --parity 0 --output run",
         "forecast report --run run"),
        slow=True,
    ),
    "update": Example(
        (_FIGURES,
         "forecast update exports.csv --store store.duckdb --models theta --no-calibrate --experience priors"),
        (EXPORTS, EVENTS),
        slow=True,
    ),
    "track": Example(
        (_FIGURES, f"{_NEXT} --issued 2025-11-20 --store store.duckdb", "forecast track --store store.duckdb"),
        slow=True,
    ),
    "revisions": Example((_FIGURES, f"{_NEXT} --store store.duckdb", "forecast revisions --store store.duckdb"),
                         slow=True),
}  # fmt: skip
"""An example of each command, by its name."""


def epilog(command: str) -> str:
    r"""The columns of the files that a command reads, and its example, as click keeps them: ``\b`` before each block.

    Examples
    --------
    >>> print(epilog("template").replace("\b\n", ""))
    Example, in an empty folder:
      forecast template exports events
    """
    example = EXAMPLES[command]
    columns = [f"Columns of {table.name}: {', '.join(table.needed)}; may be left out: {', '.join(table.defaults)}."
               for table in example.reads]  # fmt: skip
    lines = [f"  {line}" for line in example.lines]
    return "\n\n".join([*columns, "\n".join(["\b", "Example, in an empty folder:", *lines])])
