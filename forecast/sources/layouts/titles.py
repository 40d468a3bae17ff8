"""What title lines, the names of sheets and that of the file say of a table: its year, its destination, its product.

Only what can be meant in one way is taken, and a note says from where.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from forecast.sources.extract import ReadSettings
from forecast.sources.files.sheet import Sheet
from forecast.sources.meaning.direction import no_exports, says_exports, says_imports
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed, places
from forecast.vocabulary.months import FIRST_MONTH, LAST
from forecast.vocabulary.text import folded, shown, slug

_LABELLED = re.compile(r"\s*(?P<label>[^:：]{1,40})[:：]\s*(?P<said>.*)")
_DESTINATION = {"destination", "partner", "partner country", "country of destination", "destination country",
                "importer", "to", "export to", "exports to", "market", "bestimmungsland", "partnerland",
                "pais de destino",
                "destino", "pays de destination", "目的国", "目的地", "最终目的国", "贸易伙伴",
                "국가명", "수출국"}  # fmt: skip
_PRODUCT = {"product", "commodity", "item", "goods", "hs", "hs code", "commodity code", "product code", "produto",
            "producto", "mercadoria", "ware", "warennummer", "produit", "商品", "商品编码", "品名", "品目", "품목",
            "품목코드", "품목명"}  # fmt: skip
_TOWARDS = re.compile(
    r"\b(?:export\w*|ship\w+|sales|deliver\w+|ausfuhr\w*|exportac\w*|exportaz\w*)\b.*?"
    r"\b(?:to|nach|para|vers|hacia|a|au|aux|verso)\s+(?:the\s+|la\s+|le\s+|el\s+|o\s+|os\s+)?(?P<after>.+)",
    re.IGNORECASE,
)
_TOWARDS_IN_CHINESE = re.compile(
    r"[对對向](?P<after>[^\s\d出]{1,12}?)(?:的?出口|[輸输]出)|(?P<before>[^\s\d]{1,12})(?:向け|への輸出)"
)
_ENDS = re.compile(r"[,;(（|\[–—:：]|\s-\s|\d")
_STAMPS = re.compile(
    r"\b(?:generated|updated?|download\w*|published?|print\w*|created|accessed|retrieved|as of|source|copyright"
    r"|release\w*|stand|quelle|fonte|fuente|base|index)\b|©|出典|来源|자료",
    re.IGNORECASE,
)
"""Words of lines whose years are not those of figures."""

_DAY = re.compile(r"\d{1,4}[-./]\d{1,2}[-./]\d{2,4}|\d{8,}|(?<!\d)(?:19|20)\d{2}[-_]?(?:0\d|1[0-2])(?!\d)")
_SPAN = re.compile(r"(?<!\d)(?P<first>(?:19|20)\d{2})\s*(?:[-/–~]|to|bis|至)\s*(?P<last>(?:19|20)\d{2}|\d{2})(?!\d)")
_ONE = re.compile(r"(?<!\d)(?:19|20)\d{2}(?!\d)")


def year_of_months(sheet: Sheet, lines: Sequence[str]) -> tuple[int, bool, str]:
    """The one year of months that stand without it: the first year, whether it goes over two, and what says it.

    It is that of the sheet's name, else of the lines above the table, else of the file's name. The year is 0 where none
    of them says one.

    Raises
    ------
    TableError
        Where one of them says several.
    """
    stem = sheet.file.partition(" [")[0].rpartition(".")[0]
    for where, texts in (("the sheet's name", [sheet.title]), ("a title line", lines), ("the file's name", [stem])):
        said = {year: text for text in texts for year in _years(text.replace("_", " "))}
        if len(said) > 1:
            there = listed([_in_words(year) for year in sorted(said)])
            raise TableError(
                f"{sheet.file}: expected the year of the months in {where}, found {there}. Write it to the months, as "
                "in 2024-01, or in a column of years."
            )
        if said:
            (first, over_two), text = next(iter(said.items()))
            return first, over_two, f"{where} ({shown(text)})"
    return 0, False, ""


def _in_words(year: tuple[int, bool]) -> str:
    first, over_two = year
    return f"{first}-{(first + 1) % 100:02d}" if over_two else str(first)


def _years(text: str) -> Iterator[tuple[int, bool]]:
    """The years that a text says, each with whether it goes over two calendar years; the ends of a longer span."""
    if _STAMPS.search(text):
        return
    plain = text
    for found in _SPAN.finditer(text):
        first = int(found["first"])
        last = int(found["last"]) if len(found["last"]) == 4 else first // 100 * 100 + int(found["last"])
        if len(found["last"]) == 2 and last % 100 != (first + 1) % 100:
            continue
        over_two = last % 100 == (first + 1) % 100
        yield from (
            [(first, True)] if over_two else [(first, False), (last, False)] if last != first else [(first, False)]
        )
        plain = plain.replace(found.group(), " ")
    yield from ((int(word), False) for word in _ONE.findall(_DAY.sub(" ", plain)) if FIRST_MONTH <= int(word) <= LAST)


# Destination and product ---------------------------------------------------------------------------------------------


def with_destination(sheet: Sheet, lines: Sequence[str], settings: ReadSettings) -> tuple[ReadSettings, list[str]]:
    """The settings with the one destination that a title, a sheet's name or the file's says, and a note on it.

    They are unchanged where the caller names one, and where nothing does or several.

    Raises
    ------
    TableError
        Where the titles say that figures are imports.
    """
    if settings.destination:
        return settings, []
    inward = next(filter(says_imports, (*lines, sheet.title)), "")
    if inward and not any(map(says_exports, lines)):
        raise TableError(no_exports(sheet.file, inward))
    known = places("", settings.names)
    stem = sheet.file.partition(" [")[0].rpartition(".")[0].replace("_", " ")
    tiers = (
        [(code, line) for line, word in _labels(lines, _DESTINATION) if (code := _first(word, known))],
        [(code, line) for line in lines if (code := _towards(line, known))],
        [(code, sheet.title) for _ in (1,) if (code := _towards(sheet.title, known) or known.find(sheet.title)[0])],
        [(code, stem) for _ in (1,) if (code := _towards(stem, known))],
    )
    for found in tiers:
        codes = {code for code, _ in found}
        if len(codes) == 1 and codes != {settings.exporter}:
            code, text = found[0]
            said = f"All figures are of {code}, as {shown(text)!r} says (--destination CODE names another)."
            return replace(settings, destination=code), [said]
        if codes:
            break
    return settings, []


def product_in_titles(lines: Sequence[str]) -> tuple[str, str]:
    """The product that a line with a label such as ``Commodity:`` names, and the line; empty where none or several do.

    Examples
    --------
    >>> product_in_titles(["Commodity: 850511, Permanent magnets", "Unit: kg"])
    ('850511', 'Commodity: 850511, Permanent magnets')
    """
    found = [(_code_or_words(word), line) for line, word in _labels(lines, _PRODUCT) if slug(word)]
    names = {name for name, _ in found}
    codes = {name for name in names if name.isdigit()}
    chosen = codes if len(codes) == 1 else names
    return next(one for one in found if one[0] in chosen) if len(chosen) == 1 else ("", "")


def _code_or_words(text: str) -> str:
    code = re.match(r"\s*'?(\d{4}(?:\.?\d{2}){0,3})\b", text)
    return code[1].replace(".", "") if code else text.strip()


def _labels(lines: Sequence[str], labels: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Each line that begins with one of ``labels`` and a colon, and what stands behind that, or in the next cell."""
    wanted = set(labels)
    for place, line in enumerate(lines):
        found = _LABELLED.fullmatch(line)
        if found and folded(found["label"]) in wanted:
            following = lines[place + 1] if place + 1 < len(lines) else ""
            word = found["said"].strip() or following
            yield (line if found["said"].strip() else f"{line} {following}"), word


def _first(text: str, known: Places) -> str:
    """The code of the destination that a text names whole, or up to its first mark."""
    return known.find(text)[0] or known.find(_ENDS.split(text)[0])[0]


def _towards(text: str, known: Places) -> str:
    """The code of the destination behind the word *to* in a title of exports; empty where none is."""
    chinese = _TOWARDS_IN_CHINESE.search(text)
    if chinese:
        return known.find(chinese["after"] or chinese["before"])[0]
    found = _TOWARDS.search(text)
    words = _ENDS.split(found["after"])[0].split() if found else []
    spans = (" ".join(words[:stop]) for stop in range(len(words), 0, -1))
    return next((code for span in spans if (code := known.find(span)[0])), "")
