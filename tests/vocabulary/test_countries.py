"""Destinations by codes and names: against lists that were made by others, and never by a guess."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pytest

from forecast.vocabulary.countries import GROUP, NOT_LISTED, OWN_NUMBERS, code_of, memberships, places
from forecast.vocabulary.shipped import shipped_rows

COUNTRIES = {row["code"]: row for row in shipped_rows("destinations.csv") if row["kind"] == "country"}
AUTHORITIES = ("", "brazil", "china", "european_union", "united_nations", "united_states")


def cldr_codes() -> Iterator[tuple[str, str]]:
    """Alpha-3 and numeric codes of Unicode CLDR, each with its alpha-2 code of one present country."""
    babel = pytest.importorskip("babel")
    for code, alpha2 in babel.core.get_global("territory_aliases").items():
        if len(code) == 3 and len(alpha2) == 1 and code.isascii():
            yield code, alpha2[0]


# Codes against other lists -------------------------------------------------------------------------------------------


def test_iso_codes_are_those_of_cldr():
    """Alpha-3 and numeric codes of every country lead CLDR to its alpha-2 code."""
    theirs = dict(cldr_codes())
    for code, row in COUNTRIES.items():
        assert theirs.get(code, row["iso2"]) == row["iso2"], code
        if row["numeric"]:
            assert theirs[row["numeric"]] == row["iso2"], code
    assert sum(code in theirs for code in COUNTRIES) > 240


def test_names_are_those_of_cldr():
    """Names of every country in nine languages find it."""
    babel = pytest.importorskip("babel")
    known, misses = places(), []
    for language in ("en", "zh", "pt", "es", "fr", "de", "ja", "ko", "ru"):
        names = babel.Locale.parse(language).territories
        misses += [(language, code) for code, row in COUNTRIES.items() if known.find(names[row["iso2"]])[0] != code]
    assert misses == []


def test_names_are_those_of_cldr_in_further_languages():
    """Names of every country in 30 more languages find it, or nothing where a name is one of two countries."""
    babel = pytest.importorskip("babel")
    languages = ("ar", "bg", "ca", "cs", "da", "el", "es_MX", "et", "fa", "fi", "he", "hr", "hu", "id", "it", "lt",
                 "lv", "ms", "nb", "nl", "pl", "ro", "sk", "sl", "sr", "sv", "th", "tr", "uk", "vi")  # fmt: skip
    known, found = places(), 0
    for language in languages:
        names = babel.Locale.parse(language).territories
        for code, row in COUNTRIES.items():
            said = known.find(names[row["iso2"]])
            assert said in ((code, ""), ("", NOT_LISTED)), (language, code, said)
            found += said[0] == code
    assert found > 0.99 * len(languages) * len(COUNTRIES)


@pytest.mark.parametrize(
    ("name", "code"),
    [("Niemcy", "DEU"), ("Stati Uniti d'America", "USA"), ("Verenigd Koninkrijk", "GBR"), ("BİRLEŞİK KRALLIK", "GBR"),
     ("birleşik krallık", "GBR"), ("AMERIKA SERIKAT", "USA"), ("Mỹ", "USA"), ("MY", "MYS"), ("my", "MYS"),
     ("Áo", "AUT"), ("AO", "AGO"), ("Ý", "ITA"), ("NGA", "NGA"), ("Ogółem", "WLD"), ("เยอรมนี", "DEU")],
)  # fmt: skip
def test_names_of_further_languages(name: str, code: str):
    """Letters with accents are no code of ISO, and short names go by their accents."""
    assert places().find(name) == (code, "")


def test_a_name_that_reads_as_the_code_of_another_country_is_asked_for():
    """Nga is Russia in Vietnamese, and NGA is Nigeria."""
    assert places().find("Nga") == ("", NOT_LISTED)


@pytest.mark.parametrize(
    ("name", "code"),
    [("004 Alemania", "DEU"), ("[276] Germany", "DEU"), ("US: United States", "USA"), ("JP - Japan", "JPN"),
     ("Germany (DE)", "DEU"), ("Japan [JPN]", "JPN"), ("Germany (FR)", ""), ("GE - Germany", ""),
     ("004", "AFG"), ("8505 Germany", "DEU")],
)  # fmt: skip
def test_a_code_beside_a_name(name: str, code: str):
    """Numbers beside a name are of any authority; letters that are the code of another country speak against it."""
    assert places().find(name) == (code, "" if code else NOT_LISTED)


@pytest.mark.parametrize(
    ("code", "destination"),
    [("1220", "CAN"), ("4039", "NOR"), ("4190", "IRL"), ("4803", "XKX"), ("4840", "GRC"), ("5520", "VNM"),
     ("5570", "MYS"), ("5590", "SGP"), ("5800", "KOR"), ("5880", "JPN"), ("7321", "SDN"), ("7910", "ZAF"),
     ("9030", "PRI")],
)  # fmt: skip
def test_codes_of_schedule_c(code: str, destination: str):
    """As the Census Bureau lists them (census.gov/foreign-trade/schedules/c/country.txt), read by hand."""
    assert places("united_states").find(code) == (destination, "")


def test_schedule_c_is_whole():
    """239 countries, each once: a country and its code lead to each other."""
    rows = [row for row in shipped_rows("partner_codes.csv") if row["authority"] == "united_states"]
    assert len({row["code"] for row in rows}) == len({row["destination"] for row in rows}) == len(rows) == 239
    assert all(code_of("united_states", row["destination"]) == row["code"] for row in rows)


@pytest.mark.parametrize(
    ("code", "destination"),
    [("842", "USA"), ("840", "USA"), ("251", "FRA"), ("699", "IND"), ("579", "NOR"), ("757", "CHE"), ("381", "ITA"),
     ("380", "ITA"), ("490", "TWN"), ("97", "EU"), ("0", "WLD"), ("276", "DEU"), ("208", "DNK"), ("76", "BRA")],
)  # fmt: skip
def test_codes_of_comtrade(code: str, destination: str):
    """What differs from M49, and M49 beside it."""
    assert places("united_nations").find(code) == (destination, "")


@pytest.mark.parametrize(
    ("authority", "word"),
    [("united_nations", "899"), ("united_nations", "837"), ("united_nations", "568"), ("united_nations", "975"),
     ("european_union", "QP"), ("european_union", "QS"), ("european_union", "QZ"), ("european_union", "EXT_EU27_2020"),
     ("", "Areas, nes"), ("", "ROW"), ("", "ASEAN")],
)  # fmt: skip
def test_what_is_no_single_destination(authority: str, word: str):
    """Areas not elsewhere stated, bunkers, stores, confidential partners, groups."""
    assert places(authority).find(word) == ("", GROUP)


@pytest.mark.parametrize(
    ("code", "destination"),
    [("XK", "XKX"), ("XS", "SRB"), ("RS", "SRB"), ("EL", "GRC"), ("GR", "GRC"), ("UK", "GBR"), ("GB", "GBR"),
     ("EU27_2020", "EU27"), ("DE", "DEU")],
)  # fmt: skip
def test_codes_of_eurostat(code: str, destination: str):
    """GEONOM where it differs from alpha-2, and both ways to write Greece and the United Kingdom."""
    assert places("european_union").find(code) == (destination, "")


# Never a guess -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", sorted(OWN_NUMBERS))
def test_a_number_of_an_office_is_no_number_of_iso(authority: str):
    """A code that the list of the office does not have is unknown, whatever country ISO gives that number."""
    listed = {row["code"] for row in shipped_rows("partner_codes.csv") if row["authority"] == authority}
    listed |= {code.lstrip("0") for code in listed}
    numbers = [row["numeric"] for row in COUNTRIES.values() if row["numeric"]]
    unlisted = [number for number in numbers if number.lstrip("0") not in listed]
    assert len(unlisted) > 100
    assert {places(authority).find(number) for number in unlisted} == {("", NOT_LISTED)}


@pytest.mark.parametrize("authority", AUTHORITIES)
@pytest.mark.parametrize(
    "word", ["Guinea Bissau Republic", "Niger ia", "US A", "Kore", "Unit", "U", "ZZ", "999", "XU", "XI", "nan", "None"]
)
def test_parts_of_names_find_nothing(authority: str, word: str):
    """Whole names only."""
    assert places(authority).find(word) == ("", NOT_LISTED)


def test_no_name_means_two_destinations():
    """Each name, folded, stands in one row, and no code of one country is a name of another."""
    known = places()
    for row in shipped_rows("country_names.csv"):
        for name in row["names"].split(";"):
            assert known.find(name) == ((row["code"], "") if row["code"] else ("", GROUP)), name
    for row in shipped_rows("country_names_further.csv"):
        for name in row["names"].split(";"):
            assert known.find(name) == ((row["code"], "") if name != "Nga" else ("", NOT_LISTED)), name


@pytest.mark.parametrize(
    ("name", "code"),
    [("Burma", "MMR"), ("Zaire", "COD"), ("Swaziland", "SWZ"), ("Macedonia", "MKD"), ("Czech Republic", "CZE"),
     ("Turkey", "TUR"), ("Cape Verde", "CPV"), ("Ivory Coast", "CIV")],
)  # fmt: skip
def test_former_names(name: str, code: str):
    """A country that took another name is itself."""
    assert places().find(name) == (code, "")


@pytest.mark.parametrize(
    ("name", "code"),
    [("Monde", "WLD"), ("Insgesamt", "WLD"), ("Total mundo", "WLD"), ("Republik Korea", "KOR"), ("KOREA RP", "KOR"),
     ("CHINA P RP", "CHN"), ("NETHERLAND", "NLD"), ("米国", "USA"), ("臺灣", "TWN"), ("Weißrussland", "BLR"),
     ("Méjico", "MEX"), ("Birmanie", "MMR"), ("Congo (Rép. dém.)", "COD"), ("UE27", "EU27"), ("842", "USA"),
     ("251", "FRA"), ("490", "TWN"), ("208", "DNK")],
)  # fmt: skip
def test_names_and_numbers_in_tables_of_ones_own(name: str, code: str):
    """Short forms and order of offices, and the numbers of the United Nations where ISO has none."""
    assert places().find(name) == (code, "")


def test_the_union_is_that_of_the_month():
    """28 members from Croatia's accession to Brexit, 27 after; before, a membership that is not on file."""
    months = pd.Series([pd.Period(text) for text in ("2013-06", "2013-07", "2020-01", "2020-02")], dtype=object)
    assert memberships(pd.Series(["EU"] * 4), months).tolist() == ["", "EU28", "EU28", "EU27"]
