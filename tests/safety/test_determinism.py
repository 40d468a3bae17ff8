"""The same bytes with everything set otherwise at once; ``python tests/safety/determinism.py`` tries one by one."""

from __future__ import annotations

from pathlib import Path

import pytest
from determinism import VARIANTS, Variant, differences, made

EVERYTHING = Variant(
    {"PYTHONHASHSEED": "4242", "LC_ALL": "C", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati", "COLUMNS": "20"},
    words=("--jobs", "2"),
    ordered=VARIANTS["rows shuffled"].ordered,
    commands=("backtest",),
)


@pytest.mark.slow
def test_a_backtest_with_all_models_has_the_same_bytes_whatever_the_machine_is_set_to(tmp_path: Path) -> None:
    """Hash seed, locale, time zone, width of terminal, processes, and the order of rows and events."""
    plain = Variant(commands=EVERYTHING.commands)
    found = []
    for name, variant in (("plain", plain), ("other", EVERYTHING)):
        (tmp_path / name).mkdir()
        found.append(made(tmp_path / name, variant))
    assert len(found[0]) > 5
    assert differences(*found, plain.commands) == []
