"""``forecast import``: downloaded files of any known source as one file of exports, and what could not be used."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from forecast.cli.console import plain_refusals, progress_bar, screen
from forecast.cli.inputs import today
from forecast.cli.options import Quiet

if TYPE_CHECKING:
    import pandas as pd

    from forecast.sources.importing import Imported, Steps

FilesToImport = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Downloads of Chinese customs, UN Comtrade, the US Census, Eurostat, "
                   "ComexStat or USDA GATS, or tables of your own: CSV, Excel, JSON or Parquet."),
]  # fmt: skip
Source = Annotated[
    str | None,
    typer.Option("--source", metavar="NAME", help="What the files are, where their content does not say it: "
                 "chinese_customs, comtrade, census, eurostat, comexstat, gats or table."),
]  # fmt: skip
Column = Annotated[
    list[str] | None,
    typer.Option("--column", metavar="ROLE=HEADING", help="The column of a role: destination, month, year, volume, "
                 "unit or product, such as destination=Country. A number counts columns of a file without header. "
                 "May be repeated."),
]  # fmt: skip
UnitWord = Annotated[
    str | None,
    typer.Option("--unit", metavar="UNIT", help="The unit of the volumes where the file does not say it: t, kg, "
                 "'100 kg', lb, 'short tons', kt, bushels; or usd, eur, cny to take values, in millions, and call "
                 "them so."),
]  # fmt: skip
ProductName = Annotated[
    str | None,
    typer.Option("--product", metavar="NAME", help="The product, where the file does not name it; the one to take, "
                 "where it has several."),
]  # fmt: skip
ImportedTo = Annotated[
    str | None,
    typer.Option("--destination", metavar="CODE", help="The destination of every row, where no column says it: WLD "
                 "for a total."),
]  # fmt: skip
Exporter = Annotated[
    str | None,
    typer.Option("--exporter", metavar="CODE", help="The country whose exports are taken, where the files have "
                 "several."),
]  # fmt: skip
ReleasedOn = Annotated[
    str | None,
    typer.Option("--released", metavar="YYYY-MM-DD", help="The day from which the figures count as known, where the "
                 "file does not say it. Default: the day on which its source usually publishes the month."),
]  # fmt: skip
Name = Annotated[
    list[str] | None,
    typer.Option("--name", metavar="NAME=CODE", help="A destination under a name that is not known, such as "
                 "'Other Asia=TWN'. May be repeated."),
]  # fmt: skip
Decimal = Annotated[
    str | None,
    typer.Option("--decimal", metavar="MARK", help="The mark before fractions: , or . Default: as it looks."),
]
ExportsFile = Annotated[
    Path, typer.Option("--output", metavar="FILE", help="The file of exports to write; what could not be used goes "
                       "to FILE-unused.csv beside it."),
]  # fmt: skip


def import_files(
    files: FilesToImport,
    source: Source = None,
    column: Column = None,
    unit: UnitWord = None,
    product: ProductName = None,
    destination: ImportedTo = None,
    exporter: Exporter = None,
    released: ReleasedOn = None,
    name: Name = None,
    decimal: Decimal = None,
    output: ExportsFile = Path("exports.csv"),
    quiet: Quiet = False,
) -> None:
    """Turn downloaded files into one file of exports, with the rows that could not be used and why beside it."""
    with plain_refusals():
        from forecast.sources.importing import import_exports

        with progress_bar("Reading", quiet) as progress:
            imported = import_exports(
                files,
                source,
                pairs(column, "--column"),
                unit,
                product,
                destination,
                exporter,
                _day(released),
                pairs(name, "--name"),
                decimal,
                today(),
                progress,
            )
        with progress_bar("Writing", quiet) as progress:
            beside = write_imported(imported, output, progress)
        if not quiet:
            print_imported(imported, output, beside)


def pairs(words: list[str] | None, option: str) -> dict[str, str]:
    """``LEFT=RIGHT`` words as a dictionary; a usage error where one has no ``=``."""
    parted = [word.rpartition("=") if option == "--name" else word.partition("=") for word in words or ()]
    wrong = [f"{left}{mark}{right}" for left, mark, right in parted if not (mark and left.strip() and right.strip())]
    if wrong:
        raise typer.BadParameter(f"expected two words with = between them, found {wrong[0]!r}.", param_hint=option)
    return {left.strip(): right.strip() for left, _, right in parted}


def write_imported(imported: Imported, output: Path, progress: Steps) -> Path:
    """The figures as a file, and beside it what could not be used: that first, so that no figures stand without it.

    Raises
    ------
    OutputError
        When one of them cannot be written.
    """
    from forecast.tables.run_folder import OutputError

    if not output.name:
        raise OutputError(f"{output}: expected a file that can be written, found a folder. Name a file in it.")
    beside = output.with_name(f"{output.stem}-unused.csv")
    write_table(beside, imported.unused, progress)
    write_table(output, imported.exports, progress)
    return beside


def write_table(path: Path, table: pd.DataFrame, progress: Steps) -> None:
    """``table`` as a CSV file, written whole; ``progress`` takes the rows that are text of all.

    Raises
    ------
    OutputError
        When the file cannot be written.
    """
    from forecast.tables.frames import csv_blocks
    from forecast.tables.run_folder import write_page

    blocks = []
    for done, block in csv_blocks(table):
        blocks.append(block)
        progress(done, len(table))
    write_page(path, "".join(blocks))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise typer.BadParameter(f"expected a day as YYYY-MM-DD, found {text!r}.", param_hint="--released") from error


def print_imported(imported: Imported, output: Path, beside: Path) -> None:
    """What the files are, how much of them was used, and why the rest was not."""
    from rich.text import Text

    from forecast.vocabulary.text import counted

    console = screen()
    for one in imported.files:
        line = Text.assemble((one.file, "bold"), ": ", one.what, "; ", (f"{one.used:,} figures used", "green"), ", ")
        console.print(line + Text(f"{one.unused:,} not.", "yellow" if one.unused else ""))
    for note in imported.notes:
        console.print(Text(note))
    for row in imported.causes().to_dict("records"):
        console.print(Text.assemble((f"Not used, {row['rows']:,}", "yellow"), f": {row['reason']} ({row['first']})."))
    exports = imported.exports
    span = f"{exports['month'].min()} to {exports['month'].max()}"
    kinds = [counted(exports[column].nunique(), column) for column in ("product", "destination")]
    written = f": {output} ({counted(len(exports), 'figure')}: {', '.join(kinds)}, {span})."
    console.print(Text.assemble(("Written", "green"), written))
    if len(imported.unused):
        console.print(Text(f"What could not be used, row by row: {beside}."))
    console.print(Text(f"Next: forecast next --exports {output}"))
