"""The report of a backtest: what the packaged notebook shows of it as one HTML file, and the notebook to go on with.

The page needs no notebook tools: each cell of the notebook calls one function of `sections`, which is called here.
`run_notebook` runs any notebook; papermill and ipykernel, of the extra ``notebooks``, are imported by it alone. Nothing
of the current folder, of the run's folder or of the user's Jupyter, IPython and matplotlib settings is obeyed.
"""

from __future__ import annotations

import json
import os
import re
import string
import sys
import warnings
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from forecast.report.page.run_tables import Replay, read_replay
from forecast.safety.inert import hypertext, json_text
from forecast.safety.settings import matplotlib_settings_file, use_own_matplotlib_settings
from forecast.tables.run_folder import OutputError, write_page

if TYPE_CHECKING:
    from forecast.report.page.sections import Piece

NOTEBOOK = Path(__file__).with_name("backtest_report.ipynb")
PAGE = Path(__file__).with_name("page.html")
TOOLS = ("papermill", "ipykernel")
CELL_SECONDS = 600


class ReportError(OutputError):
    """Why a report cannot be written: one sentence."""


def write_report(run_dir: str | Path, output_html: str | Path) -> Path:
    """The path of the report of the backtest in ``run_dir``: one HTML file with its figures inside, written whole.

    Code stays out of the page; the notebook behind it is ``forecast/report/backtest_report.ipynb``.

    Raises
    ------
    OutputError
        When ``run_dir`` is not the folder of a backtest with at least one actual.
    ReportError
        When the page cannot be written.
    """
    page, replay = Path(output_html), read_replay(Path(run_dir).resolve(), Path.cwd())
    with _no_trace_of_matplotlib():
        shown = as_page(shown_notebook(replay), _title(replay.products))
    try:
        write_page(page, shown)
    except OutputError as error:
        raise ReportError(str(error)) from error
    return page


@contextmanager
def _no_trace_of_matplotlib() -> Iterator[None]:
    """Its own settings, and its cache of fonts in a folder that is gone afterwards, where the user named none."""
    with TemporaryDirectory(prefix="forecast-report-", ignore_cleanup_errors=True) as scratch:
        named = os.environ.setdefault("MPLCONFIGDIR", scratch)
        try:
            use_own_matplotlib_settings()
            yield
        finally:
            if named == scratch:
                del os.environ["MPLCONFIGDIR"]


def shown_notebook(replay: Replay) -> dict[str, Any]:
    """The packaged notebook with what its cells show of a backtest: each calls one function of `sections`."""
    from forecast.report.page import sections

    found: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in found["cells"]:
        called = _CALL.fullmatch("".join(cell["source"]).strip())
        if called:
            cell["outputs"] = [_output(piece) for piece in getattr(sections, called[1])(replay)]
    return found


_CALL = re.compile(r"sections\.show\(sections\.(\w+)\(replay\)\)")


def _output(piece: Piece) -> dict[str, Any]:
    """What a notebook keeps of a piece that is displayed."""
    from forecast.report.page.sections import Html

    if isinstance(piece, Html):
        return {"data": {"text/html": piece.text}, "metadata": {}}
    content, about = piece._repr_mimebundle_()
    return {"data": {name: b64encode(one).decode() for name, one in content.items()}, "metadata": about}


def notebook_to_go_on_with(run_dir: str | Path, notebook: str | Path) -> str:
    """The notebook of the backtest in ``run_dir`` as JSON, to be put at ``notebook`` and gone on with.

    It runs wherever the package is installed: the run is sought by its path from the notebook, so that both may move
    together, then where it lay when the notebook was written.

    Raises
    ------
    OutputError
        When ``run_dir`` is not the folder of a backtest with at least one actual.
    """
    folder, place = Path(run_dir).resolve(), Path(notebook).resolve().parent
    read_replay(folder)
    found = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    for cell in found["cells"]:
        if "parameters" in cell["metadata"].get("tags", ()):
            relative = Path(os.path.relpath(folder, place)).as_posix()
            cell["source"] = [
                _FINDS_RUN.format(relative=relative, absolute=folder.as_posix(), start=Path.cwd().as_posix())
            ]
    found["cells"] += [_markdown_cell(_GO_ON), _code_cell(_TABLES)]
    return json_text(found, indent=1) + "\n"


_FINDS_RUN = """from pathlib import Path

near = Path({relative!r})  # from the folder of this notebook
run_dir = near if near.is_dir() else Path({absolute!r})
start = {start!r}  # from here the files that the run read are sought"""

_GO_ON = """## To go on with

Every table of the run is a data frame: `replay.forecasts`, `replay.scores`, `replay.significance`, `replay.failures`.
Which forecasts of the model shown missed by most, and in which phase?"""

_TABLES = """missed = replay.scored[replay.scored["model"] == replay.shown]
missed = missed.assign(error_t=missed["volume_t"] - missed["actual_t"])
missed.sort_values("error_t", key=abs, ascending=False).head(10)"""


def _markdown_cell(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "id": "to-go-on-with", "metadata": {}, "source": [text]}


def _code_cell(text: str) -> dict[str, Any]:
    return {"cell_type": "code", "id": "largest-misses", "metadata": {}, "source": [text], "outputs": [],
            "execution_count": None}  # fmt: skip


def check_tools() -> None:
    """Nothing when the tools of the extra ``notebooks``, which run a notebook, are installed.

    Raises
    ------
    ReportError
        When one is missing.
    """
    missing = [name for name in TOOLS if find_spec(name) is None]
    if missing:
        raise ReportError(f"Running a notebook needs {', '.join(missing)}: pip install export-forecast[notebooks]")


def run_notebook(notebook: Path, parameters: dict[str, Any], scratch: Path, folder: Path | None = None) -> Any:
    """The notebook as it stands after all its cells ran with ``parameters``, in this interpreter's own environment.

    It works in ``folder`` (default: ``scratch``). No kernel has to be registered, and nothing is read or written in the
    home folder; ``scratch`` holds what is left.

    Raises
    ------
    ReportError
        When the extra ``notebooks`` is not installed, or a cell stops, with what it said.
    """
    check_tools()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        papermill = import_module("papermill")
        errors: Any = import_module("papermill.exceptions")
        try:
            return papermill.execute_notebook(
                str(notebook), None, parameters=parameters, kernel_name="python3", language="python",
                progress_bar=False, log_output=False, cwd=str(folder or scratch), execution_timeout=CELL_SECONDS,
                kernel_manager_class=_own_kernel(scratch),
            )  # fmt: skip
        except errors.PapermillExecutionError as error:
            raise ReportError(f"{notebook.name} stopped: {error.ename}: {error.evalue}") from error


def _own_kernel(scratch: Path) -> Any:
    """A class of kernel managers whose kernels run this very interpreter, with their files in ``scratch``."""
    manager: Any = import_module("jupyter_client.manager")
    spec: Any = import_module("jupyter_client.kernelspec")
    traitlets: Any = import_module("traitlets")
    own = spec.KernelSpec(
        argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False",
              "--log-level=CRITICAL"],
        display_name="forecast", language="python",
        env=_own_settings(scratch),
    )  # fmt: skip
    files = {"kernel_spec": own, "connection_file": traitlets.Unicode(str(scratch / "kernel.json"))}
    return type("OwnKernel", (manager.AsyncKernelManager,), files)


def _own_settings(scratch: Path) -> dict[str, str]:
    """The environment of a kernel: settings of Jupyter, IPython and matplotlib are sought in ``scratch``."""
    places = ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_CONFIG_PATH", "JUPYTER_DATA_DIR", "JUPYTER_PATH",
              "JUPYTER_RUNTIME_DIR")  # fmt: skip
    settings = matplotlib_settings_file()
    return {
        **dict.fromkeys(places, str(scratch)),
        **({} if settings is None else {"MATPLOTLIBRC": str(settings)}),
        "JUPYTER_NO_CONFIG": "1",
        "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(scratch)),
        "MPLBACKEND": "agg",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "OMP_NUM_THREADS": "1",
    }


def as_page(notebook: Any, title: str) -> str:
    """The HTML page of a notebook that was run: its text and the HTML that its cells display, without code.

    Only the package's page is a template, and only title and body are put into it.
    """
    body = _with_contents([part for cell in notebook["cells"] for part in _cell_html(cell)])
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=hypertext(title), body=body)


def _with_contents(parts: Sequence[str]) -> str:
    """The parts of a page with links to its chapters before the first of them."""
    titles = [(place, part[4:-5]) for place, part in enumerate(parts) if part.startswith("<h2>")]
    if not titles:
        return "\n".join(parts)
    links = "".join(f'<li><a href="#chapter-{number}">{title}</a></li>' for number, (_, title) in enumerate(titles))
    found = list(parts)
    for number, (place, title) in enumerate(titles):
        found[place] = f'<h2 id="chapter-{number}">{title}</h2>'
    found.insert(titles[0][0], f'<nav aria-label="Contents"><ul>{links}</ul></nav>')
    return "\n".join(found)


def _cell_html(cell: Any) -> Iterator[str]:
    """What a cell shows, as HTML."""
    if cell["cell_type"] == "markdown":
        yield from (_block_html(block) for block in re.split(r"\n\s*\n", "".join(cell["source"]).strip()))
    for output in cell.get("outputs", ()):
        shown, about = output.get("data", {}), output.get("metadata", {})
        if "text/html" in shown:
            yield shown["text/html"]
        elif "image/png" in shown:
            yield _picture_html(shown["image/png"], **about.get("image/png", {}))


def _picture_html(content: str, alt: str = "", width: int | None = None) -> str:
    size = "" if width is None else f' width="{width}"'
    return f'<img src="data:image/png;base64,{"".join(content.split())}" alt="{hypertext(alt)}"{size}>'


def _block_html(block: str) -> str:
    """A heading or a paragraph of the notebook's text, of whose marks only emphasis is used."""
    marks, text = re.fullmatch(r"(#{0,6})\s*(.*)", block, re.DOTALL).groups()  # type: ignore[union-attr]
    tag = f"h{len(marks)}" if marks else "p"
    shown = re.sub(r"[*]([^*]+)[*]", r"<em>\1</em>", hypertext(text))
    return f"<{tag}>{shown}</{tag}>"


def _title(products: list[str]) -> str:
    return f"Backtest: {', '.join(product.replace('_', ' ') for product in products)}"
