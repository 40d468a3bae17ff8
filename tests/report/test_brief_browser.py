"""Laws of the briefing in a browser: axe-core finds nothing serious, nothing is asked of a network, nothing is cut."""

import re
import shutil
from datetime import date
from importlib.resources import files
from importlib.util import find_spec

import pandas as pd
import pytest

from forecast.report.brief.behind import Behind
from forecast.report.brief.page import brief_page
from forecast.report.brief.sheets import brief_pdf
from forecast.report.outlook import OUTLOOK_COLUMNS, Outlook
from forecast.report.remark import Remark

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        BROWSER is None or find_spec("axe_playwright_python") is None, reason="no Chromium, or no axe-core"
    ),
]
CUTOFF = pd.Period("2026-07", "M")
LONG = "A destination with a name as long as those of some islands, and the sea between"


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made, made.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"]) as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A brief with every section."""
    path = tmp_path_factory.mktemp("brief") / "brief.html"
    path.write_text(_page(), encoding="utf-8")
    return path.as_uri()


@pytest.mark.parametrize("width", [390, 820, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_the_page_fits(browser, address, width, scheme):
    """No serious or critical finding, no word on the console, no request beyond the file, no scrolling sideways."""
    page = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme).new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if request.url[:4] not in ("file", "data") else None)
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert found(page) == []
    assert said == []


SMALLEST_LETTERS = 10
"""Pixels."""


@pytest.mark.parametrize("width", [390, 820, 1400])
def test_pictures_shrink_and_stay_legible(browser, address, width):
    """No picture is wider than its place, none cuts its text, and no letter is smaller than can be read."""
    page = browser.new_context(viewport={"width": width, "height": 900}).new_page()
    page.goto(address)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    wide, cut, small = page.evaluate("""() => {
        const pictures = [...document.querySelectorAll('svg')], box = one => one.getBoundingClientRect();
        const letters = pictures.flatMap(svg => [...svg.querySelectorAll('text')].map(text => [svg, text]));
        const size = (svg, text) => parseFloat(getComputedStyle(text).fontSize)
            * box(svg).width / svg.viewBox.baseVal.width;
        return [
            pictures.filter(svg => box(svg).right > box(svg.parentElement).right + 1).map(svg => svg.outerHTML),
            letters.filter(([svg, text]) => box(text).right > box(svg).right + 1 || box(text).left < box(svg).left - 1)
                .map(([svg, text]) => text.textContent),
            letters.map(([svg, text]) => size(svg, text)).reduce((one, other) => Math.min(one, other)),
        ]; }""")
    assert (wide, cut) == ([], [])
    assert small >= SMALLEST_LETTERS


def test_axe_is_not_blind(browser):
    """Pale text on white and a picture without words are found: the checker checks."""
    page = browser.new_page()
    page.set_content('<html lang="en"><title>t</title><p style="color:#ccc;background:#fff">pale</p><img src="data:,">')
    assert {"color-contrast", "image-alt"} <= set(found(page))


def test_every_picture_has_a_table_behind_it(browser, address):
    """Each figure holds a picture with a label and a table, and each table has a caption and scopes."""
    page = browser.new_page()
    page.goto(address)
    assert page.locator("figure").count() == page.locator("figure:has(svg[aria-label])").count() > 0
    assert page.locator("table").count() == page.locator("table:has(caption):has(th[scope=col])").count() > 0
    assert page.locator("#magnets-charts figure").count() == page.locator("#magnets-charts figure:has(table)").count()


def test_the_keyboard_reaches_the_brief_and_every_table_that_scrolls(browser, address):
    """The first stop skips the contents; every region that may scroll is a stop."""
    page = browser.new_page()
    page.goto(address)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".wide").count() == page.locator(".wide[tabindex='0'][aria-label]").count()


@pytest.mark.parametrize("width", [700, 726])
def test_nothing_is_cut_on_paper(browser, address, width):
    """On the printed width of A4 and letter (12 mm margins at 96 dpi) no box is wider than the sheet."""
    page = browser.new_context(viewport={"width": width, "height": 1000}).new_page()
    page.goto(address)
    page.emulate_media(media="print")
    wide = "[...document.querySelectorAll('table,svg,p,pre')].filter(e => e.getBoundingClientRect().right > innerWidth)"
    assert page.evaluate(f"{wide}.map(e => e.outerHTML.slice(0, 80))") == []


def test_the_page_is_printed_as_pdf():
    """Chromium gives a PDF of several pages."""
    content = brief_pdf(_page())
    assert content.startswith(b"%PDF")
    assert len(re.findall(rb"/Type\s*/Page\b", content)) > 1


def found(page):
    """Names of the serious and critical findings of axe-core on a page."""
    page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run()")["violations"]
    return [one["id"] for one in violations if one["impact"] in ("serious", "critical")]


def _page():
    months = pd.period_range(CUTOFF - 20, CUTOFF, freq="M")
    rows = [
        (code, name, 5375.0, CUTOFF, CUTOFF + 1, 5537.0, 4457.0, 7053.0, 0.03, -0.1, "11 of 16",
         ("licensing", "tariff", "truce"), (), ("wide",), float("nan"), "")
        for code, name in (("WLD", "World"), ("USA", LONG))
    ]  # fmt: skip
    remarks = (Remark("Figures end earlier", ("2026-03: " + LONG,)),)
    outlook = Outlook("magnets", "combination", date(2026, 8, 20), CUTOFF, pd.DataFrame(rows, columns=OUTLOOK_COLUMNS),
                      remarks)  # fmt: skip
    volumes = {"magnets": pd.DataFrame({"WLD": 5000.0, "USA": 400.0}, index=months)}
    return brief_page([outlook], volumes, {"issued": "2026-08-20", "note": "x" * 400}, _behind())


def _behind():
    part = {"name": "licensing-2025-04-with-a-long-name", "kind": "episode", "tonnes": -500.0, "log": -0.1,
            "lower_80": -0.3, "upper_80": 0.1, "rests_on": ["licensing-2025-04", "licensing-2023-08"]}  # fmt: skip
    level = {"name": "level", "kind": "level", "tonnes": 6037.0, "log": 8.7}
    one = {"product": "magnets", "destination": "WLD", "name": "World", "month": "2026-08", "forecast_t": 5537.0,
           "parts": [level, part]}  # fmt: skip
    cell = {"product": "magnets", "destination": "WLD", "month": CUTOFF + 1}
    changes = pd.DataFrame([cell | {"before": date(2026, 7, 20), "before_t": 5500.0, "after_t": 5537.0,
                                    "contribution": "news", "change_t": 37.0, "log_change": 0.0067}])  # fmt: skip
    bounds = {"volume_t": 5537.0, "lower_80": 4457.0, "upper_80": 7053.0}
    branches = pd.DataFrame([cell | bounds | {"branch": "as the calendar stands"},
                             cell | bounds | {"branch": "the truce lapses", "volume_t": 5000.0}])  # fmt: skip
    last = pd.DataFrame([cell | bounds | {"lower_95": 4000.0, "upper_95": 8000.0, "actual_t": 5375.0}])
    ratios = {f"month_{month}": 0.5 + month / 20 for month in (0, 1, 2, 3, 6, 12)}
    about = {"product": "magnets", "destination": "WLD", "effective": date(2025, 4, 4), "notice_days": 0, "base_t": 5e3}
    past = pd.DataFrame([about | ratios | {"event": name, "source": "https://" + "x" * 90} for name in ("one", "two")])
    return Behind(explained=[one], changes=changes, last_issue=last, branches=branches,
                  probabilities={"as the calendar stands": 0.805, "the truce lapses": 0.195},
                  analogues={"magnets": past}, names={"WLD": "World"})  # fmt: skip
