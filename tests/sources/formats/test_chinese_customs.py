"""Downloads of the Chinese customs' online query, in the form that the query gives them."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

HEADER = (
    "数据年月,商品编码,商品名称,贸易伙伴编码,贸易伙伴名称,贸易方式编码,贸易方式名称,注册地编码,注册地名称,"
    "第一数量,第一计量单位,第二数量,第二计量单位,人民币"
)
DAY = date(2026, 1, 1)


def row(
    month: str, partner: str, first: str, unit: str = "千克", second: str = "0", other: str = "无", mode: str = "10"
):
    name = '"稀土永磁铁\n及其制品"' if partner == "越南" else '"稀土永磁铁"'
    head = f'"{month}","85051110",{name},"141","{partner}","{mode}","一般贸易","33","浙江省"'
    return f'{head},"{first}","{unit}","{second}","{other}","3,210,987",'


def download(folder: Path, *rows: str, header: str = HEADER, encoding: str = "gb18030", name: str = "下载.csv") -> Path:
    quoted = ",".join(f'"{heading}"' for heading in header.split(","))
    path = folder / name
    path.write_bytes("\r\n".join([f"{quoted},", *rows, ""]).encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["gb18030", "gbk", "utf-8", "utf-8-sig", "utf-16"])
def test_a_download_is_read_right_in_every_encoding(tmp_path: Path, encoding: str):
    """Thousands in quotes, kilograms, line breaks in names, the trailing empty column; HS 85051110 is the magnets."""
    path = download(tmp_path, row("202505", "越南", "123,456"), row("202506", "美国", "46,400.5"), encoding=encoding)
    got = import_exports(path, today=DAY)
    rows = got.exports[["product", "destination", "volume_t"]].to_numpy().tolist()
    assert rows == [["rare_earth_magnets", "VNM", 123.456], ["rare_earth_magnets", "USA", 46.4005]]
    assert got.exports["month"].astype(str).tolist() == ["2025-05", "2025-06"]
    assert "Chinese customs" in got.files[0].what
    assert got.unused.empty


def test_rows_by_mode_and_province_are_parts_of_one_figure(tmp_path: Path):
    """1,000 kg of general trade and 500 kg of processing are 1.5 t; the same row twice counts once."""
    general = row("202505", "德国", "1,000")
    path = download(tmp_path, general, row("202505", "德国", "500", mode="14"), general)
    got = import_exports(path, today=DAY)
    assert got.exports["volume_t"].tolist() == [1.5]
    assert got.unused["reason"].tolist() == ["the same row stands already above"]


def test_whole_names_only(tmp_path: Path):
    """Guinea, Guinea-Bissau, Equatorial Guinea and Papua New Guinea are four countries."""
    names = ["几内亚", "几内亚比绍", "赤道几内亚", "巴布亚新几内亚"]
    got = import_exports(download(tmp_path, *(row("202505", name, "1000") for name in names)), today=DAY)
    assert got.exports["destination"].tolist() == ["GIN", "GNB", "GNQ", "PNG"]


def test_kilograms_in_the_second_quantity_and_pieces(tmp_path: Path):
    """The quantity whose unit is a weight is taken; a row of pieces alone is listed with the reason."""
    path = download(
        tmp_path,
        row("202505", "日本", "12", "台", "2,000", "千克"),
        row("202506", "日本", "12", "台"),
    )
    got = import_exports(path, today=DAY)
    assert got.exports["volume_t"].tolist() == [2.0]
    assert got.unused["reason"].tolist() == ["counted in pieces, which have no weight"]
    assert got.unused["row"].tolist() == [3]


def test_january_comes_out_with_february(tmp_path: Path):
    """Both on 20 March; every other month on the 20th of the next."""
    path = download(tmp_path, *(row(month, "日本", "1000") for month in ("202501", "202502", "202503")))
    released = import_exports(path, today=DAY).exports["released"].tolist()
    assert released == [date(2025, 3, 20), date(2025, 3, 20), date(2025, 4, 20)]


def test_sums_over_a_range_are_refused_with_the_way_out(tmp_path: Path):
    """Without 数据年月 every row is a sum of months."""
    path = download(tmp_path, row("202505", "日本", "1000").partition(",")[2], header=HEADER.partition(",")[2])
    with pytest.raises(TableError, match=r"^下载\.csv: .*without months \(no 数据年月\): .*分月展示"):
        import_exports(path, today=DAY)


def test_values_alone_are_refused_and_taken_where_asked(tmp_path: Path):
    """A value in yuan is no weight; `--unit cny` takes it, in millions and under its name."""
    header = "数据年月,商品编码,商品名称,贸易伙伴编码,贸易伙伴名称,人民币"
    path = download(tmp_path, '"202505","85051110","磁铁","141","越南","3,210,987",', header=header)
    with pytest.raises(TableError, match=r"values and no quantity.*--unit cny"):
        import_exports(path, today=DAY)
    got = import_exports(path, unit="cny", today=DAY)
    assert got.exports[["volume_t", "status"]].to_numpy().tolist() == [[3.210987, "cny_million"]]
    assert any("millions of CNY" in note for note in got.notes)


def test_names_of_vendors_and_several_years_joined(tmp_path: Path):
    """Aliases of data vendors, the year and the month apart; two queries of one year each are one table."""
    header = "统计年份,统计月份,商品代码,最终目的国（地区）名称,统计数量,统计单位,金额_美元"
    first = download(tmp_path, '"2024","12","85051110","韩国","1,500","千克","9"', header=header, name="2024.csv")
    second = download(tmp_path, '"2025","1","85051110","韩国","2,500","千克","9"', header=header, name="2025.csv")
    got = import_exports([first, second], today=DAY)
    assert got.exports["month"].astype(str).tolist() == ["2024-12", "2025-01"]
    assert got.exports["destination"].tolist() == ["KOR", "KOR"]
    assert got.exports["volume_t"].tolist() == [1.5, 2.5]


def test_what_is_no_country_is_listed_with_its_volume(tmp_path: Path):
    """A place that is not known and one that is none are rows of `unused`, with cell and row."""
    path = download(
        tmp_path, row("202505", "日本", "1"), row("202505", "国(地)别不详", "7"), row("202505", "某国", "8")
    )
    unused = import_exports(path, today=DAY).unused
    assert unused[["row", "destination", "volume"]].to_numpy().tolist() == [[3, "国(地)别不详", "7"], [4, "某国", "8"]]
    assert unused["reason"].iloc[1] == "a destination that is not known"
