"""``python -m forecast``: the command line without its script.

Python puts the current folder before all others in which modules are sought; unless this package itself lies there, it
is taken out again, so that a file named like a library in a folder of data is not run.
"""

import os
import sys

HERE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 (pathlib could be such a file)


def seek_no_module_in_the_current_folder() -> None:
    """Take the current folder out of ``sys.path``, unless this package lies in it."""
    first = os.path.realpath(sys.path[0]) if sys.path else HERE
    if first != HERE and first == os.path.realpath(os.curdir):
        del sys.path[0]


if __name__ == "__main__":
    seek_no_module_in_the_current_folder()
    from forecast.cli import app

    app(prog_name="forecast")
