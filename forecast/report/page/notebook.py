"""The packaged notebook run on the folder of a backtest, and its page: one HTML file that needs no network.

papermill, nbconvert and ipykernel are imported when a report is written; they come with the extra ``notebooks``.
"""

from __future__ import annotations

import os
import string
import sys
import warnings
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from forecast.report.page.run_tables import read_replay
from forecast.tables.run_folder import OutputError

NOTEBOOK = Path(__file__).with_name("backtest_report.ipynb")
PAGE = Path(__file__).with_name("page.html")
TOOLS = ("papermill", "nbconvert", "ipykernel")
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
    with TemporaryDirectory() as scratch:
        notebook = run_notebook(NOTEBOOK, {"run_dir": str(folder)}, Path(scratch))
    text = as_page(notebook, title)
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        beside = page.with_name(f".{page.name}.{os.getpid()}.new")
        beside.write_text(text, encoding="utf-8", newline="\n")
        beside.replace(page)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ReportError(f"{page}: expected a file that can be written, found that it cannot ({reason}).") from error
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
        env={"IPYTHONDIR": str(scratch), "MPLCONFIGDIR": os.environ.get("MPLCONFIGDIR", str(scratch)),
             "PYDEVD_DISABLE_FILE_VALIDATION": "1", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    files = {"kernel_spec": own, "connection_file": traitlets.Unicode(str(scratch / "kernel.json"))}
    return type("OwnKernel", (manager.AsyncKernelManager,), files)


def as_page(notebook: Any, title: str) -> str:
    """The HTML page of a notebook that was run: text and outputs without code, style and images inside."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exporter: Any = import_module("nbconvert").HTMLExporter(
            template_name="basic", exclude_input=True, exclude_input_prompt=True, exclude_output_prompt=True
        )
        body, _ = exporter.from_notebook_node(notebook)
    page = string.Template(PAGE.read_text(encoding="utf-8"))
    return page.substitute(title=escape(title), body=body)


def _title(products: list[str]) -> str:
    return f"Backtest: {', '.join(product.replace('_', ' ') for product in products)}"
