"""The house: imports go down only, everything public says what it is, nothing names the place where it was written."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from measures import (
    Sources,
    count_faults,
    floor_faults,
    function_faults,
    length_faults,
    nesting,
    registry_faults,
    texts_equal_to,
    twice_faults,
    unpacked_entry_points,
    words_in,
)
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import forecast
from forecast.registry import REGISTRY

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "forecast"
HEAVY = {"statsmodels", "prophet", "sklearn", "matplotlib", "pandas", "numpy", "scipy"}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")
NAMES = [path.relative_to(PACKAGE).as_posix() for path in MODULES]
TEXT = {".py", ".md", ".toml", ".csv", ".ipynb", ".json", ".lock", ".yml", ".yaml", ".html", ".svg", ""}

SOURCES = Sources(PACKAGE)

MORE_MODULES = {
    "backtest": 12,  # plan, origin and run, and what each stage of a long run needs
    "cli": 26,  # one file a command, beside what they share
    "episodes": 14,  # one file a stage of the structural model, from phases to effects
    "kernels": 14,  # one file a likelihood or a search
    "models": 14,  # one file a model
    "realtime": 8,  # one file a kind of what is known on a day
    "report": 16,  # one file a table on the screen
    "sources/formats": 7,  # one file a source
    "store": 8,  # one file a kind of what is kept, beside the file itself and what must hold of it
}
"""Folders that may hold more modules than others, and why."""

LONG_MODULES = {
    "cli/briefing.py": "a briefing from its run to what it is compared with",
    "kernels/arima.py": "one optimiser with its start, search and forecast",
    "kernels/likelihood.py": "an exact likelihood and its adjoint, line by line beside each other",
    "models/pooled.py": "one model",
    "models/prophet.py": "one model",
    "scoring/metrics.py": "every measure with formula, reference and example",
    "report/outlook.py": "one table",
    "tables/schema.py": "every table",
    "report/page/figures.py": "every picture of the page",
    "report/page/sections.py": "the page from top to bottom",
}
"""Modules of more than 400 lines, and why."""

LARGE_FUNCTIONS = {
    "forecast.kernels.likelihood.innovations_adjoint: lines": "one recursion backwards",
    "kernels: blocks deep": "compiled loops",
    "forecast.cli.inputs.Given.paths: blocks deep": "one walk over the files given",
}
"""Functions, or whole packages, beyond a limit, and why."""

NAMELESS = ("forecast.cli.", "forecast.backtest.costs:", "forecast.report.plots:", "forecast.tables.schema:")
"""Modules that know models from the registry only."""

WORDS = {
    "told": r"\b[Tt]old\b(?! apart)",
    "what came": r"\b[Ww]hat came\b(?! \(actuals\))",
    "lived through": r"\blived through\b",
    "stands for": r"\bstands for\b",
    "nothing, where": r"\bNothing,? where\b",
}
"""Words that are not used, by the pattern that finds them."""

TWICE = [
    "fit", "forecast", "search",  # the chapters of each kernel, called by the kernel's name
    "read",  # one reader for each format of a file
    "MONTH", "months", "numbers",  # cells of our own files, which are strict, and of foreign ones
    "cells",  # the rows of each table on the screen
    "calibration", "forecasts_and_actuals", "significance",  # a section of the page, and its picture or its measure
]  # fmt: skip
"""Public names that stand in several modules, and why; none may come in."""


def stated_floors() -> dict[str, int]:
    """Floor by package, as the table of ARCHITECTURE.md has it."""
    rows = re.findall(
        r"^\| *(\d+) *\| *`(\w+)(?:/|\.py)` *\|", (ROOT / "ARCHITECTURE.md").read_text("utf-8"), re.MULTILINE
    )
    return {name: int(floor) for floor, name in rows}


def planted(place: Path, files: dict[str, str]) -> Sources:
    """A small package ``forecast`` of these files, with whatever fault they have."""
    for name, text in files.items():
        path = place / "forecast" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Sources(place / "forecast")


def text_files() -> Iterator[Path]:
    """Files of the project, not of a virtual environment or a run."""
    yield from (path for path in ROOT.iterdir() if path.is_file() and path.suffix in TEXT and path.name != ".git")
    for folder in ("forecast", "tests", "data", "docs", "experiments", "benchmarks", ".ci"):
        yield from (
            path
            for path in (ROOT / folder).rglob("*")
            if path.is_file() and path.suffix in TEXT and ".ipynb_checkpoints" not in path.parts
        )


# Floors ---------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_floors_of_the_architecture_are_the_measured_ones():
    """ARCHITECTURE.md has a row for each package, on the floor where its imports put it; none imports in a circle."""
    assert floor_faults(SOURCES, stated_floors()) == []


@pytest.mark.parametrize(
    ("files", "stated", "fault"),
    [
        ({"low/a.py": "", "high/b.py": "from forecast.low import a"}, {"low": 0}, "high: no row"),
        ({"low/a.py": ""}, {"low": 0, "gone": 1}, "gone: a row and no package"),
        ({"low/a.py": "import forecast.high.b", "high/b.py": ""}, {"low": 0, "high": 0},
         "low: stated floor 0, measured 1"),
        ({"low/a.py": "def f():\n    from forecast.low import b", "low/b.py": "import forecast.low.a"}, {"low": 0},
         "imports in a circle: "),
        ({"low/a.py": "import forecast.high.c", "high/b.py": "import forecast.low.d", "high/c.py": "", "low/d.py": ""},
         {"low": 0, "high": 1}, "imports in a circle: "),
    ],
    ids=["no row", "no package", "arrow up", "circle inside", "circle between"],
)  # fmt: skip
def test_a_wrong_floor_is_found(tmp_path: Path, files: dict[str, str], stated: dict[str, int], fault: str):
    """A missing or idle row, an arrow up, and a circle inside a package or between two."""
    assert any(found.startswith(fault) for found in floor_faults(planted(tmp_path, files), stated))


# Sizes ----------------------------------------------------------------------------------------------------------------


def test_packages_and_modules_are_small():
    """At most 7 modules a package and 400 lines a module, but for those with a reason."""
    assert count_faults(SOURCES, 7, MORE_MODULES) == []
    assert length_faults(SOURCES, 400, LONG_MODULES) == []


def test_functions_are_small():
    """At most 40 lines without the docstring, three blocks deep, and 8 parameters, but for the entry points."""
    assert function_faults(SOURCES, 40, 3, 8, LARGE_FUNCTIONS, forecast.__all__) == []


def test_entry_points_pack_their_arguments_at_once():
    """What has many keywords for its users has `Data` and `Settings`, or another entry point, in its first lines."""
    assert unpacked_entry_points(SOURCES, forecast.__all__, ("Data", "Settings"), 8) == []


def test_a_large_module_or_function_is_found(tmp_path: Path):
    """A folder of eight modules, a module of 401 lines, a body of 41, four blocks in each other, nine parameters."""
    deep = "def deep():\n" + "".join(f"{'    ' * level}if level:\n" for level in range(1, 5)) + "    " * 5 + "pass\n"
    wide = f"def wide({', '.join('abcdefghi')}):\n    pass\n"
    files = {f"full/m{place}.py": "" for place in range(8)} | {
        "long.py": "x = 1\n" * 401,
        "functions.py": 'def body():\n    """Text."""\n' + "    x = 1\n" * 41 + deep + wide,
    }
    sources = planted(tmp_path, files)
    assert count_faults(sources, 7, {}) == ["full: 8 modules"]
    assert length_faults(sources, 400, {}) == ["long.py: 401 lines"]
    assert function_faults(sources, 40, 3, 8, {}, ()) == [
        "forecast.functions.body: 41 lines",
        "forecast.functions.deep: 4 blocks deep",
        "forecast.functions.wide: 9 parameters",
    ]
    assert function_faults(sources, 41, 4, 8, {}, ("wide",)) == []


def test_an_elif_is_no_deeper_than_its_if():
    """A chain of conditions reads as one; a function inside a function starts anew."""
    chain = (
        "def f():\n    if a:\n        pass\n    elif b:\n        for x in y:\n            pass\n    else:\n        a\n"
    )
    inside = "def f():\n    if a:\n        def g():\n            if b:\n                pass\n"
    assert nesting(ast.parse(chain).body[0]) == 2
    assert nesting(ast.parse(inside).body[0]) == 1


def test_an_entry_point_that_forwards_its_arguments_is_found(tmp_path: Path):
    """Nine keywords, an engine among them, that go on one by one."""
    head = "def everything(a, b, c, d, e, f, g, h, engine):\n"
    late = head + "    a = 1\n" * 9 + "    Settings(a)\n"
    sources = planted(tmp_path, {"late.py": late, "early.py": head + "    Settings(a)\n"})
    assert unpacked_entry_points(sources, ["everything"], ["Settings"], 8) == ["forecast.late.everything"]


# Names ----------------------------------------------------------------------------------------------------------------


def test_a_public_name_is_defined_once():
    """One name, one meaning, one module."""
    assert twice_faults(SOURCES, TWICE) == []


def test_a_name_that_is_defined_twice_is_found(tmp_path: Path):
    """A function and a constant of one name; private names and imports do not count."""
    files = {"a.py": "SEASON = 12\ndef _own(): ...\n", "b.py": "from forecast.a import SEASON\ndef _own(): ...\n"}
    assert twice_faults(planted(tmp_path / "well", files), ()) == []
    files["c.py"] = "def SEASON(): ...\n"
    assert twice_faults(planted(tmp_path / "ill", files), ()) == ["SEASON: forecast.a, forecast.c"]


def test_models_are_named_in_the_registry_alone():
    """One registry; neither commands nor costs nor plots nor the tables know a model by name."""
    assert registry_faults(SOURCES, "ModelEntry") == []
    names = [*REGISTRY, *(f"weight_{name}" for name in REGISTRY)]
    assert [place for place in texts_equal_to(SOURCES, names) if place.startswith(NAMELESS)] == []


def test_a_model_that_is_named_elsewhere_is_found(tmp_path: Path):
    """A command that knows a model, and a second list of them."""
    files = {
        "a.py": "MODELS = [ModelEntry('theta')]\n", "b.py": "MORE = (ModelEntry('mine'),)\n",
        "cli/next.py": '"""theta is one."""\nif name == "theta":\n    pass\n',
    }  # fmt: skip
    sources = planted(tmp_path, files)
    assert texts_equal_to(sources, ["theta"]) == ["forecast.a:1", "forecast.cli.next:2"]
    assert registry_faults(sources, "ModelEntry") == ["forecast.b: a second registry"]


def words_by_file() -> dict[str, int]:
    """How many of the words that are not used each file has."""
    texts = {path: path.read_text("utf-8") for path in text_files() if path.suffix in {".py", ".md"}}
    counted = {
        path.relative_to(ROOT).as_posix(): words_in(text, WORDS).total()
        for path, text in texts.items()
        if path != Path(__file__)
    }
    return {name: count for name, count in counted.items() if count}


def test_the_words_of_the_house_are_those_of_the_field():
    """Code, tests and documents speak of actuals, priors and structural breaks, not in words of their own."""
    assert words_by_file() == {}


@pytest.mark.parametrize(
    "text", ["It was told so.", "against what\n    # came", "has lived through", "Nothing, where it"]
)
def test_a_word_that_is_not_used_is_found(text: str):
    """Also across the end of a line; what cannot be told apart may be said, and what came (actuals)."""
    assert words_in(text, WORDS).total() == 1
    assert words_in("It cannot be told apart, and what came (actuals) is known.", WORDS).total() == 0


# Texts ----------------------------------------------------------------------------------------------------------------


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


def test_the_tests_mirror_the_packages():
    """Every folder of tests is that of a package, but for the fuzzers, and no two files of them have one name."""
    files = [path for path in (ROOT / "tests").rglob("*.py") if path.parent != ROOT / "tests"]
    packages = {path.parent.relative_to(PACKAGE) for path in SOURCES.paths.values()}
    assert {path.parent.relative_to(ROOT / "tests") for path in files} <= {*packages, Path("fuzz")}
    assert len({path.name for path in files}) == len(files)


def test_no_two_scripts_have_one_name():
    """Their folders are on the path together in a test run, where the second of a name would be the first."""
    names = [path.stem for folder in ("benchmarks", "experiments", "docs") for path in (ROOT / folder).glob("*.py")]
    assert sorted(names) == sorted(set(names) - set(sys.stdlib_module_names))


def test_public_names_are_where_they_are_said_to_be():
    """Every public name is found, the version included, and a wrong one is refused with those that there are."""
    assert all(getattr(forecast, name).__module__ == forecast._HOMES[name] for name in forecast.__all__)
    assert sorted(forecast._HOMES) == sorted(forecast.__all__)
    assert forecast.__version__ == version("export-forecast")
    with pytest.raises(AttributeError, match=r"^module 'forecast' has no attribute 'predict'; it has Checkpoint, "):
        _ = forecast.predict


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


@pytest.mark.slow
def test_a_months_forecast_loads_what_it_needs():
    """`forecast next` loads no other engine, nothing that draws, and no database."""
    options = ["next", "--issued", "2023-03-20", "--quiet", "--no-cache", "--no-calibrate"]
    code = f"from forecast.cli import app; app({options}, standalone_mode=False)"
    code += "\nimport sys; print('LOADED', *sys.modules)"
    with tempfile.TemporaryDirectory() as folder:
        printed = subprocess.run(
            [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=folder,
            env=os.environ | {"XDG_DATA_HOME": folder},
        ).stdout  # fmt: skip
    loaded = set(printed.partition("LOADED")[2].split())
    assert "forecast.episodes.structural" in loaded
    assert not {"statsmodels", "prophet", "sklearn", "matplotlib", "duckdb", "httpx", "joblib"} & loaded
