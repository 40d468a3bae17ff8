"""Whether figures are exports, or imports that another country reported."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pandas as pd

from forecast.sources.extract import ReadSettings, directed
from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed
from forecast.vocabulary.text import folded, shown

IMPORTS = "imports, not exports"
"""Why a row of a flow into the country that declares it is not used."""

ANOTHER_FLOW = "another flow than exports"
"""Why a row is not used where others say that they are exports."""

_OUTWARD = {"x", "e", "rx", "dx", "эк", "domestic", "national", "total"}
_IMPORTS = re.compile(
    r"\b(?:imp|imports?|imported|importe|importe[es]s?|importa[ct]\w*|importazion\w*|importad[ao]s?|einfuhr\w*"
    r"|eingefuhrt\w*|invoer|ithalat\w*|impor|импорт\w*|ввоз\w*)\b"
    r"|进口|進口|[輸输]入|수입"
)
_IMPORTERS = re.compile(
    r"\b(?:importers?|importeurs?|importateurs?|importador(?:es)?|importatori|importing|importland|einfuhrland"
    r"|import \w*(?:country|countries|markets?|partners?))\b|进口国|輸入国|수입국"
)
_EXPORTS = re.compile(
    r"\b(?:(?:re)?export\w*|reexp\w*|exp|ausfuhr\w*|uitvoer|ihracat\w*|ekspor\w*|экспорт\w*|вывоз\w*)\b"
    r"|出口|[輸输]出|수출"
)


def says_imports(text: str) -> bool:
    """Whether a heading, a title or a label names imports and no exports; countries that import are no imports.

    Examples
    --------
    >>> [says_imports(text) for text in ("Imports (t)", "Einfuhr in kg", "进口量", "Exports by importing country", "t")]
    [True, True, True, False, False]
    """
    words = folded(text)
    return bool(_IMPORTS.search(_IMPORTERS.sub(" ", words))) and not _EXPORTS.search(words)


def is_inward(flow: str) -> bool:
    """Whether a cell of a column of flows is one into the reporter, by its words or its letter.

    Examples
    --------
    >>> [is_inward(flow) for flow in ("Re-import", "M", "X", "Domestic export")]
    [True, True, False, False]
    """
    return says_imports(flow) or folded(flow) in ("m", "i", "rm", "им")


def is_outward(flow: str) -> bool:
    """Whether a cell of a column of flows is one out of the reporter, by its words or its letter.

    Examples
    --------
    >>> [is_outward(flow) for flow in ("Re-exports", "X", "ЭК", "Domestic", "2", "Transit")]
    [True, True, True, True, False, False]
    """
    return says_exports(flow) or folded(flow) in _OUTWARD


def are_flows(cells: Iterable[str]) -> bool:
    """Whether cells of a column that nothing else is known of are words for exports and imports.

    Examples
    --------
    >>> are_flows(["Exports to EU", "Imports from EU"]), are_flows(["ЭК", "ИМ"]), are_flows(["E", "I"])
    (True, True, False)
    """
    words = list(cells)
    outward = [says_exports(word) or folded(word) == "эк" for word in words]
    inward = [says_imports(word) or folded(word) == "им" for word in words]
    return any(outward) and any(inward) and all(map(any, zip(outward, inward, strict=True)))


def not_exported(file: str, heading: str, flows: Iterable[str]) -> dict[str, str]:
    """Why rows are not used, by the cell of the column of flows: those inward, and those unlike known exports.

    Raises
    ------
    TableError
        Where there are several and none says that it is exports.

    Examples
    --------
    >>> not_exported("f.csv", "Flow", ["Exports", "Imports", "Transit"])
    {'Imports': 'imports, not exports', 'Transit': 'another flow than exports'}
    """
    words = [str(word) for word in flows]
    inward = {word: IMPORTS for word in words if is_inward(word)}
    unclear = [word for word in words if word.strip() and word not in inward and not is_outward(word)]
    if any(map(is_outward, words)):
        return inward | dict.fromkeys(unclear, ANOTHER_FLOW)
    if len(unclear) > 1:
        seen = f"expected flows that say which are exports, found {listed(unclear, 4)} (column {shown(heading)})"
        raise TableError(
            f"{file}: {seen}. Leave the rows of exports in the file, or write Exports and Imports for them."
        )
    return inward


def says_exports(text: str) -> bool:
    """Whether a heading, a title or a label names exports.

    Examples
    --------
    >>> says_exports("Exportações, kg líquido"), says_exports("Imports (t)")
    (True, False)
    """
    return bool(_EXPORTS.search(folded(text)))


def names_importers(heading: str) -> bool:
    """Whether a heading is that of a column of countries that import.

    Examples
    --------
    >>> names_importers("Importing country"), names_importers("Country of origin")
    (True, False)
    """
    return bool(_IMPORTERS.search(folded(heading)))


def beside_exports(imports: pd.Series, exports: pd.Series, reporters: pd.Series, settings: ReadSettings) -> pd.Series:
    """Which rows are imports of a file that has exports too, and are none of the exporter that is asked for.

    ``reporters`` has the code of the country that declared each row.

    Examples
    --------
    >>> rows = pd.DataFrame({"in": [True, False], "out": [False, True], "by": ["JPN", "JPN"]})
    >>> beside_exports(rows["in"], rows["out"], rows["by"], ReadSettings(pd.Timestamp("2026-01-01").date())).tolist()
    [True, False]
    """
    declared = set(reporters[exports].unique())
    wanted = bool(declared) and (not settings.exporter or settings.exporter in declared)
    return imports & wanted


def imports_in(heading: str, lines: Iterable[str]) -> str:
    """What says that figures are imports: their heading, else one of the ``lines`` above them; empty where none does.

    Examples
    --------
    >>> imports_in("Tonnes", ["Imports of nickel ore by origin"]), imports_in("Exports (t)", ["Imports and exports"])
    ('Imports of nickel ore by origin', '')
    """
    above = list(lines)
    if says_imports(heading):
        return heading
    if says_exports(heading) or any(map(says_exports, above)):
        return ""
    return next(filter(says_imports, above), "")


def mirrored_cells(
    file: str, words: str, cells: pd.DataFrame, partner: tuple[str, pd.Series], settings: ReadSettings
) -> pd.DataFrame:
    """The cells of an `Extract` of imports: exporters are the partners, or the destinations those that import.

    ``partner`` is the heading of the column of countries, and its cells.

    Raises
    ------
    TableError
        Where nothing says which country imports.
    """
    heading, countries = partner
    if settings.destination:
        origin = countries if heading else pd.Series(settings.exporter, index=cells.index, dtype=object)
        reporter = pd.Series(settings.destination, index=cells.index, dtype=object)
        exporter, destination = directed(reporter, origin, pd.Series(True, index=cells.index), "")
        return cells.assign(exporter=exporter, destination=destination, imports=True)
    if names_importers(heading) or _is_said(heading, settings.columns):
        return cells.assign(exporter=settings.exporter, imports=True)
    raise TableError(no_exports(file, words, heading))


def no_exports(file: str, words: str, heading: str = "") -> str:
    """What to do with a file of imports, which ``words`` say; ``heading`` is that of its column of countries."""
    return (
        f"{file}: holds imports ({shown(words)}), not exports. Give the file of exports; or read them as a mirror, "
        "forecast import FILE --destination CODE --exporter CODE with the country that imports and the origin to take, "
        f"or --column destination={shown(heading) or 'NAME'} where that column has the countries that import."
    )


def _is_said(heading: str, columns: Mapping[str, str]) -> bool:
    return bool(heading) and folded(columns.get("destination", "")) == folded(heading)
