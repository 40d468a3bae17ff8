"""From a query to the exports table: what is asked, answers kept as files, cut answers divided, nothing read twice."""

from __future__ import annotations

import json
import os
import time
from datetime import date
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import loopback
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from loopback import QUICK, at, query, record, records, reply, serving

from forecast.safety.atomic import PREFIX
from forecast.sources.importing import import_exports
from forecast.sources.services.answers import FRESH_HOURS, KEPT_DAYS, answers_folder
from forecast.sources.services.client import Client
from forecast.sources.services.fetch import SERVICES, Fetched, fetch_exports
from forecast.sources.services.service import Query, Service, ServiceError

COMTRADE, CENSUS, EUROSTAT = SERVICES["comtrade"], SERVICES["census"], SERVICES["eurostat"]
DAY = date(2026, 1, 1)
HEADER = "DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE,OBS_FLAG\r\n"


def fetch(
    folder: Path, server: loopback.Server, wanted: Query, service: Service = COMTRADE, refresh: bool = False
) -> Fetched:
    return fetch_exports(
        Client(at(service, server), QUICK, id), wanted, refresh=refresh, folder=folder, today=DAY
    )  # fmt: skip


def volumes(fetched: Fetched) -> dict[tuple[str, str], float]:
    rows = fetched.imported.exports
    return {(row.destination, str(row.month)): row.volume_t for row in rows.itertuples()}


# Questions -----------------------------------------------------------------------------------------------------------


def test_a_question_to_comtrade():
    """Codes of the authority (842 is the USA, 251 France), totals of the breakdowns, months as YYYYMM."""
    wanted = query("2024-12", "2025-01", reporters=("USA", "FRA"), partners=("TWN",), imports=True)
    path, parameters = COMTRADE.question(wanted, True)
    assert path == "/data/v1/get/C/M/HS"
    assert dict(parameters) == {
        "reporterCode": "842,251", "period": "202412,202501", "cmdCode": "850511", "flowCode": "M", "partner2Code": "0",
        "customsCode": "C00", "motCode": "0", "partnerCode": "490", "includeDesc": "true",
    }  # fmt: skip
    path, parameters = COMTRADE.question(query(), False)
    assert path == "/public/v1/preview/C/M/HS"
    assert {"includeDesc", "partnerCode"}.isdisjoint(dict(parameters))
    assert dict(parameters)["flowCode"] == "X"


def test_a_question_to_the_census():
    """Variables, level, codes of Schedule C, and a span of months; one name a code."""
    wanted = query("2024-01", "2024-03", reporters=("USA",), codes=("8505110050", "8505110070"), imports=True)
    path, parameters = CENSUS.question(Query(**{**vars(wanted), "partners": ("CHN",)}), True)
    assert path == "/data/timeseries/intltrade/imports/hs"
    assert [value for name, value in parameters if name == "I_COMMODITY"] == ["8505110050", "8505110070"]
    assert ("CTY_CODE", "5700") in parameters
    assert ("time", "from 2024-01 to 2024-03") in parameters
    assert ("COMM_LVL", "HS10") in parameters


def test_a_question_to_eurostat():
    """The dimensions in their order, several values joined by a plus, an empty one for all partners."""
    path, parameters = EUROSTAT.question(query(reporters=("DEU", "EU27"), codes=("85051110",)), False)
    assert path.endswith("/DS-045409/M.DE+EU27_2020..85051110.2.QUANTITY_IN_100KG")
    assert parameters == (("startPeriod", "2024-01"), ("endPeriod", "2024-01"), ("format", "SDMX-CSV"))


@pytest.mark.parametrize(
    ("service", "wanted", "said"),
    [
        (COMTRADE, query(codes=("85051110",)), "UN Comtrade: expected a code of 2, 4 or 6 digits, found '85051110'."),
        (COMTRADE, query(reporters=("XKX",)), "UN Comtrade: expected a country that it has a code for, found XKX."),
        (CENSUS, query(), "US Census: expected the reporter USA, found CHN."),
        (CENSUS, query(reporters=("USA",)),
         "US Census (weights are stated by ten-digit code): expected a code of 10 digits, found '850511'."),
        (EUROSTAT, query(codes=("85",), partners=("WLD",)),
         "Eurostat: expected a country that it has a code for, found WLD."),
    ],
)  # fmt: skip
def test_what_a_service_does_not_have_is_said_before_it_is_asked(service: Service, wanted: Query, said: str):
    """Digits and countries."""
    with pytest.raises(ServiceError) as error:
        service.question(wanted, True)
    assert str(error.value) == said


def test_months_per_question():
    """One without a key and twelve with one at Comtrade, twelve at the Census, sixty and one code at Eurostat."""
    long = query("2018-01", "2025-12", codes=("850511", "850519"))
    assert [len(COMTRADE.pieces(long, keyed)) for keyed in (False, True)] == [96, 8]
    assert len(CENSUS.pieces(long, True)) == 8
    assert [len(piece.codes) for piece in EUROSTAT.pieces(long, False)] == [1] * 4


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 3))
def test_halves_are_the_whole(months: int, codes: int, reporters: int):
    """Divided as far as it goes, every month, code and reporter is asked for exactly once."""
    first = pd.Period("2023-07")
    whole = Query(tuple("ABC"[:reporters]), tuple("12345"[:codes]), first, first + months - 1)
    waiting, single = [whole], []
    while waiting:
        piece = waiting.pop()
        halves = piece.halves()
        waiting += halves
        single += [] if halves else [(piece.reporters, piece.codes, piece.first, piece.last)]
    want = [((r,), (c,), m, m) for r in whole.reporters for c in whole.codes for m in whole.months]
    assert sorted(single) == sorted(want)


# Answers -------------------------------------------------------------------------------------------------------------


def test_comtrade_ends_in_the_exports_table(tmp_path: Path):
    """Three months without a key are three questions; figures are in tonnes, and those of the files read by import."""
    with serving(*(records(record(f"20240{m}"), record(f"20240{m}", 0, 9e5)) for m in (1, 2, 3))) as server:
        got = fetch(tmp_path, server, query("2024-01", "2024-03"))
    assert [server.parameters(n)["period"] for n in range(3)] == [["202401"], ["202402"], ["202403"]]
    assert volumes(got)["USA", "2024-02"] == 46.0
    assert volumes(got)["WLD", "2024-03"] == 900.0
    again = import_exports(list(got.files), today=DAY).exports
    pd.testing.assert_frame_equal(again, got.imported.exports)


def test_census_ends_in_the_exports_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Imports of the USA from China are exports of China to the USA; a year without figures is answered by nothing."""
    monkeypatch.setenv("CENSUS_API_KEY", "abc")
    header = ["CTY_CODE", "CTY_NAME", "I_COMMODITY", "GEN_VAL_MO", "GEN_QY1_MO", "GEN_QY1_MO_FLAG", "UNIT_QY1", "time"]
    table = [header, ["5700", "CHINA", "8505110070", "9", "46000", "", "KG", "2025-01"]]
    wanted = query("2024-01", "2025-01", reporters=("USA",), codes=("8505110070",), imports=True, partners=("CHN",))
    with serving(reply(204), reply(200, json.dumps(table))) as server:
        got = fetch(tmp_path, server, wanted, CENSUS)
    assert volumes(got) == {("USA", "2025-01"): 46.0}
    assert server.parameters(1)["time"] == ["from 2025-01 to 2025-01"]
    assert server.parameters(1)["key"] == ["abc"]
    assert len(got.files) == 1


def test_eurostat_ends_in_the_exports_table_with_its_vintage(tmp_path: Path):
    """100 kg become tonnes, and LAST UPDATE is the day of release; a code without figures is answered by 404."""
    row = "ESTAT:DS-045409(1.0),16/07/25 11:00:00,M,DE,US,85051110,2,QUANTITY_IN_100KG,2025-04,123.45,\r\n"
    wanted = query("2025-04", "2025-04", reporters=("DEU",), codes=("85051110", "85051190"))
    with serving(reply(200, HEADER + row), reply(404, "<S:Fault>No results found</S:Fault>")) as server:
        got = fetch(tmp_path, server, wanted, EUROSTAT)
    exports = got.imported.exports
    assert exports[["destination", "volume_t", "released"]].to_numpy().tolist() == [["USA", 12.345, date(2025, 7, 16)]]


def test_a_cut_answer_is_asked_for_in_halves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A preview of 500 rows is cut: with two codes each is asked for alone, and the cut answer is used nowhere."""
    full = records(*(record(partner=842, weight=1e3 * n, cmdCode="850519") for n in range(1, 501)))
    with serving(full, records(record()), records(record(cmdCode="850519", weight=2_000.0))) as server:
        got = fetch(tmp_path, server, query(codes=("850511", "850519")))
    assert [server.parameters(n)["cmdCode"][0] for n in range(3)] == ["850511,850519", "850511", "850519"]
    assert got.imported.exports["volume_t"].tolist() == [46.0, 2.0]


def test_an_answer_that_is_cut_to_the_last_is_refused_with_the_way_out(tmp_path: Path):
    """One month of one code cannot be divided."""
    full = records(*(record(partner=partner) for partner in range(500)))
    with serving(full) as server, pytest.raises(ServiceError) as error:
        fetch(tmp_path, server, query())
    assert str(error.value) == (
        "UN Comtrade: the answer for 850511, exports of CHN, 2024-01 is cut at 500 rows, so that figures are missing. "
        "Set COMTRADE_API_KEY (a key is free), name partners, or download a file."
    )


def test_a_question_too_large_is_asked_in_halves(tmp_path: Path):
    """413 divides the months."""
    row = "ESTAT:DS-045409(1.0),16/07/25 11:00:00,M,DE,US,85051110,2,QUANTITY_IN_100KG,2025-0{},100,\r\n"
    answers = [reply(413, "asynchronous"), *(reply(200, HEADER + row.format(month)) for month in (3, 4))]
    with serving(*answers) as server:
        got = fetch(tmp_path, server, query("2025-03", "2025-04", reporters=("DEU",), codes=("85051110",)), EUROSTAT)
    assert volumes(got) == {("USA", "2025-03"): 10.0, ("USA", "2025-04"): 10.0}
    assert [server.parameters(n)["endPeriod"][0] for n in range(3)] == ["2025-04", "2025-03", "2025-04"]


@pytest.mark.parametrize("empty", [records(), reply(204)])
def test_no_figures_at_all_is_a_sentence(tmp_path: Path, empty: bytes):
    """What was asked for stands in it."""
    with serving(empty) as server, pytest.raises(ServiceError) as error:
        fetch(tmp_path, server, query("2024-01", "2024-02"))
    what = "850511, exports of CHN, 2024-01 to 2024-02"
    assert str(error.value) == f"UN Comtrade: has no figures of {what}. Ask for other months or codes."


BAD = [
    b"",
    b"null",
    b"[]",
    b"[[]]",
    b'{"data": null}',
    b'{"data": [1]}',
    b'{"data": [{}]}',
    b'{"data": [{"period": "2024',
    b'{"count": 1}',
    b"\xff\xfe\x00",
    b"[" * 100_000,
    b'[["CTY_CODE"], []]',
    HEADER.encode() + b"half,a,row",
    b"a,b\r\n1,2",
    HEADER.encode() + b'"' + b"x" * 200_000,
]


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_garbage_is_a_sentence_and_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: Service, body: bytes
):
    """Whatever stands in place of figures, status 200 or not, is refused and leaves no file."""
    monkeypatch.setenv("CENSUS_API_KEY", "abc")
    codes = {"comtrade": "850511", "census": "8505110070", "eurostat": "85051110"}
    wanted = query(reporters=("USA" if service is CENSUS else "DEU",), codes=(codes[service.name],))
    with serving(reply(200, body)) as server, pytest.raises(ServiceError, match=f"^{service.title}: "):
        fetch(tmp_path, server, wanted, service)
    assert [path for path in tmp_path.iterdir() if path.read_bytes()] == []


@given(st.binary(max_size=200))
def test_any_bytes_are_counted_or_refused(content: bytes):
    """Rows of an answer: a number or a `ServiceError`, whatever the bytes."""
    for service in SERVICES.values():
        try:
            rows = service.rows(content)
        except ServiceError:
            continue
        assert rows >= 0


def test_an_error_in_a_good_answer_is_said(tmp_path: Path):
    """UN Comtrade can answer 200 with an error in it."""
    said = reply(200, '{"data": [], "error": "period is invalid"}')
    with serving(said) as server, pytest.raises(ServiceError) as error:
        fetch(tmp_path, server, query())
    assert str(error.value) == "UN Comtrade: expected figures, found the answer 'period is invalid'."


# The cache -----------------------------------------------------------------------------------------------------------


def test_an_answer_is_asked_for_once_a_day(tmp_path: Path):
    """A second fetch asks nothing; `refresh` and an answer older than a day ask again."""
    with serving(records(record()), records(record(weight=47_000.0))) as server:
        first = fetch(tmp_path, server, query())
        second = fetch(tmp_path, server, query())
        assert (first.asked, second.asked, len(server.asked)) == (1, 0, 1)
        assert volumes(second) == volumes(first) == {("USA", "2024-01"): 46.0}
        assert volumes(fetch(tmp_path, server, query(), refresh=True)) == {("USA", "2024-01"): 47.0}
        old = time.time() - FRESH_HOURS * 3600 - 1
        os.utime(second.files[0], (old, old))
        assert fetch(tmp_path, server, query()).asked == 1


def test_one_question_is_not_another(tmp_path: Path):
    """Another code, month, flow or service has a file of its own."""
    with serving(records(record())) as server:
        files = [
            fetch(tmp_path, server, wanted).files[0]
            for wanted in (query(), query(codes=("850519",)), query("2023-01", "2023-01"), query(partners=("USA",)))
        ]
    assert len(set(files)) == 4


def test_no_key_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Neither the name of an answer nor its content has the key, and another key finds the same file."""
    monkeypatch.setenv("COMTRADE_API_KEY", "s3cret")
    with serving(records(record())) as server:
        got = fetch(tmp_path, server, query())
        monkeypatch.setenv("COMTRADE_API_KEY", "another")
        assert fetch(tmp_path, server, query()).asked == 0
    assert "Ocp-Apim-Subscription-Key: s3cret" in server.heads[0]
    assert "s3cret" not in server.asked[0]
    for path in tmp_path.iterdir():
        assert "s3cret" not in path.name
        assert b"s3cret" not in path.read_bytes()
    assert not got.imported.exports.astype(str).apply(lambda column: column.str.contains("s3cret")).to_numpy().any()


def test_old_answers_are_removed_and_nothing_else(tmp_path: Path):
    """What was kept for thirty days goes when something is written; files of the user's stay, however old."""
    names = {"answer": "comtrade-2020-01-2020-01-0123456789abcdef.json", "own": "thesis.docx", "more": "comtrade.json"}
    names["stray"] = f"{PREFIX}0123456789ab-0123456789abcdef.new"
    long_ago = time.time() - KEPT_DAYS * 86_400 - 1
    for name in names.values():
        (tmp_path / name).write_text("{}")
        os.utime(tmp_path / name, (long_ago, long_ago))
    with serving(records(record())) as server:
        fetch(tmp_path, server, query())
    assert {word for word, name in names.items() if (tmp_path / name).exists()} == {"own", "more"}


@pytest.mark.parametrize("damage", ["folder", "pipe", "huge"])
def test_a_cache_that_cannot_be_read_is_asked_past(tmp_path: Path, damage: str):
    """A pipe, or a file beyond the limit, at the place of an answer is not waited for; a folder is a sentence."""
    with serving(records(record())) as server:
        place = fetch(tmp_path, server, query()).files[0]
        place.unlink()
        {"folder": place.mkdir, "pipe": lambda: os.mkfifo(place), "huge": lambda: place.write_bytes(b"x" * 300_000)}[
            damage
        ]()
        if damage == "huge":
            assert fetch(tmp_path, server, query()).asked == 1
        else:
            with pytest.raises(OSError, match="is there and is no file"):
                fetch(tmp_path, server, query())


def test_the_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """XDG_CACHE_HOME moves it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert answers_folder() == tmp_path / "export-forecast" / "services"


def test_an_address_is_escaped(tmp_path: Path):
    """What is sent parses back to the same parameters."""
    wanted = query(reporters=("DEU",), codes=("85051110",))
    with serving(reply(404)) as server, pytest.raises(ServiceError):
        fetch(tmp_path, server, wanted, EUROSTAT)
    parts = urlsplit(server.asked[0])
    assert parts.path == EUROSTAT.question(wanted, False)[0]
    assert parse_qs(parts.query)["format"] == ["SDMX-CSV"]
