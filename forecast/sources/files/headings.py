"""Headings of the columns of plain tables, in the languages of trade statistics."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from forecast.sources.meaning.direction import says_imports
from forecast.vocabulary.text import apart, folded

ROLES = {
    "product": "product products commodity item good goods hs hs_code hscode commodity_code product_code cmdcode "
    "produto series_product 商品 商品编码 产品 품목코드 hs코드 품목명 품목 tariff tariff_code hts "
    "hts_number hs2 hs4 hs6 hs8 hs10 cn8 nc8 ncm taric tnved gtip commodity_number codigo_arancelario "
    "arancel partida_arancelaria fraccion fraccion_arancelaria posicion_arancelaria varenummer "
    "warennummer waren 貨品號列 货品号列 品目 商品代码 тн_вэд код_тн_вэд",
    "destination": "destination destinations country countries partner country_name partner_name partner_country "
    "importer importing_country destination_country to market iso3 iso_code country_code pais paises "
    "land pays 国家 国别 目的地 目的国 贸易伙伴 贸易伙伴名称 国家_地区 region country_of_destination "
    "destination_name destination_code partner_countries partner_code partner_iso partner_desc "
    "importer_name bestimmungsland zielland partnerland pais_de_destino pais_destino destino "
    "pays_de_destination pays_partenaire 最终目的国 最終目的国 国 国名 국가 국가명 страна "
    "страна_назначения ulke kraj paese landen negara negara_tujuan kraj_przeznaczenia handelspartner "
    "handelspartner_land pays_destinataire pais_destino_final 國家 國家_地區 目的國 ประเทศ strana "
    "varis_ulkesi gidecegi_ulke bestemmingsland land_van_bestemming země zeme ország orszag tara țara "
    "maa χώρα nuoc nước",
    "reporter": "reporter reporters reporter_name reporter_code reporter_iso reporter_country reporter_desc "
    "reporter_countries reporting_country reporting_economy declarant exporter exporters exporter_name "
    "exporter_code exporter_iso exporting_country origin country_of_origin origin_country from "
    "source_country meldeland berichtsland ursprungsland herkunftsland pays_declarant declarante "
    "pais_declarante pais_de_origem pais_de_origen pays_d_origine origem origen origine 报告国 出口国 "
    "原产地 原产国 输出国 страна_отчетности страна_экспортер страна_происхождения",
    "indicator": "indicator indicators measure measures variable variables element statistic statistics metric "
    "series_name data_type kennzahl merkmal messgroesse messgrosse indicateur mesure indicador "
    "indicadores medida variavel 指标 指標 项目 показатель",
    "month": "month period date time time_period year_month yearmonth ym ds timestamp timepoints timepoint mes "
    "data datum mois monat perioden periode periodo mese miesiac okres ay maand bulan fecha anno_mese "
    "annee_mois ano_mes kuukausi manad måned maned mesic měsíc honap 日期 เดือน тиждень місяць 月份 年月 "
    "月 时间 yyyymm 기간 년월 연월 период",
    "year": "year ano anno jahr annee 年 年份 tahun yil rok jaar ar år vuosi ev ปี год calendar_year",
    "volume": "volume_t volume net_weight netweight netwgt net_wgt weight weight_kg quantity qty tonnes tons kg y "
    "value values exports export amount quantidade peso menge poids 数量 重量 出口量 수출중량 수출_중량 "
    "수출량 수출물량 중량 volume_kg net_weight_kg quantity_kg quantity_t exports_t",
    "unit": "unit units uom unidade unit_of_measure unit_measure quantity_unit qty_unit 单位 计量单位 單位 "
    "unidad unidad_medida unidad_de_medida unite unite_de_mesure masseinheit mengeneinheit jednostka "
    "statistical_unit quantity_description satuan unidade_estatistica unidade_de_medida unidade_medida "
    "единица_измерения 단위 単位 計量単位",
    "scale": "scalar_factor unit_mult unit_multiplier unit_mult_unit_multiplier powercode power_code "
    "powercode_code multiplier scale scale_factor scaling obs_unit_mult scalar_id",
    "flow": "flow trade_flow flow_desc flowdesc trade_flow_name direction fluxo flujo flux flow_type "
    "flow_type_id imports_exports exports_imports import_export exp_or_imp napr направление "
    "tipo_de_operacion flusso kierunek richting 進出口別 进出口",
    "released": "released release release_date",
    "status": "status",
}
"""Headings of each column, folded, with ``_`` for the blanks."""

ALIASES = {role: tuple(folded(word) for word in words.split()) for role, words in ROLES.items()}
"""The same as they are compared."""

_LABELS = {"code", "codes", "cod", "codigo", "kodu", "kod", "kode", "name", "names", "nom", "nome", "nombre", "naam",
           "nazwa", "adi", "ad", "libelle", "label", "labels", "desc", "description", "descripcion", "descricao",
           "bezeichnung", "auspragung", "iso", "iso2", "iso3", "alpha", "of", "de", "del", "da", "do", "du", "d", "la",
           "le", "el"}  # fmt: skip
"""Words of headings, folded, that say how something is named and not what it is."""

_LOOSE = ("product", "destination", "month", "year", "unit", "flow")
_NUMBERED = re.compile(r"(?:first |1 )?(?P<bare>.*?) ?1?")


def headings_of_role(headings: Sequence[str], role: str) -> list[str]:
    """Headings that name a role beside words such as code or name, in two languages, or with the number one.

    Examples
    --------
    >>> headings_of_role(["Code pays", "Libellé pays", "Country/Pays", "Year/Month"], "destination")
    ['Code pays', 'Libellé pays', 'Country/Pays']
    >>> headings_of_role(["UNIT1", "UNIT2"], "unit"), headings_of_role(["imports/exports"], "volume")
    (['UNIT1'], [])
    """
    if role not in _LOOSE:
        return []
    return [heading for heading in headings if any(form in ALIASES[role] for form in _forms(heading))]


def _forms(heading: str) -> Iterator[str]:
    """What a heading may be short for."""
    first, mark, second = (part.strip() for part in heading.partition("/"))
    words = folded(apart(heading)).split()
    if mark and not says_imports(heading):
        if not _has_other_role(folded(apart(first)), folded(apart(second))):
            yield folded(apart(first))
    else:
        yield " ".join(word for word in words if word not in _LABELS)
        found = _NUMBERED.fullmatch(" ".join(words))
        yield found["bare"] if found else ""


def _has_other_role(first: str, second: str) -> bool:
    """Whether two parts of a heading are names of different roles, as in ``Year/Month``."""
    roles = [{role for role, names in ALIASES.items() if word in names} for word in (first, second)]
    return bool(roles[1]) and not roles[0] & roles[1]
