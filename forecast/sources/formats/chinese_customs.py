"""China's customs, online query: downloads in GB18030 or UTF-8, columns as the query was asked for.

References
----------
Customs statistics online query, stats.customs.gov.cn: rows by month (数据年月) where they are asked for, else sums over
the whole range; quantities in the first and second statutory unit.
"""

from __future__ import annotations

import pandas as pd

from forecast.sources.extract import Extract, ReadSettings, china_release, directed, repeated_rows
from forecast.sources.files.sheet import Sheet, Table
from forecast.tables.read import TableError
from forecast.vocabulary.months import from_parts
from forecast.vocabulary.text import of_each
from forecast.vocabulary.units import unit_in, unit_of

MONTH = ("数据年月", "统计年月", "年月", "统计月份", "数据月份", "日期", "数据日期")
_YEAR = ("统计年份", "年份", "数据年份", "年")
MONTH_NUMBER = ("统计月份", "月份", "月", "数据月份")
_PRODUCT = ("商品编码", "商品代码", "hs编码", "税号", "海关编码", "产品编码", "hs code")
_PARTNER = (
    "贸易伙伴名称", "最终目的国 地区 名称", "最终目的国 地区", "国家 地区 名称", "目的国名称", "产终国名称",
    "国家名称", "贸易伙伴", "国别", "国家",
    "国家 地区", "目的地", "最终目的国",
)  # fmt: skip
PARTNER_CODE = (
    "贸易伙伴编码",
    "最终目的国 地区 代码",
    "最终目的国 地区 编码",
    "国家代码",
    "国别代码",
    "产终国代码",
    "国家编码",
)
_QUANTITIES = (
    (("第一数量", "第一法定数量", "法定第一数量", "统计数量", "数量"),
     ("第一计量单位", "第一法定计量单位", "第一法定单位", "统计数量单位", "统计单位", "计量单位", "单位", "数量单位")),
    (("第二数量", "第二法定数量", "法定第二数量"), ("第二计量单位", "第二法定计量单位", "第二法定单位")),
)  # fmt: skip
_VALUES = {"美元": "usd", "金额 美元": "usd", "美元值": "usd", "人民币": "cny", "金额 人民币": "cny", "人民币值": "cny"}
_FLOW = ("进出口", "进出口类型", "进出口标志", "贸易流向", "进出口名称")


def read(sheet: Sheet, settings: ReadSettings) -> Extract | None:
    """What a download of the query says; None where ``sheet`` is none.

    Raises
    ------
    TableError
        Where its rows are sums over several months, or have a value and no weight.
    """
    table = sheet.headed(_PRODUCT, (*_PARTNER, *PARTNER_CODE))
    if table is None or not any("\u4e00" <= mark <= "\u9fff" for mark in "".join(table.headings)):
        return None
    table = table.filled()
    month = _months(table)
    volume, unit = _money(table, settings) if _is_money(settings) else _weights(table, settings)
    imports = table.column(*_FLOW).str.contains("进口", regex=False)
    partner = _partners(table)
    exporter, destination = directed(pd.Series("CHN", index=month.index, dtype=object), partner, imports, "china")
    cells = {"product": table.column(*_PRODUCT), "destination": destination, "month": month, "volume": volume}
    return Extract(
        table.file,
        f"Chinese customs, online query ({sheet.kind})",
        pd.DataFrame({**cells, "unit": unit, "exporter": exporter, "imports": imports}),
        repeated_rows(table.cells),
        "Chinese customs, online query",
        authority="china",
        parts=True,
        release=china_release,
    )


def _is_money(settings: ReadSettings) -> bool:
    return bool(settings.unit) and bool(unit_of(settings.unit).money)


def _months(table: Table) -> pd.Series:
    month = table.heading(*MONTH)
    if table.heading(*_YEAR) and table.heading(*MONTH_NUMBER):
        return from_parts(table.column(*_YEAR), table.column(*MONTH_NUMBER))
    if month is None:
        raise TableError(
            f"{table.file}: is a download of the Chinese customs' query without months (no 数据年月): each row is "
            "the sum "
            "over the whole range. Ask the query for month-by-month display (分月展示), at most one year at a time, "
            "and "
            "download again."
        )
    return table.column(month.casefold(), *MONTH)


def _partners(table: Table) -> pd.Series:
    """Names of the partners; codes where there is no name."""
    names, codes = table.column(*_PARTNER), table.column(*PARTNER_CODE)
    return names.str.replace(r"\s+", "", regex=True).where(names != "", codes)


def _weights(table: Table, settings: ReadSettings) -> tuple[pd.Series, pd.Series]:
    """The first of the quantities whose unit is a weight, and its unit."""
    found = [pair for aliases, units in _QUANTITIES if (pair := _quantity(table, aliases, units, settings))]
    if not found:
        value = next((word for name, word in _VALUES.items() if table.heading(name)), "")
        way_out = f" --unit {value} takes the value instead, and calls it so." if value else ""
        raise TableError(
            f"{table.file}: is a download of the Chinese customs' query with values and no quantity. Ask the query for "
            f"quantities (第一数量) and download again.{way_out}"
        )
    volume, unit = found[0]
    for other, its_unit in found[1:]:
        weighs = of_each(its_unit, _is_weight).astype(bool) & ~of_each(unit, _is_weight).astype(bool)
        volume, unit = volume.where(~weighs, other), unit.where(~weighs, its_unit)
    return volume, unit


def _quantity(
    table: Table, aliases: tuple[str, ...], units: tuple[str, ...], settings: ReadSettings
) -> tuple[pd.Series, pd.Series] | None:
    heading = table.heading(*aliases) or next(
        (name for name in table.headings if any(name.startswith(alias) for alias in aliases) and unit_in(name)), None
    )
    if heading is None:
        return None
    stated = unit_in(heading) or settings.unit
    if table.heading(*units) is None and not stated:
        raise TableError(
            f"{table.file}: is a download of the Chinese customs' query whose quantity has no unit (第一计量单位). "
            "Say it: "
            "--unit kg, or ask the query for units."
        )
    unit = table.column(*units)
    return table.cells[heading].str.strip().astype(object), unit.where(unit != "", stated)


def _is_weight(word: str) -> bool:
    return unit_of(word).factor == unit_of(word).factor and not unit_of(word).money


def _money(table: Table, settings: ReadSettings) -> tuple[pd.Series, pd.Series]:
    currency = unit_of(settings.unit).money.lower()
    names = [name for name, word in _VALUES.items() if word == currency]
    heading = table.heading(*names)
    if heading is None:
        raise TableError(f"{table.file}: expected a column of values in {currency.upper()}, found none.")
    return table.column(*names), pd.Series(settings.unit, index=table.cells.index, dtype=object)
