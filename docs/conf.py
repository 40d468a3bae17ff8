"""Settings of the documentation's site, which Sphinx builds from the pages of the whole repository: `make docs`."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path

from docutils import nodes
from docutils.utils.math import latex2mathml
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

project = "export-forecast"
release = importlib.metadata.version("export-forecast")
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "benchmarks/*.md",
    "data/README.md",
    "experiments/README.md",
    "experiments/*/*.ipynb",
]
exclude_patterns = [".*", "build", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
default_role = "code"
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "pydata_sphinx_theme"
html_title = "export-forecast"
html_show_sourcelink = False
html_show_copyright = False
html_sidebars = {f"docs/{page}": [] for page in ("installation", "method", "reference", "glossary")}
html_math_renderer = "mathml"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """A formula in a line, as MathML: browsers draw it by themselves, without a network."""
    translator.body.append(latex2mathml.tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def displayed_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """A formula in a line of its own."""
    translator.body.append(f'<div class="formula">{latex2mathml.tex2mathml(node.astext(), as_block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Draw formulas as MathML, and write the index of the folder for those who open its root."""
    app.add_html_math_renderer("mathml", (inline_math, None), (displayed_math, None))
    app.connect("build-finished", write_root)


def write_root(app: Sphinx, failed: Exception | None) -> None:
    """Write an index.html that leads to the first page."""
    if failed is None and app.builder.format == "html":
        page = '<!doctype html><meta charset="utf-8"><title>export-forecast</title>'
        page += (
            '<meta http-equiv="refresh" content="0; url=docs/index.html"><a href="docs/index.html">export-forecast</a>'
        )
        Path(app.outdir, "index.html").write_text(page + "\n", encoding="utf-8")
