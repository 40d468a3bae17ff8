"""A new model: in a copy of the project by the steps of CONTRIBUTING.md, and in a package of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from forecast.registry import BUILT_IN, registered

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("pandas", "numpy", "their_package.drift")

DRIFT = '''
"""A random walk that goes on as it did on average."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from forecast.models.protocol import FitError, as_correlation, gaussian_bounds


@dataclass(frozen=True)
class Drift:
    """The last observed month and the mean change a month; no use for ``X`` nor ``prior``."""

    name: ClassVar[str] = "drift"

    def fit(self, y, X, prior=None):
        """The random walk with drift, from the changes between observed months."""
        seen = y.dropna()
        if len(seen) < 4:
            raise FitError(f"drift needs 4 observed months and found {len(seen)}.")
        months = pd.PeriodIndex(seen.index).asi8
        gaps, changes = np.diff(months), np.diff(seen.to_numpy())
        drift = changes.sum() / gaps.sum()
        variance = float(np.mean((changes - drift * gaps) ** 2 / gaps))
        return DriftFit(float(seen.iloc[-1]), int(months[-1]), drift, variance)


@dataclass(frozen=True)
class DriftFit:
    """From ``level`` in month ``last``, ``drift`` a month with ``variance``."""

    level: float
    last: int
    drift: float
    variance: float

    def predict(self, X):
        """Normal, with a variance that grows with the months."""
        ahead = pd.PeriodIndex(X.index).asi8 - self.last
        return gaussian_bounds(self.level + self.drift * ahead, np.sqrt(self.variance * ahead), X.index)

    def correlation(self, X):
        """Two months share the steps up to the earlier one."""
        ahead = pd.PeriodIndex(X.index).asi8 - self.last
        return as_correlation(np.minimum.outer(ahead, ahead))
'''

USED = """
import forecast as fc
from forecast.registry import REGISTRY
run = fc.forecast_all(fc.read_exports(), fc.read_events(), fc.read_groups(), products=["gallium"],
                      destinations=["WLD"], models=["drift"])
print("ROWS", len(run.forecasts), *run.forecasts["model"].unique(), fc.load("drift"))
"""


def ran(*command: str, path: str, folder: Path) -> str:
    """What a command of Python prints, with ``path`` as PYTHONPATH."""
    given = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(
        [sys.executable, *command], env=given, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def assert_known(path: str, folder: Path) -> None:
    """Library and command have the model ``drift``: loaded, forecast, named in the help, printed."""
    assert "ROWS 2 drift Drift()" in ran("-c", USED, path=path, folder=folder)
    assert re.search(r"naive,[^.]* drift,\s+combination", plain(ran(*FORECAST, "--help", path=path, folder=folder)))
    printed = ran(*FORECAST, *SHOWN, "--models", "drift,naive", path=path, folder=folder)
    assert "Exports of gallium" in printed
    rows = (folder / "run" / "forecasts.csv").read_text().splitlines()
    assert {row.split(",")[2] for row in rows[1:]} == {"drift", "naive"}


FORECAST = ("-m", "forecast", "next")
SHOWN = ("--product", "gallium", "--destination", "WLD", "--output", "run")


def plain(text: str) -> str:
    """A help text without the breaks of its lines."""
    return " ".join(text.split())


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project in which the steps of "Adding a model" were followed."""
    for name in ("forecast", "data", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("*.pyc"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    steps = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Adding a model")[2].partition("\n## ")[0]
    assert {"forecast/models/", "forecast/registry.py"} <= set(re.findall(r"`(forecast/\w+(?:/|\.py))`", steps))
    (tmp_path / "forecast" / "models" / "drift.py").write_text(DRIFT)
    registry = tmp_path / "forecast" / "registry.py"
    head, built_in, rest = registry.read_text("utf-8").partition("BUILT_IN = (\n")
    line = '    ModelEntry("drift", "forecast.models.drift:Drift"),\n'
    inside, end, after = rest.partition(")  # fmt: skip\n")
    registry.write_text(head + built_in + inside + line + end + after)
    return tmp_path


@pytest.mark.slow
def test_a_model_added_by_the_book_is_known_to_library_command_and_laws(copy: Path) -> None:
    """One file and one entry: it can be asked for everywhere, and every law is tried on it and holds."""
    assert_known(str(copy), copy)
    laws = ("-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", "tests/models/test_laws.py", "-k", "drift")
    collected = ran(*laws, "--collect-only", path=str(copy), folder=copy)
    tried = set(re.findall(r"::(test_\w+)\[[^\]]*\bdrift\b", collected))
    assert {"test_bounds_nest_and_are_finite", "test_a_thousand_volumes_give_a_thousand_forecasts"} <= tried
    assert "test_a_series_too_short_is_refused_in_a_sentence" in tried
    assert "passed" in ran(*laws, path=str(copy), folder=copy)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which a package with a model of its own was installed."""
    source, target = tmp_path_factory.mktemp("their-package"), tmp_path_factory.mktemp("site")
    package = source / "their_package"
    package.mkdir()
    (package / "__init__.py").write_text('"""A package that has a model."""\n')
    (package / "drift.py").write_text(DRIFT)
    (package / "entry.py").write_text(
        "from forecast.registry import ModelEntry\n\nENTRY = ModelEntry('drift', 'their_package.drift:Drift')\n"
    )
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n\n'
        '[project]\nname = "their-package"\nversion = "0.1"\n\n'
        '[project.entry-points."forecast.models"]\ndrift = "their_package.entry:ENTRY"\n'
    )
    pip = ("-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps", "--no-build-isolation")
    ran(*pip, "--no-index", "--target", str(target), str(source), path="", folder=source)
    return target


@pytest.mark.slow
def test_a_model_of_another_package_is_known_once_it_is_installed(installed: Path, tmp_path: Path) -> None:
    """Through the entry-point group ``forecast.models``: visible in the help of `next`, and it runs."""
    assert_known(f"{installed}{os.pathsep}{ROOT}", tmp_path)


@pytest.mark.slow
def test_another_package_may_be_imported_first_and_costs_the_help_nothing(installed: Path, tmp_path: Path) -> None:
    """Its model refers to this package, which reads its entry: neither waits for the other, nor loads the model."""
    path = f"{installed}{os.pathsep}{ROOT}"
    code = "import their_package.drift; from forecast.registry import MODELS; print(MODELS[-2:])"
    assert "('drift', 'combination')" in ran("-c", code, path=path, folder=tmp_path)
    loaded = "from forecast.cli import app; app(['next', '--help'], standalone_mode=False); import sys; "
    shown = f"print('LOADED', *sorted(set({HEAVY!r}) & sys.modules.keys()))"
    printed = ran("-c", loaded + shown, path=path, folder=tmp_path)
    assert printed.splitlines()[-1].strip() == "LOADED"


def test_two_models_of_one_name_are_refused() -> None:
    """A second model of a name would take the place of the first in silence."""
    message = r"^There are two models 'naive': uninstall a package that registers one of them\.$"
    with pytest.raises(ValueError, match=message):
        registered([BUILT_IN[0]])
