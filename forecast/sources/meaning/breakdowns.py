"""Rows that are parts of a figure, by mode of transport or customs office: their total is read, or they are added.

Known by words of a heading, by means of transport in the cells, and a total by its word or because it is the sum.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.tables.read import TableError
from forecast.vocabulary.countries import listed
from forecast.vocabulary.numbers import numbers
from forecast.vocabulary.text import folded, of_each

BY = "by "
"""What stands before the heading of a breakdown among the columns of cells."""

_HEADINGS = (
    "transport", "transportation", "mot", "mot code", "mot desc", "motcode", "motdesc", "via", "container",
    "containerised", "containerized", "customs", "customs code", "customscode", "customsdesc", "customhouse", "port",
    "ports", "airport", "border", "border post", "office", "state", "province", "provinces", "district",
    "prefecture", "county", "federal state", "region of origin", "regime", "procedure", "statistical procedure",
    "trade system", "nature of transaction", "sex", "gender", "age", "age group", "size class", "enterprise size",
    "firm size", "ownership", "enterprise type", "type of enterprise", "invoicing currency", "currency of invoice",
    "incoterm", "incoterms", "delivery terms", "terms of delivery", "lieferbedingung", "company", "companies", "firm",
    "shipper", "consignee", "buyer", "customer", "trader", "second partner", "partner2", "partner 2", "mos",
    "mode of supply",
    "verkehrszweig", "verkehrstrager", "bundesland", "bundeslander", "zollamt", "zollstelle", "hafen", "verfahren",
    "seehafen", "departement", "bureau", "bureau de douane", "douane", "aduana", "aduanas", "puerto", "provincia",
    "departamento", "regimen", "uf", "uf do produto", "estado", "urf", "alfandega", "porto", "pelabuhan", "gumruk",
    "liman", "haven", "kantor pabean", "wojewodztwo", "urzad celny", "regione", "dogana", "sexe", "sexo",
    "вид транспорта", "таможня", "порт", "регион",
)  # fmt: skip
"""Words of headings, folded, that part a figure by something other than product, destination and month."""

_PARTS_OF_HEADINGS = (
    "运输方式",
    "贸易方式",
    "注册地",
    "海关",
    "口岸",
    "企业",
    "輸送",
    "税関",
    "港",
    "운송",
    "세관",
    "항구",
    "지역별",
)

_WAYS = {
    "sea", "ocean", "maritime", "vessel", "ship", "water", "waterway", "inland waterway", "inland water", "river",
    "air",
    "road", "rail", "railway", "truck", "land", "pipeline", "post", "postal", "mail", "courier", "multimodal", "other",
    "others", "unknown", "fixed installation", "fixed installations", "self propelled", "own propulsion", "see", "luft",
    "strasse", "schiene", "seeverkehr", "luftverkehr", "mer", "maritimo", "maritima", "aereo", "aerea", "aerien",
    "route",
    "rodoviario", "rodoviaria", "ferroviario", "ferroviaria", "ferroviaire", "routier", "fluvial", "terrestre",
    "carretera", "水路运输", "航空运输", "公路运输", "铁路运输", "海运", "空运", "море", "морской", "воздушный",
    "automobile", "автомобильный", "железнодорожный", "sea transport", "air transport", "road transport",
    "rail transport", "by sea", "by air", "by road", "by rail", "by land",
}  # fmt: skip
_TOTALS = {
    "total", "totals", "grand total", "sum", "all", "t", "tot", "gesamt", "insgesamt", "zusammen", "summe", "alle",
    "ensemble", "tous", "toutes", "todos", "todas", "totale", "totaux", "total geral", "total general", "合计", "总计",
    "合計", "総計", "總計", "計", "总值", "全部", "합계", "총계", "전체", "итого", "всего", "все", "c00", "tmot",
}  # fmt: skip
_ALL_OF = ("all ", "total of ", "total all ", "tous les ", "toutes les ", "todos os ", "todos los ", "todas as ",
           "todas las ", "alle ")  # fmt: skip
_KEY = ["product", "destination", "month", "exporter", "unit", "released", "status"]

FEWEST_SUMS = 3
"""Figures that must be the sum of others before a word that is not known is taken for a total."""

_CLOSE = 0.005
"""By how much, of itself, a sum may differ from a total that was rounded."""


@dataclass(frozen=True)
class Parted:
    """Rows of a breakdown: why each is not used (empty where it is), whether the others are added, what to say."""

    reasons: pd.Series
    added: bool = False
    notes: tuple[str, ...] = ()


def names_breakdown(heading: str) -> bool:
    """Whether a heading names a breakdown that is none by product, destination or month.

    Examples
    --------
    >>> [names_breakdown(name) for name in ("Mode of transport", "运输方式名称", "Grade", "Transporter")]
    [True, True, False, False]
    """
    name = folded(heading)
    return any(f" {word} " in f" {name} " for word in _HEADINGS) or any(word in name for word in _PARTS_OF_HEADINGS)


def is_way_of_transport(cell: str) -> bool:
    """Whether a cell names a means of transport, or all of them together.

    Examples
    --------
    >>> is_way_of_transport("By sea"), is_way_of_transport("Total"), is_way_of_transport("Seaweed")
    (True, True, False)
    """
    return folded(cell) in _WAYS or names_total(cell)


def names_total(cell: str) -> bool:
    """Whether a cell says that its row has all parts together.

    Examples
    --------
    >>> names_total("All modes"), names_total("_T"), names_total("合计"), names_total("Total loss")
    (True, True, True, False)
    """
    text = re.sub(r"^\d+ ", "", folded(cell))
    return text in _TOTALS or text.startswith(_ALL_OF)


def parted(file: str, cells: pd.DataFrame, left_out: pd.Series) -> Parted:
    """What is read of ``cells`` with columns that `BY` marks: totals where they are, else all parts, to be added.

    ``left_out`` says why rows are not used whatever they are.

    Raises
    ------
    TableError
        Where one part of a figure stands twice, or the parts are two counts of the same trade.
    """
    reasons, names = left_out.copy().astype(object), [str(name) for name in cells if str(name).startswith(BY)]
    keys = [name for name in _KEY if name in cells]
    for name in names:
        open_to = cells[(reasons == "").to_numpy()]
        total = _totals(open_to, name, [*keys, *(other for other in names if other != name)])
        heading = str(name).removeprefix(BY)
        _check_counts(file, heading, open_to[name])
        groups = open_to.groupby([*keys, *(other for other in names if other != name)], sort=False, observed=True)
        counted_in = total.groupby(groups.ngroup()).transform("any") & ~total
        at = np.flatnonzero((reasons == "").to_numpy())[counted_in.to_numpy()]
        reasons.iloc[at] = f"a breakdown by {heading}, counted in the total"
    open_to = cells[(reasons == "").to_numpy()]
    if not names or not open_to.duplicated(keys).any():
        return Parted(reasons)
    _check_once(file, open_to, keys, names)
    said = "; ".join(f"{str(name).removeprefix(BY)} ({listed(_different(open_to[name]), 3)})" for name in names)
    return Parted(reasons, True, (f"Rows of one destination and month are parts and are added: by {said}.",))


def _different(cells: pd.Series) -> list[str]:
    return [str(text) for text in pd.unique(cells)]


def _totals(cells: pd.DataFrame, name: str, keys: Sequence[str]) -> pd.Series:
    """Which rows have the total of a breakdown: by its word, else because it is the sum of the other rows."""
    named = of_each(cells[name], names_total).astype(bool)
    if named.any() or cells.empty:
        return named
    figures = numbers(cells["volume"].astype(str)).fillna(0.0)
    whole = figures.groupby([cells[key].astype(str) for key in keys], sort=False).transform("sum")
    several = cells.groupby(list(keys), sort=False, observed=True)[name].transform("size") > 2
    for word in _different(cells[name]):
        mine = (cells[name].astype(str) == word) & several
        halves = (2 * figures[mine] - whole[mine]).abs() <= _CLOSE * whole[mine].abs()
        if len(halves) >= FEWEST_SUMS and halves.all():
            return cells[name].astype(str) == word
    return named


def _check_counts(file: str, heading: str, cells: pd.Series) -> None:
    """Check that parts are no two counts of the same trade, as the general and the special one are."""
    words = {folded(text) for text in _different(cells)}
    both = {kind for kind in ("general", "special") for word in words if kind in word.split()}
    if len(both) == 2:
        seen = listed(_different(cells), 3)
        raise TableError(
            f"{file}: the rows of {heading} ({seen}) are two counts of the same trade. Leave one of them in the file."
        )


def _check_once(file: str, cells: pd.DataFrame, keys: Sequence[str], names: Sequence[str]) -> None:
    again = cells[cells.duplicated([*keys, *names], keep=False)]
    if len(again):
        first = again.iloc[0]
        what = " ".join(str(first[name]) for name in ("destination", "month", *names))
        rows = " and ".join(
            str(row) for row in again.index[(again[[*keys, *names]] == first[[*keys, *names]]).all(axis=1)][:2]
        )
        raise TableError(f"{file} rows {rows}: {what} stands twice. Which holds?")
