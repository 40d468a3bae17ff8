"""How well the house is signposted: the counts of house.md, of one or more checkouts.

    python benchmarks/house.py                   # this checkout
    python benchmarks/house.py BEFORE AFTER      # a column each

Only sources are read, nothing is run; what counts as what is in ``tests/measures.py``.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(HERE / "tests"))

from measures import (  # noqa: E402
    Sources,
    body_lines,
    defined_twice,
    fixed_tuples,
    floors,
    functions,
    homes,
    lines,
    nesting,
    package_graph,
    parameters,
)

TABLES = {"effects", "dropped", "failures", "correlations", "reference_fits", "calibration"}
"""Tables of a run beside the forecasts."""


SHARED = ("registry", "tables.quantiles", "tables.schema")
"""Where constants are meant to come from."""


def constants_only(sources: Sources) -> list[str]:
    """The modules that constants alone, names in capitals, are imported from across packages: one for each import."""
    found = []
    for module, tree in sources.trees.items():
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)):
            across = (node.module or "").startswith(f"{sources.folder.name}.")
            if across and sources.package_of(node.module) != sources.package_of(module):
                found += [node.module.partition(".")[2]] if all(name.name.isupper() for name in node.names) else []
    return found


def lists_of_tables(sources: Sources) -> list[str]:
    """Places, ``module:line``, that list three or more tables of a run: one more table would be one more there."""
    return [
        f"{module}:{node.lineno}"
        for module, tree in sources.trees.items()
        for node in tree.body
        if len(_named(node) & TABLES) >= 3
    ]


def _named(statement: ast.stmt) -> set[str]:
    """Texts, attributes, keywords and annotated fields of a statement, docstrings apart."""
    nodes = list(ast.walk(statement))
    texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    texts |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    texts |= {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
    fields = (node.target for node in nodes if isinstance(node, ast.AnnAssign))
    return texts | {field.id for field in fields if isinstance(field, ast.Name)}


def entries(sources: Sources) -> str:
    """Folders and modules directly in the package."""
    folders = [path for path in sources.folder.iterdir() if path.is_dir() and list(path.glob("*.py"))]
    files = [path for path in sources.folder.glob("*.py") if not path.stem.startswith("__")]
    return f"{len(folders)} + {len(files)}"


def counts(checkout: Path) -> dict[str, object]:
    """Every count of one checkout."""
    sources = Sources(checkout / "forecast")
    made = [function for _, function in functions(sources)]
    bodies = sorted(body_lines(function) for function in made)
    library = [function for place, function in functions(sources) if place.split(".")[1] != "cli"]
    taken = constants_only(sources)
    every = [name for name, modules in homes(sources).items() for _ in modules]
    return {
        "folders + modules directly in `forecast/`": entries(sources),
        "floors, measured": 1 + max(floors(package_graph(sources)).values()),
        "public top-level names": len(every),
        "of them defined in two modules or more": len(defined_twice(sources)),
        "largest number of parameters, commands included": max(map(parameters, made)),
        "largest number of parameters of the library": max(map(parameters, library)),
        "functions of more than 8 parameters": sum(parameters(function) > 8 for function in made),
        "functions that return a fixed tuple": len(fixed_tuples(sources)),
        "places that list the tables of a run": len(lists_of_tables(sources)),
        "imports across packages of constants alone": len(taken),
        "of them from elsewhere than schema, quantile axis and registry": sum(place not in SHARED for place in taken),
        "body of a function, lines: median / 90 % / largest": " / ".join(
            str(bodies[round(share * (len(bodies) - 1))]) for share in (0.5, 0.9, 1.0)
        ),
        "deepest nesting": max(map(nesting, made)),
        "modules of more than 400 lines": sum(count > 400 for count in lines(sources).values()),
        "lines": sum(lines(sources).values()),
    }


def main() -> None:
    """Print a table with a column for each checkout."""
    checkouts = [Path(place).resolve() for place in sys.argv[1:]] or [HERE]
    found = [counts(checkout) for checkout in checkouts]
    heads = ["before", "after"] if len(found) == 2 else [f"checkout {place}" for place in range(1, len(found) + 1)]
    print(f"| | {' | '.join(heads)} |\n|---|{'---:|' * len(found)}")
    for name in found[0]:
        print(f"| {name} | {' | '.join(str(one[name]) for one in found)} |")


if __name__ == "__main__":
    main()
