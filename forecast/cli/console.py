"""How commands speak: tables on the screen, refusals in a line each, a bar while the user waits, and nothing else."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from forecast.backtest.run import Progress

SHOWN_PROBLEMS = 20
BAR_AFTER_SECONDS = 2.0


def screen() -> Console:
    """Where tables are printed: the width of the terminal, or a fixed one where output goes elsewhere."""
    from rich.console import Console

    from forecast.report.table import PIPED

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=PIPED)


def complain(sentences: list[str]) -> None:
    """Print a line on stderr for each of the first sentences, and how many there are beyond."""
    for sentence in sentences[:SHOWN_PROBLEMS]:
        typer.echo(sentence, err=True)
    if len(sentences) > SHOWN_PROBLEMS:
        typer.echo(f"and {len(sentences) - SHOWN_PROBLEMS} more.", err=True)


@contextmanager
def plain_refusals() -> Iterator[None]:
    """What is wrong with the user's data or folder, a line for each problem, exit 1; Ctrl-C, one line, exit 130."""
    try:
        from forecast.backtest.parallel import ClusterError
        from forecast.ensemble.judgement import JudgementError
        from forecast.store.database import StoreError
        from forecast.tables.read import TableError
        from forecast.tables.run_folder import OutputError

        try:
            yield
        except (TableError, OutputError, ClusterError, StoreError, JudgementError) as error:
            complain(str(error).splitlines())
            raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo("Stopped: nothing was left half-written.", err=True)
        raise typer.Exit(130) from None


@contextmanager
def silent_libraries() -> Iterator[None]:
    """No warning and no log line of a library reaches the user: what matters to them is in the tables."""
    former = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(former)


def tell_of_compiling(engine: str, quiet: bool) -> None:
    """A line on stderr before the kernels are compiled, which happens once on a machine and takes a while."""
    line = _notice() if engine == "compiled" and not quiet else None
    if line:
        typer.echo(line, err=True)


def _notice() -> str | None:
    """What there is to say of compiling; numba is imported only where no compiled code lies beside the kernels."""
    import forecast.kernels

    if any((Path(forecast.kernels.__file__).parent / "__pycache__").glob("*.nbi")):
        return None
    from forecast.kernels.compilation import notice

    return notice()


@contextmanager
def progress_bar(what: str, quiet: bool) -> Iterator[Progress]:
    """A function to be told how much is done of how much; a bar on a terminal's stderr shows it after a while."""
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield lambda done, total: None
        return
    bar = progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeElapsedColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("left"),
        console=console,
        transient=True,
    )
    task = bar.add_task(what, total=None)
    late = Timer(BAR_AFTER_SECONDS, bar.start)
    late.daemon = True
    late.start()
    try:
        yield lambda done, total: bar.update(task, completed=done, total=total)
    finally:
        late.cancel()
        late.join()
        bar.stop()
