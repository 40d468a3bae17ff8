"""The house: imports go down only, everything public says what it is, nothing names the place where it was written."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "forecast"
HEAVY = {"statsmodels", "prophet", "sklearn", "matplotlib", "pandas", "numpy", "scipy", "pandera"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
TEXT = {".py", ".md", ".toml", ".csv", ".ipynb", ".json", ".lock", ".yml", ".yaml", ".html", ".svg", ""}


def inventory() -> dict[str, int]:
    """Floor of everything that the table of ARCHITECTURE.md names: files, and folders with a slash at the end."""
    rows = re.findall(r"^\| *(\d) *\|(.*)\|$", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE)
    return {name: int(floor) for floor, cells in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", cells)}


FLOORS = {name.split("/")[0].removesuffix(".py"): floor for name, floor in inventory().items() if name.count("/") < 2}


def floor_of(module: str) -> int:
    """Floor of ``forecast.room`` or of a module in that room."""
    return FLOORS[module.split(".")[1]]


def imported(tree: ast.Module) -> Iterator[str]:
    """Dotted names of this package that a module imports, wherever in the file it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith("forecast."))


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@cache
def graph() -> dict[str, set[str]]:
    """The modules that each module imports."""
    modules = {dotted(path): ast.parse(path.read_text("utf-8")) for path in MODULES}
    edges = {}
    for module, tree in modules.items():
        names = {name if name in modules else name.rpartition(".")[0] for name in imported(tree)}
        edges[module] = {name for name in names if name in modules}
    return edges


def text_files() -> Iterator[Path]:
    """Files of the project, not of a virtual environment or a run."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git")
    for folder in ("forecast", "tests", "data", "experiments", "docs", ".ci"):
        yield from (
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in TEXT and ".ipynb_checkpoints" not in path.parts
        )


@pytest.mark.parametrize("module", sorted(graph()))
def test_imports_go_down_only(module: str):
    """A room uses rooms of its own floor and of those below, never of those above."""
    assert not {name for name in graph()[module] if floor_of(name) > floor_of(module)}


def test_imports_make_no_circle():
    """Rooms of one floor may use each other in one direction only."""
    assert set(TopologicalSorter(graph()).static_order()) == set(graph())


def test_the_walk_sees_every_kind_of_import():
    """An import is found whether it names a module, a member of one, or stands inside a function."""
    source = "import forecast.cli\nfrom forecast import plots\ndef f():\n    from forecast.report.page import x\n"
    assert list(imported(ast.parse(source))) == ["forecast.cli", "forecast.report.plots", "forecast.report.page.x"]
    assert {"forecast.tables.cells", "forecast.tables.read"} & graph()["forecast.tables.read"] == {
        "forecast.tables.cells"
    }


def test_the_inventory_of_the_architecture_is_the_code():
    """The table of ARCHITECTURE.md names every module, and nothing that is not there."""
    files = {name for name in inventory() if name.endswith(".py")}
    folders = {name for name in inventory() if name.endswith("/")}
    assert files == {name for name in NAMES if not name.endswith("__init__.py")}
    assert folders == {f"{path.name}/" for path in PACKAGE.iterdir() if list(path.glob("*.py"))}


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
    found = {dotted(path): set(named.findall(path.read_text("utf-8"))) for path in MODULES}
    apart = {module: names for module, names in found.items() if names - {"DEFAULT_ENGINE"}}
    assert apart == {"forecast.models": {'"reference"'}, "forecast.backtest.costs": {'"reference"'}}
    assert {"forecast.backtest.run", "forecast.backtest.origin", "forecast.cli.next"} <= {
        name for name in found if found[name]
    }
    assert '\nDEFAULT_ENGINE = "compiled"\n' in (PACKAGE / "models" / "__init__.py").read_text("utf-8")


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
    """Each entry of the lock is name==version with hashes, a marker at most; none of pyproject.toml is missing."""
    entries = (ROOT / "requirements.lock").read_text("utf-8").replace("\\\n", "").splitlines()
    assert all(re.search(r" --hash=sha256:[0-9a-f]{64}", entry) for entry in entries)
    lines = [entry.partition(" --hash")[0] for entry in entries]
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
