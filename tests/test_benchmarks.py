"""Benchmarks that take a part of the package out: what they name is there, and was of use."""

import importlib
import re
from pathlib import Path
from pkgutil import resolve_name

import pytest

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"
NAME = re.compile(r'"(forecast(?:\.\w+){2,})"')


def test_what_benchmarks_replace_by_name_is_in_the_package():
    """A name that moved would be missed by whoever runs the script next, months later."""
    names = {name for path in BENCHMARKS.glob("*.py") for name in NAME.findall(path.read_text("utf-8"))}
    assert "forecast.ensemble.record.calibrated" in names
    for name in names:
        resolve_name(name)


def test_every_part_that_is_taken_out_is_there(monkeypatch: pytest.MonkeyPatch):
    """Also those that a script names without the package, or module by module."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    parts, ablation = (importlib.import_module(name) for name in ("episode_parts", "ablation"))
    named = {name for part in parts.PARTS.values() for name in part if "." in name}
    replaced = {name for _, patches in ablation.FITTED.values() for name in patches}
    assert len(named) > 10
    for name in named | replaced:
        resolve_name(name if name.startswith(("forecast.", "episodes.")) else f"forecast.episodes.{name}")
