"""The packaged notebook run on the folder of a backtest, and its page: one HTML file that needs no network.

papermill and ipykernel are imported when a report is written; they come with the extra ``notebooks``. Nothing of the
current folder, of the run's folder or of the user's Jupyter, IPython and matplotlib settings is obeyed: the page is put
together here, from the package's own text and the outputs of the package's own notebook.
"""

from __future__ import annotations

import os
import re
import string
import sys
import warnings
from collections.abc import Iterator
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forecast.report.page.run_tables import read_replay
from forecast.safety.settings import matplotlib_settings_file
from forecast.tables.run_folder import OutputError, write_page

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
        When the extra ``notebooks`` is not installed, the notebook stops, or the page cannot be written.
    """
    check_tools()
    folder, page = Path(run_dir).resolve(), Path(output_html)
    title = _title(read_replay(folder).products)
    parameters = {"run_dir": str(folder), "start": str(Path.cwd())}
    with TemporaryDirectory(prefix="forecast-report-", ignore_cleanup_errors=True) as scratch:
        notebook = run_notebook(NOTEBOOK, parameters, Path(scratch))
    try:
        write_page(page, as_page(notebook, title))
    except OutputError as error:
        raise ReportError(str(error)) from error
    return page


def check_tools() -> None:
    """Nothing when the tools of the extra ``notebooks`` are installed.

    Raises
    ------
    ReportError
        When one is missing.
    """
    missing = [name for name in TOOLS if find_spec(name) is None]
    if missing:
        raise ReportError(f"A report needs {', '.join(missing)}: pip install export-forecast[notebooks]")


def run_notebook(notebook: Path, parameters: dict[str, Any], scratch: Path, folder: Path | None = None) -> Any:
    """The notebook as it stands after all its cells ran with ``parameters``, in this interpreter's own environment.

    It works in ``folder`` (default: ``scratch``). No kernel has to be registered, and nothing is read or written in the
    home folder; ``scratch`` holds what is left.

    Raises
    ------
    ReportError
        When a cell stops, with what it said.
    """
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
    body = "\n".join(part for cell in notebook.cells for part in _cell_html(cell))
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=escape(title), body=body)


def _cell_html(cell: Any) -> Iterator[str]:
    """What a cell shows, as HTML."""
    if cell.cell_type == "markdown":
        yield from (_block_html(block) for block in re.split(r"\n\s*\n", cell.source.strip()))
    for output in cell.get("outputs", ()):
        shown, about = output.get("data", {}), output.get("metadata", {})
        if "text/html" in shown:
            yield shown["text/html"]
        elif "image/png" in shown:
            yield _picture_html(shown["image/png"], **about.get("image/png", {}))


def _picture_html(content: str, alt: str = "", width: int | None = None) -> str:
    size = "" if width is None else f' width="{width}"'
    return f'<img src="data:image/png;base64,{"".join(content.split())}" alt="{escape(alt)}"{size}>'


def _block_html(block: str) -> str:
    """A heading or a paragraph of the notebook's text, of whose marks only emphasis is used."""
    marks, text = re.fullmatch(r"(#{0,6})\s*(.*)", block, re.DOTALL).groups()  # type: ignore[union-attr]
    tag = f"h{len(marks)}" if marks else "p"
    shown = re.sub(r"[*]([^*]+)[*]", r"<em>\1</em>", escape(text, quote=False))
    return f"<{tag}>{shown}</{tag}>"


def _title(products: list[str]) -> str:
    return f"Backtest: {', '.join(product.replace('_', ' ') for product in products)}"
