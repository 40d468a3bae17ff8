"""Coverage-guided fuzzing of one reader: ``python tests/fuzz/fuzz_readers.py TARGET [libFuzzer options] [FOLDERS]``.

It needs atheris; targets are those of `readers.TARGETS`. ``tests/fuzz/corpus/TARGET`` holds inputs to begin with, and
``tests/fuzz/campaign.py`` runs all of them.
"""

from __future__ import annotations

import sys
from functools import cache

import atheris

with atheris.instrument_imports(include=["forecast"]):
    from readers import TARGETS

    from forecast.sources import plain, scenario

plain.read_destinations = scenario.read_destinations = cache(plain.read_destinations)
"""The shipped destinations are the same at every execution: read once, so that the given bytes are what takes time."""

if __name__ == "__main__":
    chosen = sys.argv.pop(1)
    atheris.Setup(sys.argv, TARGETS[chosen])
    atheris.Fuzz()
