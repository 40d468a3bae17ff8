"""Machine code is kept where it can be written, and the kernels work where it cannot."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest

import forecast
from forecast.kernels import compilation as compiling
from forecast.kernels import likelihood
from forecast.kernels.jit import on_disk

SMALL_CALL = """
import numpy as np
from forecast.kernels.jit import on_disk
from forecast.kernels.likelihood import polynomial
before = on_disk(polynomial)
print(before, polynomial(np.array([0.5]))[1], on_disk(polynomial), polynomial.stats.cache_path)
"""


FITS = """
import numpy as np
from forecast.kernels.arima import fit
for seed in range(5):
    y = np.cumsum(np.random.default_rng(seed).standard_normal(60))
    print([value.hex() for value in fit(y, np.eye(60)[:, [40]], (1, 1, 1), (1, 0, 0)).parameters.tolist()])
"""


def run(package: Path, cache: Path) -> subprocess.Popen:
    """A process that makes one small call, with a package folder that takes no cache and ``cache`` as the user's."""
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(cache)}
    environment |= {"XDG_CACHE_HOME": str(cache), "LOCALAPPDATA": str(cache)}
    command = [sys.executable, "-c", SMALL_CALL]
    return subprocess.Popen(command, cwd=package, env=environment, stdout=subprocess.PIPE, text=True)


def test_it_is_said_beforehand_that_kernels_will_be_compiled(tmp_path):
    """Where nothing is on disk there is one line to show; the kernels themselves print nothing."""
    done = subprocess.run(
        [sys.executable, "-c", "from forecast.kernels.compilation import notice; print(notice())"],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "Compiling the kernels, once on this machine: about 10 seconds.\n"
    assert done.stderr == ""


def test_nothing_is_said_where_all_of_them_are_on_disk(monkeypatch):
    """One that is missing is enough to say it."""
    left = ["minimise"]
    monkeypatch.setattr(compiling, "on_disk", lambda kernel: kernel.__name__ not in left)
    assert compiling.notice() is not None
    left.clear()
    assert compiling.notice() is None


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    """A copy of the package in which no cache folder can be made."""
    kernels = tmp_path / "package" / "forecast" / "kernels"
    for name in ("kernels", "safety"):
        here, ignored = Path(forecast.__file__).parent / name, shutil.ignore_patterns("__pycache__")
        shutil.copytree(here, kernels.parent / name, ignore=ignored)
    (kernels.parent / "__init__.py").touch()
    (kernels / "__pycache__").touch()
    return kernels.parent.parent


@pytest.mark.slow
def test_a_package_that_cannot_be_written_uses_the_cache_of_the_user(sealed, tmp_path):
    """Several processes at once fill it without harm, and the next one reads it."""
    cache = tmp_path / "cache"
    cache.mkdir()
    at_once = [run(sealed, cache) for _ in range(2)]
    assert [process.communicate()[0].split()[:3] for process in at_once] == [["False", "-0.5", "True"]] * 2
    before, value, after, folder = run(sealed, cache).communicate()[0].split()
    assert (before, value, after) == ("True", "-0.5", "True")
    assert Path(folder).is_relative_to(cache)


@pytest.mark.slow
def test_the_digits_do_not_depend_on_when_it_was_compiled(tmp_path):
    """The process that compiles the kernels and the next one, which reads them, print the same last digits."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = [
        subprocess.run([sys.executable, "-c", FITS], env=environment, capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert runs[0].stdout == runs[1].stdout
    assert len(runs[0].stdout.splitlines()) == 5


@pytest.mark.slow
def test_without_any_folder_to_write_to_the_kernels_work(sealed, tmp_path):
    """Then nothing is kept, and nothing is said to be."""
    blocked = tmp_path / "blocked"
    blocked.touch()
    assert run(sealed, blocked / "cache").communicate()[0].split() == ["False", "-0.5", "False", "None"]


def test_what_was_called_is_on_disk():
    """After a call the machine code is there for the next process."""
    likelihood.polynomial(np.array([0.5]))
    assert on_disk(likelihood.polynomial) == (likelihood.polynomial.stats.cache_path is not None)


@pytest.mark.parametrize("enabled", [True, False])
def test_the_collector_rests_while_compiling_and_is_then_as_it_was(enabled, monkeypatch):
    """Also where somebody had switched it off."""
    seen = []
    monkeypatch.setattr(gc, "isenabled", lambda: enabled)
    monkeypatch.setattr(gc, "disable", lambda: seen.append("rests"))
    monkeypatch.setattr(gc, "enable", lambda: seen.append("works"))
    outer = numba.njit(lambda x: inner(x) + 1.0)
    inner = numba.njit(lambda x: x + 1.0)
    assert outer(1.0) == 3.0
    assert seen == ["rests"] + ["works"] * enabled
