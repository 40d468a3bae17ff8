"""The house: imports go down only, everything public says what it is, nothing names the place where it was written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from house import Sources, floors, module_graph, package_graph
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "forecast"
HEAVY = {"statsmodels", "prophet", "sklearn", "matplotlib", "pandas", "numpy", "scipy", "pandera"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
TEXT = {".py", ".md", ".toml", ".csv", ".ipynb", ".json", ".lock", ".yml", ".yaml", ".html", ".svg", ""}


SOURCES = Sources(PACKAGE)


def stated_floors() -> dict[str, int]:
    """Floor by package, as the table of ARCHITECTURE.md has it."""
    rows = re.findall(r"^\| *(\d+) *\| *`(\w+)(?:/|\.py)` *\|", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE)
    return {name: int(floor) for floor, name in rows}


def text_files() -> Iterator[Path]:
    """Files of the project, not of a virtual environment or a run."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git")
    for folder in ("forecast", "tests", "data", "experiments", "docs", ".ci"):
        yield from (
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in TEXT and ".ipynb_checkpoints" not in path.parts
        )


def test_the_floors_of_the_architecture_are_the_measured_ones():
    """ARCHITECTURE.md has a row for each package, on the floor where its imports put it."""
    assert stated_floors() == floors(package_graph(SOURCES))


def test_imports_make_no_circle():
    """Neither between packages, nor between the modules inside one."""
    assert set(TopologicalSorter(module_graph(SOURCES)).static_order()) == set(SOURCES.trees)


@pytest.mark.parametrize("path", [*MODULES, PACKAGE / "__init__.py"], ids=[*NAMES, "__init__.py"])
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


def test_the_default_engine_stands_in_one_place():
    """It is the compiled one, and no function names another but for models by name and what a task of them costs."""
    named = re.compile(r"\bengine: \w+ = ([\w\"]+)")
    found = {name: set(named.findall(path.read_text("utf-8"))) for name, path in SOURCES.paths.items()}
    apart = {module: names for module, names in found.items() if names - {"DEFAULT_ENGINE"}}
    assert apart == {"forecast.registry": {'"reference"'}, "forecast.backtest.costs": {'"reference"'}}
    assert {"forecast.backtest.run", "forecast.backtest.plan", "forecast.cli.next"} <= {
        name for name in found if found[name]
    }
    assert '\nDEFAULT_ENGINE = "compiled"\n' in (PACKAGE / "registry.py").read_text("utf-8")


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


@pytest.mark.parametrize(
    "code", ["import forecast", "from forecast.cli import app; app(['--help'], standalone_mode=False)"]
)
def test_importing_and_helping_cost_nothing(code: str):
    """Neither `import forecast` nor `forecast --help` loads a library that takes a second."""
    code += "\nimport sys; print('LOADED', *{name.partition('.')[0] for name in sys.modules})"
    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    loaded = set(printed.partition("LOADED")[2].split())
    assert "forecast" in loaded
    assert not HEAVY & loaded
