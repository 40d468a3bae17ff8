"""The current folder holds data: nothing in it is run or obeyed, in no process that is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attacked import QUICK, write_world

from forecast.safety.settings import SAFE_PATH, elsewhere, no_modules_from_here

ROOT = Path(__file__).parents[2]
MODULES = ["colorama", "forecast", "joblib", "json", "numba", "numpy", "pandas", "random", "secrets", "yaml"]
"""Names under which processes of this package, of joblib and of Python itself import something."""


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A world beside modules that say that they were run, and settings that have compiled code loaded from there."""
    for name in MODULES:
        (tmp_path / f"{name}.py").write_text(
            f"open({str(tmp_path / f'ran-{name}')!r}, 'w')\nraise ImportError('{name}')\n"
        )
    (tmp_path / ".numba_config.yaml").write_text("cache_dir: stolen\n")
    return write_world(tmp_path)


def sprung(trap: Path) -> list[str]:
    """What was run or obeyed."""
    return sorted(path.name for path in trap.iterdir() if path.name.startswith(("ran-", "stolen")))


def python(trap: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A process of this Python in the trap, with this package on its path."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, *words], cwd=trap, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.slow
def test_no_module_of_the_current_folder_runs_in_a_worker(trap: Path, tmp_path_factory) -> None:
    """Processes of ``--jobs 2`` start in the current folder, and find no module there."""
    script = tmp_path_factory.mktemp("bin") / "forecast"
    script.write_text("from forecast.cli import app\nif __name__ == '__main__':\n    app()\n")
    done = python(trap, str(script), "next", *QUICK, "--jobs", "2", "--output", "o", "--quiet")
    assert done.returncode == 0, done.stderr
    assert (trap / "o" / "forecasts.csv").exists()
    assert sprung(trap) == []


@pytest.mark.slow
def test_compiled_code_is_not_loaded_from_where_the_current_folder_says(trap: Path) -> None:
    """A .numba_config.yaml would have numba unpickle what lies in a folder of the sender's."""
    code = "from forecast.kernels import local_level as kernel; print(kernel.cost.stats.cache_path)"
    done = python(trap, "-P", "-c", code)
    assert done.returncode == 0, done.stderr
    assert "stolen" not in done.stdout
    assert sprung(trap) == []


def test_a_library_that_looks_into_the_current_folder_finds_another(tmp_path: Path, monkeypatch) -> None:
    """Inside it is Python's own; afterwards it is as before, even where it has no name any more."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with elsewhere():
        assert Path.cwd() == Path(os.__file__).parent
    with pytest.raises(FileNotFoundError):
        Path.cwd()


@pytest.mark.parametrize("former", [None, "0"])
def test_the_environment_is_given_back(monkeypatch: pytest.MonkeyPatch, former: str | None) -> None:
    """What says that a process is to seek no module here is said to those that are started, and to no other."""
    monkeypatch.delenv(SAFE_PATH, raising=False)
    if former is not None:
        monkeypatch.setenv(SAFE_PATH, former)
    with no_modules_from_here():
        assert os.environ[SAFE_PATH] == "1"
    assert os.environ.get(SAFE_PATH) == former
