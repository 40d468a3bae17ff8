"""The house: imports go down only, everything public says what it is, nothing names the place where it was written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURE = ROOT / "ARCHITECTURE.md"
FLOORS = {
    "tables": 0,
    "checks": 0,
    "metrics": 0,
    "kernels": 0,
    "events": 1,
    "calendar": 1,
    "models": 1,
    "known": 2,
    "design": 2,
    "effects": 2,
    "origin": 3,
    "backtest": 3,
    "evaluate": 3,
    "combine": 3,
    "intervals": 3,
    "sources": 4,
    "output": 4,
    "plots": 4,
    "report": 4,
    "cli": 5,
}
"""Floor of each room: a module of `forecast/` or a folder of them."""

HEAVY = {"statsmodels", "prophet", "sklearn", "matplotlib", "pandas", "numpy", "scipy", "pandera"}
MODULES = sorted(path for path in (ROOT / "forecast").rglob("*.py") if path != ROOT / "forecast" / "__init__.py")
NAMES = [path.relative_to(ROOT / "forecast").as_posix() for path in MODULES]
TEXT = {".py", ".md", ".toml", ".csv", ".ipynb", ".json", ".lock", ".yml", ".yaml", ".html", ".svg", ""}


def room(path: Path) -> str:
    return path.relative_to(ROOT / "forecast").parts[0].removesuffix(".py")


def imported_rooms(tree: ast.Module) -> Iterator[str]:
    """The room behind every import of a module of this package, wherever in the file it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("forecast."))


def text_files() -> Iterator[Path]:
    """Files of the project, not of a virtual environment or a run."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git")
    for folder in ("forecast", "tests", "data", "experiments", "docs", ".ci"):
        yield from (
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in TEXT and ".ipynb_checkpoints" not in path.parts
        )


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_imports_go_down_only(path: Path):
    """A room uses rooms of its own floor and of those below, never of those above."""
    above = {name for name in imported_rooms(ast.parse(path.read_text("utf-8"))) if FLOORS[name] > FLOORS[room(path)]}
    assert not above, f"{path.relative_to(ROOT)} is on floor {FLOORS[room(path)]} and imports from above: {above}"


def test_the_walk_sees_every_kind_of_import():
    """An import upwards is found whether it names a module, a member of one, or stands inside a function."""
    source = "import forecast.cli\nfrom forecast import plots\ndef f():\n    from forecast.report.page import x\n"
    assert list(imported_rooms(ast.parse(source))) == ["cli", "plots", "report"]


@pytest.mark.skipif(not ARCHITECTURE.exists(), reason="ARCHITECTURE.md is not written yet")
def test_the_inventory_of_the_architecture_is_the_code():
    """ARCHITECTURE.md has a row for every room, on the floor that the imports are held to, and for nothing else."""
    rows = re.findall(r"^\| *(\d) *\|([^|]*)\|", ARCHITECTURE.read_text("utf-8"), re.MULTILINE)
    written = {
        name.strip("/").removesuffix(".py"): int(floor)
        for floor, cells in rows
        for name in re.findall(r"`([\w/.]+)`", cells)
    }
    assert written == {name: FLOORS[name] for name in map(room, MODULES)}


@pytest.mark.parametrize("path", [*MODULES, ROOT / "forecast" / "__init__.py"], ids=[*NAMES, "__init__.py"])
def test_everything_public_says_what_it_is(path: Path):
    """Modules, functions and classes without a leading underscore have a docstring."""
    tree = ast.parse(path.read_text("utf-8"))
    public = [
        node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    silent = [node.name for node in public if not ast.get_docstring(node)]
    assert not silent
    assert ast.get_docstring(tree)


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_no_module_is_a_drawer(path: Path):
    """A module is named after what it holds; a drawer for whatever is left over has no such name."""
    assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "tools", "base", "manager"}


def test_no_file_names_a_machine_or_a_registry():
    """The project speaks of itself alone: no absolute path of a machine, no address of a package registry."""
    place = re.compile(r"(?<![\w.:/%-])/(?:work|tmp|root|opt|home|farm|Users)/|pypi\.org|pythonhosted\.org|file:/{2}")
    named = [
        f"{path.relative_to(ROOT)}: {found.group()}"
        for path in text_files()
        if (found := place.search(path.read_text("utf-8")))
    ]
    assert not named


def test_the_lock_has_an_exact_version_of_every_dependency():
    """Each line of requirements.lock is name==version, with a marker at most; none of pyproject.toml is missing."""
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    locked = [Requirement(line) for line in lines]
    assert all(re.fullmatch(r"==[\w.]+", str(one.specifier)) and not one.url for one in locked)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {canonicalize_name(Requirement(one).name) for one in wanted} - {project["name"]}
    assert names <= {canonicalize_name(one.name) for one in locked}


def test_every_chore_of_the_makefile_is_explained():
    """`make help` lists each phony target."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    chores = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split()
    explained = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(chores) == sorted(explained)


def test_importing_the_package_costs_nothing():
    """`import forecast` loads none of the libraries that take a second; a public name loads what it needs."""
    code = "import sys, forecast; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "forecast" in loaded
    assert not HEAVY & set(loaded)
