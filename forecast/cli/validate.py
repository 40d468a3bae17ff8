"""``forecast validate``: what looks wrong in files of exports although they can be read."""

from __future__ import annotations

from typing import Annotated

import typer

from forecast.cli.console import plain_refusals, screen
from forecast.cli.inputs import today
from forecast.cli.options import Quiet

FilesToValidate = Annotated[
    list[str],
    typer.Argument(metavar="FILE...", help="Files of export figures, in our own columns or of any source that forecast "
                   "import reads. 'shipped' names the packaged one."),
]  # fmt: skip
Strict = Annotated[bool, typer.Option("--strict", help="Exit 1 where anything is found.")]


def validate_files(files: FilesToValidate, strict: Strict = False, quiet: Quiet = False) -> None:
    """Look in files of exports for slips of units, repeated months, parts above the whole, and more."""
    with plain_refusals():
        from rich.text import Text

        import forecast as fc
        from forecast.sources.plain import exports_in
        from forecast.sources.validation import in_words, validate_exports
        from forecast.vocabulary.text import counted

        read = exports_in(files, today())
        found = validate_exports(read.exports, fc.read_groups())
        console = screen()
        if not quiet:
            for line in read.said:
                console.print(Text(line))
            for check, rows in found.groupby("check", sort=False):
                console.print(Text(f"{check}: {len(rows):,}", "bold yellow"))
                console.print(Text("\n".join(f"  {in_words(finding)}" for finding in rows.to_dict("records"))))
            series = len(read.exports[["product", "destination"]].drop_duplicates())
            words = counted(len(found), "finding") if len(found) else "Nothing found"
            style = "yellow" if len(found) else "green"
            console.print(Text(f"{words} in {counted(len(read.exports), 'figure')} of {series:,} series.", style))
        if strict and len(found):
            raise typer.Exit(1)
