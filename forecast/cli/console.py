"""How commands speak: tables on the screen, refusals in a line each, a bar while the user waits, and nothing else."""

from __future__ import annotations

import gc
import logging
import os
import shlex
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from forecast.safety.inert import visible_lines
from forecast.safety.settings import ignore_current_folder

if TYPE_CHECKING:
    from rich.console import Console
    from rich.segment import Segment

    from forecast.backtest.origin_cache import OriginCache
    from forecast.backtest.run import Progress

BAR_AFTER_SECONDS = 2.0

IMPORT = "forecast import FILE"
"""How sentences on a file name the command that reads it with options."""


def screen() -> Console:
    """Where tables are printed: the width of the terminal, or a fixed one where output goes elsewhere.

    Text is shown as it is: brackets and colons of users are no markup, and what could steer the terminal is not obeyed.
    """
    from rich.console import Console

    from forecast.report.table import PIPED

    class Screen(Console):
        """Shows text of users, such as names of files, and obeys its own signs alone."""

        def render(self, *arguments: Any, **options: Any) -> Iterator[Segment]:
            for segment in super().render(*arguments, **options):
                yield segment if segment.control else segment._replace(text=visible_lines(segment.text))

    console = Screen(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Screen(highlight=False, markup=False, emoji=False, width=PIPED)


def say(sentence: str, err: bool = False) -> None:
    """Print a line; what could steer a terminal in it, as in the name of a file, is shown and not obeyed."""
    typer.echo(visible_lines(sentence), err=err)


def complain(sentences: list[str]) -> None:
    """Print a line on stderr for each of the first sentences, and how many there are beyond."""
    from forecast.tables.read import SHOWN_PROBLEMS

    for sentence in sentences[:SHOWN_PROBLEMS]:
        say(sentence, err=True)
    if len(sentences) > SHOWN_PROBLEMS:
        say(f"and {len(sentences) - SHOWN_PROBLEMS} more.", err=True)


def current_context() -> Any:
    """What was parsed of the running command; None outside of one. Later versions of typer have their own click."""
    own = find_spec("typer._click") is not None
    return import_module("typer._click.globals" if own else "click.globals").get_current_context(silent=True)


def in_two_commands(sentence: str) -> str:
    """The advice to import a file, where another command was given it, as both commands with its name, in order."""
    from forecast.vocabulary.text import shown

    context = current_context()
    command = context.info_name if context else "import"
    if command in ("import", "fetch") or f"{IMPORT} " not in sentence or not sentence.endswith("."):
        return sentence
    option = "" if command in ("update", "validate") else "--exports "
    files = [str(path) for path in context.params.get("exports" if option else "files") or []]
    file = next((path for path in files if sentence.startswith(shown(Path(path).name, 80))), "FILE")
    output = "imported.csv" if Path(file).name == "exports.csv" else "exports.csv"
    first, _, rest = sentence.removesuffix(".").partition(f"{IMPORT} ")
    options, bracket, more = rest.partition(" (or ")
    importing = f"forecast import {shlex.quote(file)} {options} --output {output}"
    store = context.params.get("store")
    kept = f" --store {shlex.quote(str(store))}" if store else ""
    return f"{first}{importing}, then forecast {command} {option}{output}{kept}{bracket}{more}."


@contextmanager
def plain_refusals() -> Iterator[ExitStack]:
    """What is wrong with the user's data or folder, a line for each problem, exit 1; Ctrl-C, one line, exit 130.

    What is given is held until the command ends: a place for its output (`forecast.tables.run_folder.claimed`).
    """
    try:
        from forecast.backtest.checkpoint import CheckpointError
        from forecast.backtest.parallel import ClusterError
        from forecast.ensemble.judgement import JudgementError
        from forecast.sources.services.service import ServiceError
        from forecast.store.database import StoreError
        from forecast.tables.read import TableError
        from forecast.tables.run_folder import OutputError

        try:
            ignore_current_folder()
            with ExitStack() as held, plain_interrupts():
                yield held
                sys.stdout.flush()
        except (
            TableError, OutputError, CheckpointError, ClusterError, StoreError, JudgementError, ServiceError
        ) as error:  # fmt: skip
            lines = error.problems if isinstance(error, TableError) else str(error).splitlines()
            complain([in_two_commands(line) for line in lines if line.strip()])
            raise typer.Exit(1) from None
    except KeyboardInterrupt:
        say("Stopped: nothing was left half-written.", err=True)
        raise typer.Exit(130) from None


@contextmanager
def plain_interrupts() -> Iterator[None]:
    """Ctrl-C while compiled code runs, which comes out of it as an error of the system, as what it is."""
    try:
        yield
    except SystemError as error:
        first: BaseException | None = error
        while isinstance(first, SystemError):  # one for each call that it came out of
            first = first.__cause__ or first.__context__
        if not isinstance(first, KeyboardInterrupt):
            raise
        raise KeyboardInterrupt from None


COLLECTED_AFTER = (50_000, 10, 100)
"""Thresholds of the garbage collector in a command: at Python's own it goes through all that libraries have loaded,
some hundred thousand objects that stay, many times a second."""


class Commands(TyperGroup):
    """All commands; what the system refuses, to read, to write or only to print a help, is a sentence, exit 1."""

    def main(self, *arguments: Any, **settings: Any) -> Any:
        """Run what the words of the command line say."""
        gc.set_threshold(*COLLECTED_AFTER)
        try:
            lead_closed_streams_nowhere()
            return super().main(*arguments, **settings)
        except OSError as error:
            _complain_of_disk(error)
            sys.exit(1)


class Command(TyperCommand):
    """A command; a word that stands without its option is refused with the option that it may belong to."""

    allow_extra_args = True

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What is left of the words once options and arguments are known: nothing."""
        left: list[str] = super().parse_args(ctx, args)
        if left and not ctx.resilient_parsing:
            taken = {option for parameter in self.params for option in parameter.opts}
            near = next((option for option in OF_WORDS if option in taken), "an option")
            word = visible_lines(left[0])
            said = f"expected nothing without its option: did you mean {near} {word}?"
            raise typer.BadParameter(said, ctx, param_hint=f"'{word}'")
        return left


OF_WORDS = ("--run", "--exports", "--store")
"""Options that take the file or folder which people name first."""


def lead_closed_streams_nowhere() -> None:
    """See to it that no file gets the number of a standard stream that was closed, and is written by who prints."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None and not _is_open(number):
            found = os.open(os.devnull, os.O_RDWR)
            if found != number:
                os.dup2(found, number)
                os.close(found)
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _complain_of_disk(error: OSError) -> None:
    """A sentence of what the system refused; a reader of the output who has gone away is sent none."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is None:
        with open(os.devnull, "w") as nothing:  # noqa: PTH123 (what is left to be flushed has nowhere to go)
            os.dup2(nothing.fileno(), 1)
    if not isinstance(error, BrokenPipeError):
        place = "standard output or the disk" if error.filename is None else str(error.filename)
        complain([f"{place}: expected a place that can be read and written, found that it cannot ({reason})."])


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
        say(line, err=True)


def _notice() -> str | None:
    """What there is to say of compiling; numba is imported only where no compiled code lies beside the kernels."""
    import forecast.kernels

    if any((Path(forecast.kernels.__file__).parent / "__pycache__").glob("*.nbi")):
        return None
    from forecast.kernels.compilation import notice

    return notice()


@contextmanager
def kept_origins(wanted: bool = True) -> Iterator[OriginCache | None]:
    """The cache in the user's folder, where it is wanted and allowed, and a sentence where its disk refuses.

    The numbers are the same with and without it.
    """
    from forecast.backtest.origin_cache import OriginCache, default_folder, is_switched_off

    if is_switched_off() or not wanted:
        yield None
        return
    cache = OriginCache(default_folder())
    yield cache
    if cache.refused:
        say(f"{cache.folder}: earlier origins could not be kept for the next run ({cache.refused}).", err=True)


@contextmanager
def progress_bar(what: str, quiet: bool) -> Iterator[Progress]:
    """A function that takes how much is done of how much; a bar on a terminal's stderr shows it after a while."""
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
