"""Settings of libraries that lie in the current folder are not obeyed."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

MATPLOTLIB_SETTINGS = "matplotlibrc"


def ignore_current_folder() -> None:
    """See to it that a ``matplotlibrc`` of the current folder is not read.

    matplotlib reads that file whenever it is first imported, which Prophet does too.
    """
    if os.path.lexists(MATPLOTLIB_SETTINGS):
        use_own_matplotlib_settings()


def use_own_matplotlib_settings() -> None:
    """Have matplotlib draw with the settings that it ships, whatever the user's and the current folder's files say."""
    if "matplotlib" not in sys.modules:
        with _in_own_folder():
            import_module("matplotlib")
    sys.modules["matplotlib"].rcdefaults()


def matplotlib_settings_file() -> Path | None:
    """The settings that matplotlib ships, for another process; None where it is not installed."""
    found = find_spec("matplotlib")
    if found is None or found.origin is None:
        return None
    return Path(found.origin).parent / "mpl-data" / MATPLOTLIB_SETTINGS


@contextmanager
def _in_own_folder() -> Iterator[None]:
    """Stand in this package's folder for a moment; the way back is open even where the current folder has no name."""
    if os.name != "posix":
        yield
        return
    back = os.open(".", os.O_RDONLY)
    try:
        os.chdir(Path(__file__).parent)
        yield
    finally:
        os.fchdir(back)
        os.close(back)
