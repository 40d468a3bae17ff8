"""Measures of the sources of a package: `test_house.py` makes rules of them and ``benchmarks/house.py`` counts.

Every function takes `Sources`, read from a folder, so that a rule can be tried on a small package with a fault.
"""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

BLOCKS = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.Match)
STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)
"""All that a block or a function can stand in: expressions hold neither."""

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
        yield from _nested(tree, module)


def _nested(node: ast.AST, place: str) -> Iterator[tuple[str, Function]]:
    for child in (child for child in ast.iter_child_nodes(node) if isinstance(child, STATEMENTS)):
        if isinstance(child, Function):
            yield f"{place}.{child.name}", child
        inner = f"{place}.{child.name}" if isinstance(child, Function | ast.ClassDef) else place
        yield from _nested(child, inner)


def body_lines(function: Function) -> int:
    """Lines of a function's body without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def nesting(node: ast.AST) -> int:
    """How deep blocks stand in each other; an ``elif`` is as deep as its ``if``, a function inside starts anew."""
    return max((_depth(child, 0) for child in ast.iter_child_nodes(node)), default=0)


def _depth(node: ast.AST, outside: int) -> int:
    if isinstance(node, Function):
        return 0
    here = outside + isinstance(node, BLOCKS)
    deepest = here
    for name, value in ast.iter_fields(node):
        children = value if isinstance(value, list) else [value]
        chained = (
            name == "orelse" and isinstance(node, ast.If) and len(children) == 1 and isinstance(children[0], ast.If)
        )
        for child in (child for child in children if isinstance(child, STATEMENTS)):
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
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
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


def texts_equal_to(sources: Sources, names: Collection[str]) -> list[str]:
    """Places, ``module:line``, of string constants that are one of ``names``."""
    return [
        f"{module}:{node.lineno}"
        for module, tree in sources.trees.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    ]


def words_in(text: str, patterns: Mapping[str, str]) -> Counter[str]:
    """How often each word stands in a text, by the pattern that finds it; a line's end counts as a space."""
    joined = re.sub(r"\s*\n\s*(?:#\s*)?", " ", text)
    return Counter({word: len(re.findall(pattern, joined)) for word, pattern in patterns.items()})


# Rules ----------------------------------------------------------------------------------------------------------------


def floor_faults(sources: Sources, stated: Mapping[str, int]) -> list[str]:
    """Where a table of floors is not the measured one, and the circle that leaves none to measure."""
    for graph in (module_graph(sources), package_graph(sources)):
        try:
            measured = floors(graph)
        except CycleError as error:
            return [f"imports in a circle: {' <- '.join(error.args[1])}"]
    faults = [f"{name}: no row" for name in measured.keys() - stated.keys()]
    faults += [f"{name}: a row and no package" for name in stated.keys() - measured.keys()]
    faults += [
        f"{name}: stated floor {stated[name]}, measured {measured[name]}"
        for name in measured.keys() & stated.keys()
        if stated[name] != measured[name]
    ]
    return sorted(faults)


def count_faults(sources: Sources, most: int, allowed: Mapping[str, int]) -> list[str]:
    """Folders with more modules than ``most``, or than they are ``allowed``."""
    return [
        f"{folder}: {count} modules"
        for folder, count in modules_by_folder(sources).items()
        if count > allowed.get(folder, most)
    ]


def length_faults(sources: Sources, most: int, allowed: Collection[str]) -> list[str]:
    """Modules of more lines than ``most``, but for those ``allowed``."""
    return [f"{name}: {count} lines" for name, count in lines(sources).items() if count > most and name not in allowed]


def function_faults(
    sources: Sources, body: int, depth: int, most: int, allowed: Collection[str], entry_points: Collection[str]
) -> list[str]:
    """Functions with a longer body, deeper nesting or more parameters, but for what is ``allowed`` in a place.

    ``entry_points`` are names of functions that may have any number of parameters, as may the commands of ``cli``.
    """
    faults = []
    for place, function in functions(sources):
        open_to_all = function.name in entry_points or place.split(".")[1] == "cli"
        found = {
            "lines": (body_lines(function), body),
            "blocks deep": (nesting(function), depth),
            "parameters": (0 if open_to_all else parameters(function), most),
        }
        faults += [
            f"{place}: {count} {what}"
            for what, (count, limit) in found.items()
            if count > limit and not {f"{place}: {what}", f"{place.split('.')[1]}: {what}"} & {*allowed}
        ]
    return faults


def unpacked_entry_points(
    sources: Sources, entry_points: Collection[str], packs: Collection[str], most: int
) -> list[str]:
    """Entry points of more than ``most`` parameters that forward them beyond their first statements.

    Within the first eight statements one of ``packs`` must be called, or another entry point.
    """
    return [
        place
        for place, function in functions(sources)
        if function.name in entry_points and parameters(function) > most and "engine" in _named(function)
        and not _called(function.body[:9]) & {*packs, *entry_points}
    ]  # fmt: skip


def _named(function: Function) -> set[str]:
    return {one.arg for one in (*function.args.args, *function.args.kwonlyargs)}


def _called(statements: Sequence[ast.stmt]) -> set[str]:
    calls = (node for statement in statements for node in ast.walk(statement) if isinstance(node, ast.Call))
    return {call.func.id for call in calls if isinstance(call.func, ast.Name)}


def twice_faults(sources: Sources, allowed: Collection[str]) -> list[str]:
    """Public names that stand in several modules, but for those ``allowed``."""
    return [f"{name}: {', '.join(where)}" for name, where in defined_twice(sources).items() if name not in allowed]


def registry_faults(sources: Sources, entry: str) -> list[str]:
    """Modules beside the first that make an ``entry`` of the registry."""
    makers = [module for module, tree in sources.trees.items() if entry in _called(tree.body)]
    return [f"{module}: a second registry" for module in makers[1:]]
