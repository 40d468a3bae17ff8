"""Measures of the sources of a package, of which `test_house.py` makes the rules and ``benchmarks/house.py`` the counts.

Every function takes `Sources`, which are read from a folder, so that a rule can be tried on a small package with a fault.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Sources:
    """The Python files of one package: ``folder`` is that of the package itself."""

    folder: Path

    @cached_property
    def paths(self) -> dict[str, Path]:
        """Files by dotted name, that of the package itself left out: it hands on names and owns none."""
        paths = sorted(path for path in self.folder.rglob("*.py") if path != self.folder / "__init__.py")
        return {self._dotted(path): path for path in paths}

    @cached_property
    def trees(self) -> dict[str, ast.Module]:
        """Parsed modules by dotted name."""
        return {name: ast.parse(path.read_text("utf-8")) for name, path in self.paths.items()}

    def _dotted(self, path: Path) -> str:
        return ".".join(path.relative_to(self.folder.parent).with_suffix("").parts).removesuffix(".__init__")

    def package_of(self, module: str) -> str:
        """The folder or file directly below the package that holds a module."""
        return module.split(".")[1]


# Imports --------------------------------------------------------------------------------------------------------------


def imported(tree: ast.Module, package: str = "forecast") -> Iterator[str]:
    """Dotted names of ``package`` that a module imports, wherever in the file it does so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{name.name}" for name in node.names]
        else:
            continue
        yield from (name for name in names if name.startswith(f"{package}."))


def module_graph(sources: Sources) -> dict[str, set[str]]:
    """The modules that each module imports."""
    trees = sources.trees
    edges = {}
    for module, tree in trees.items():
        names = {name if name in trees else name.rpartition(".")[0] for name in imported(tree, sources.folder.name)}
        edges[module] = {name for name in names if name in trees} - {module}
    return edges


def package_graph(sources: Sources) -> dict[str, set[str]]:
    """The packages that each package imports."""
    edges: dict[str, set[str]] = defaultdict(set)
    for module, others in module_graph(sources).items():
        own = sources.package_of(module)
        edges[own] |= {sources.package_of(other) for other in others} - {own}
    return dict(edges)


def floors(graph: Mapping[str, set[str]]) -> dict[str, int]:
    """Floor by package: 0 where no other is imported, else one above the highest of those that are.

    Raises
    ------
    graphlib.CycleError
        When packages import each other in a circle.
    """
    found: dict[str, int] = {}
    for package in TopologicalSorter(graph).static_order():
        found[package] = 1 + max((found[other] for other in graph.get(package, ())), default=-1)
    return found


# Sizes ----------------------------------------------------------------------------------------------------------------


def functions(sources: Sources) -> Iterator[tuple[str, Function]]:
    """Every function and method with its place, ``module.Class.function``."""
    for module, tree in sources.trees.items():
        for place, node in _nested(tree, module):
            yield place, node


def _nested(node: ast.AST, place: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, Function):
            yield f"{place}.{child.name}", child
        inner = f"{place}.{child.name}" if isinstance(child, Function | ast.ClassDef) else place
        yield from _nested(child, inner)


def body_lines(function: Function) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def nesting(node: ast.AST) -> int:
    """How deep blocks stand in each other; an ``elif`` is no deeper than its ``if``, and a function inside starts anew."""
    return max((_depth(child, 0) for child in ast.iter_child_nodes(node)), default=0)


def _depth(node: ast.AST, outside: int) -> int:
    if isinstance(node, Function):
        return 0
    here = outside + isinstance(node, BLOCKS)
    deepest = here
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        chained = name == "orelse" and isinstance(node, ast.If) and len(children) == 1 and isinstance(children[0], ast.If)
        for child in (child for child in children if isinstance(child, ast.AST)):
            deepest = max(deepest, _depth(child, outside if chained else here))
    return deepest


def parameters(function: Function) -> int:
    """How many parameters a function has, ``self`` and ``cls`` apart."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return sum(one is not None and one.arg not in ("self", "cls") for one in named)


def modules_by_folder(sources: Sources) -> Counter[str]:
    """How many modules each folder has, ``__init__`` apart."""
    kept = (path for path in sources.paths.values() if path.stem != "__init__" and path.parent != sources.folder)
    return Counter(path.parent.relative_to(sources.folder).as_posix() for path in kept)


def lines(sources: Sources) -> dict[str, int]:
    """Lines of each module by its path in the package."""
    return {
        path.relative_to(sources.folder).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in sources.paths.values()
    }


# Names ----------------------------------------------------------------------------------------------------------------


def top_level_names(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines: functions, classes and what is assigned, not what it imports."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        for target in targets:
            parts = target.elts if isinstance(target, ast.Tuple) else [target]
            yield from (part.id for part in parts if isinstance(part, ast.Name))


def homes(sources: Sources) -> dict[str, list[str]]:
    """The modules that define each public top-level name."""
    found: dict[str, list[str]] = defaultdict(list)
    for module, tree in sources.trees.items():
        for name in dict.fromkeys(top_level_names(tree)):
            if not name.startswith("_"):
                found[name].append(module)
    return dict(found)


def defined_twice(sources: Sources) -> dict[str, list[str]]:
    """Public top-level names that several modules define, with those modules."""
    return {name: modules for name, modules in homes(sources).items() if len(modules) > 1}


def fixed_tuples(sources: Sources) -> list[str]:
    """Functions that return a tuple of fixed length."""
    return [place for place, function in functions(sources) if _is_fixed_tuple(function.returns)]


def _is_fixed_tuple(annotation: ast.expr | None) -> bool:
    if not (isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "tuple"):
        return False
    parts = annotation.slice.elts if isinstance(annotation.slice, ast.Tuple) else [annotation.slice]
    return not any(isinstance(part, ast.Constant) and part.value is Ellipsis for part in parts)


def found_words(text: str, words: tuple[str, ...]) -> list[str]:
    """Which of ``words`` a text has, as whole words and also across a line's end, each as often as it stands there."""
    return [word for word in words for _ in re.findall(_pattern(word), text, re.IGNORECASE)]


def _pattern(word: str) -> str:
    return r"\b" + r"[\s#]+".join(re.escape(part) for part in word.split()) + r"\b"
