"""ComexStat: bulk rows added over states and routes, the web export, Brazil's own codes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from forecast import TableError, import_exports

DAY = date(2026, 1, 1)


@pytest.mark.parametrize("mark", [",", ";"])
def test_bulk_rows_are_parts_of_a_figure(tmp_path: Path, mark: str):
    """Kilograms of all states and routes are added; codes that lost their zeros are found; QT_ESTAT is not used."""
    text = (
        "CO_ANO,CO_MES,CO_NCM,CO_UNID,CO_PAIS,SG_UF_NCM,CO_VIA,CO_URF,QT_ESTAT,KG_LIQUIDO,VL_FOB\n"
        "2025,05,12019000,21,160,SC,1,927700,1000,1000250,5\n"
        "2025,05,12019000,21,160,MT,1,817800,2000,2000000,5\n"
        "2025,5,9011110,21,87,MG,1,817800,9,9000,5\n"
        "2025,5,09011110,21,023,MG,1,817800,8,8,5\n"
        "2025,5,09011110,21,994,MG,1,817800,8,80,5\n"
    )
    path = tmp_path / "EXP_2025.csv"
    path.write_text(text.replace(",", mark))
    got = import_exports(path, today=DAY)
    assert got.exports[["product", "destination", "volume_t"]].to_numpy().tolist() == [
        ["12019000", "CHN", 3000.25],
        ["09011110", "BEL", 9.0],
        ["09011110", "DEU", 0.008],
    ]
    assert got.unused["destination"].tolist() == ["994"]


def test_the_web_export_with_months(tmp_path: Path):
    """Months as ``05. Maio``, names in Portuguese, every field quoted, decimal commas, a byte order mark."""
    path = tmp_path / "V_EXPORTACAO.csv"
    path.write_text(
        '"Fluxo";"Ano";"Mês";"Países";"Código NCM";"Descrição NCM";"Valor US$ FOB";"Quilograma Líquido"\n'
        '"Exportação";"2025";"05. Maio";"Países Baixos (Holanda)";"12019000";"Soja";"1";"1234567"\n'
        '"Exportação";"2025";"06";"Coreia do Sul";"12019000";"Soja";"1";"1000,5"\n',
        encoding="utf-8-sig",
    )
    got = import_exports(path, today=DAY)
    assert got.exports[["destination", "volume_t"]].to_numpy().tolist() == [["NLD", 1234.567], ["KOR", 1.0005]]
    assert got.exports["month"].astype(str).tolist() == ["2025-05", "2025-06"]


@pytest.mark.parametrize(
    "header",
    ['"Ano";"Países";"Código SH2";"Valor US$ FOB";"Quilograma Líquido"', '"Ano";"Países";"2024 - Quilograma Líquido"'],
)
def test_years_are_refused(tmp_path: Path, header: str):
    """No column of months: where the monthly detail is to be ticked."""
    path = tmp_path / "web.csv"
    path.write_text(header + "\n" + ";".join(['"2024"', '"China"', *['"1"'] * (header.count(";") - 1)]) + "\n")
    with pytest.raises(TableError, match=r"by year \(no column Mês\). Tick the monthly detail"):
        import_exports(path, today=DAY)


def test_a_row_without_a_product_is_not_used(tmp_path: Path):
    """A figure of no product would be a series without a name: the reason says how to name it, and a name takes it."""
    path = tmp_path / "EXP_2025.csv"
    path.write_text("CO_ANO,CO_MES,CO_PAIS,KG_LIQUIDO,CO_NCM\n2025,05,160,1000,\n2025,05,160,2000,12019000\n")
    got = import_exports(path, today=DAY)
    assert got.exports["product"].tolist() == ["12019000"]
    assert got.unused["reason"].tolist() == ["no product: name it with --product"]
    path.write_text("CO_ANO,CO_MES,CO_PAIS,KG_LIQUIDO,CO_NCM\n2025,05,160,1000,\n")
    assert import_exports(path, product="beans", today=DAY).exports["product"].tolist() == ["beans"]
