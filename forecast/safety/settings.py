"""Settings and modules that lie in the current folder are not obeyed, here and in the processes that are started."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MATPLOTLIB_SETTINGS = "matplotlibrc"

SAFE_PATH = "PYTHONSAFEPATH"
"""What tells a Python process to leave the current folder off its path."""


def ignore_current_folder() -> None:
    """See to it that a ``matplotlibrc`` of the current folder is not read.

    matplotlib reads that file whenever it is first imported, which Prophet does too.
    """
    if os.path.lexists(MATPLOTLIB_SETTINGS):
        use_own_matplotlib_settings()


def use_own_matplotlib_settings() -> None:
    """Have matplotlib draw with the settings that it ships, whatever the user's and the current folder's files say."""
    if "matplotlib" not in sys.modules:
        with elsewhere():
            import_module("matplotlib")
    sys.modules["matplotlib"].rcdefaults()


def matplotlib_settings_file() -> Path | None:
    """The settings that matplotlib ships, for another process; None where it is not installed."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "mpl-data" / MATPLOTLIB_SETTINGS


@contextmanager
def elsewhere() -> Iterator[None]:
    """Stand in the folder of Python's own modules for a moment, for a library that looks into the current folder.

    The way back is open even where the current folder has no name.
    """
    if os.name != "posix":
        yield
        return
    back = os.open(".", os.O_RDONLY)
    try:
        os.chdir(Path(os.__file__).parent)
        yield
    finally:
        os.fchdir(back)
        os.close(back)


@contextmanager
def no_modules_from_here() -> Iterator[None]:
    """Python processes started inside seek no module in the current folder: it is not put on their path."""
    former = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        yield
    finally:
        if former is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = former
