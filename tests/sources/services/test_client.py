"""One question over the wire: patience, limits, redirections, and keys that nobody sees."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import loopback
import pytest
from loopback import QUICK, reply, serving

from forecast.sources.services.client import Answer, Client, Limits
from forecast.sources.services.fetch import SERVICES
from forecast.sources.services.service import Service, ServiceError

COMTRADE, CENSUS, EUROSTAT = SERVICES["comtrade"], SERVICES["census"], SERVICES["eurostat"]
KEY = "s3cret+/=key"
QUESTION = ("/data", (("period", "202401"),))


def asked(server: loopback.Server, service: Service = COMTRADE, limits: Limits = QUICK) -> tuple[Answer, list[float]]:
    """The answer to a question, and the pauses before it."""
    pauses: list[float] = []
    return Client(loopback.at(service, server), limits, pauses.append).ask(*QUESTION), pauses


def refusal(
    server: loopback.Server, service: Service = COMTRADE, limits: Limits = QUICK, sleep: Callable[[float], None] = id
) -> str:
    """The sentence of a question that fails."""
    with pytest.raises(ServiceError) as error:
        Client(loopback.at(service, server), limits, sleep).ask(*QUESTION)
    return str(error.value)


# Patience ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_passes_is_asked_again(status: int):
    """Two failures that pass, then figures: three questions, pauses that double, each drawn from its upper half."""
    with serving(reply(status), reply(status), loopback.records()) as server:
        answer, pauses = asked(server)
    assert answer.status == 200
    assert len(server.asked) == 3
    assert 0.5 <= pauses[0] < 1.0 <= pauses[1] < 2.0


def test_the_service_says_how_long_to_wait():
    """Retry-After is obeyed, as seconds and as a day and hour."""
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    with serving(reply(429, Retry_After="7"), reply(503, Retry_After=until), loopback.records()) as server:
        _, pauses = asked(server)
    assert pauses[0] == 7
    assert 15 < pauses[1] <= 20


def test_a_wait_that_is_too_long_is_said():
    """Two hours are not waited: the sentence says so, after one question."""
    body = '{"statusCode": 429, "message": "Out of call volume quota."}'
    with serving(reply(429, body, Retry_After="7200")) as server:
        said = refusal(server)
    assert said == f"UN Comtrade: asks to wait for 7,200 seconds (429: {body}). Try again after that."
    assert len(server.asked) == 1


def test_patience_ends():
    """After three questions in vain a sentence has the last status, its words without tags, and the way out."""
    with serving(reply(503, "<html><style>p {}</style><h1>Service Unavailable</h1></html>")) as server:
        said = refusal(server)
    why = "(503: Service Unavailable)"
    assert said == f"UN Comtrade: was asked 3 times in vain {why}. Try again later, or download a file."
    assert len(server.asked) == 3


def test_questions_are_so_far_apart_as_the_service_allows():
    """The second question of a client waits for the rest of the interval."""
    pauses: list[float] = []
    with serving(loopback.records()) as server:
        client = Client(replace(loopback.at(COMTRADE, server), apart=30.0), QUICK, pauses.append)
        client.ask(*QUESTION)
        client.ask(*QUESTION)
    assert len(pauses) == 1
    assert 25 < pauses[0] <= 30


# Limits --------------------------------------------------------------------------------------------------------------


def slowly(connection: socket.socket) -> None:
    """A body that drips a byte every tenth of a second."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(40):
        connection.sendall(b" ")
        time.sleep(0.1)


def slow_head(connection: socket.socket) -> None:
    """A head that drips."""
    for letter in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 40:
        connection.sendall(bytes([letter]))
        time.sleep(0.1)


def silent(connection: socket.socket) -> None:
    """Nothing at all, for longer than is waited."""
    time.sleep(1.5)


def without_end(connection: socket.socket) -> None:
    """A body that never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(100_000):
        connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def cut(connection: socket.socket) -> None:
    """A body that is shorter than it says."""
    connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"data": [')


def cut_chunk(connection: socket.socket) -> None:
    """A body in chunks without the last one."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{'dat\r\n")


def garbage(connection: socket.socket) -> None:
    """No HTTP at all."""
    connection.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")


ONCE = replace(QUICK, tries=1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "why"),
    [(slowly, "no whole answer within 1 seconds"), (slow_head, "no whole answer within 1 seconds"),
     (silent, "no answer within 2 (connection) or 0.5 seconds (reading)")],
    ids=["body", "head", "silence"],
)  # fmt: skip
def test_time_is_limited(step: loopback.Reply, why: str):
    """Whatever drips, head or body, ends after the time for the whole; silence after that for a part."""
    with serving(step) as server:
        start = time.monotonic()
        assert f"({why})" in refusal(server, limits=ONCE)
        assert time.monotonic() - start < 3


@pytest.mark.parametrize("step", [cut, cut_chunk, garbage, lambda connection: None])
def test_what_is_cut_or_garbage_is_no_answer(step: loopback.Reply):
    """An answer that ends too soon, or is no HTTP, is asked for again, and then a sentence."""
    with serving(step) as server:
        assert refusal(server, limits=replace(QUICK, tries=2)).startswith("UN Comtrade: was asked 2 times in vain (")
    assert len(server.asked) == 2


def test_nobody_listens():
    """A port without a server is a sentence."""
    with serving(b"") as server:
        pass
    assert refusal(server, limits=ONCE).startswith("UN Comtrade: was asked 1 times in vain (")


@pytest.mark.parametrize("step", [without_end, reply(200, gzip.compress(b"0" * 10**7), Content_Encoding="gzip")])
def test_size_is_limited_as_unpacked(step: loopback.Reply):
    """A body without end and a small one that unpacks to ten million bytes both end at the limit, asked for once."""
    with serving(step) as server:
        said = refusal(server, limits=replace(QUICK, whole=20.0))
    way = "Ask for fewer months or codes."
    assert said == f"UN Comtrade: expected an answer of at most 200,000 bytes, found a longer one. {way}"
    assert len(server.asked) == 1


# Redirections --------------------------------------------------------------------------------------------------------


def test_a_redirection_within_the_host_is_followed():
    """To another path of the same host."""
    with serving(reply(302, Location="/elsewhere?period=1"), loopback.records()) as server:
        assert asked(server)[0].status == 200
    assert server.asked[1] == "/elsewhere?period=1"


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:9/x", "https://127.0.0.1/x", "//evil.example/x", "ftp://127.0.0.1/x"]
)
def test_a_redirection_elsewhere_is_not_followed(target: str):
    """Another port, scheme or host is named and not asked, with one question to the service."""
    with serving(reply(302, Location=target)) as server:
        said = refusal(server)
    assert "which is not followed" in said
    assert len(server.asked) == 1


def test_a_redirection_to_another_scheme_is_not_followed():
    """The same host and port by another scheme is named and not asked."""

    def moved(connection: socket.socket) -> None:
        connection.sendall(reply(302, Location=f"https://127.0.0.1:{connection.getsockname()[1]}/x"))

    with serving(moved) as server:
        said = refusal(server)
    assert f"found a redirection to https://127.0.0.1:{server.port}, which is not followed" in said
    assert len(server.asked) == 1


def test_redirections_end():
    """A circle is left after three."""
    with serving(reply(302, Location="/again")) as server:
        said = refusal(server)
    assert said == "UN Comtrade: expected an answer, found redirections without end. Try again later."
    assert len(server.asked) == 4


def test_services_are_asked_over_https_alone():
    """No service that ships has another scheme."""
    assert all(service.root.startswith("https://") for service in SERVICES.values())


# Refusals ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (401, '{"message": "Access denied due to missing subscription key."}',
         "UN Comtrade: the question was refused (401: {body}). It may want a key, and its quota."),
        (403, '{"message": "Out of call volume quota."}',
         "UN Comtrade: the question was refused (403: {body}). It may want a key, and its quota."),
        (404, '{"message": "Resource not found"}',
         "UN Comtrade: the question was refused (404: {body}). Check codes, countries and months."),
        (400, "error: unknown variable",
         "UN Comtrade: the question was refused (400: {body}). Check codes, countries and months."),
        (200, "<!DOCTYPE html><title>Maintenance</title>",
         "UN Comtrade: expected figures, found a page (Maintenance). Check the service."),
    ],
    ids=str,
)  # fmt: skip
def test_a_refusal_is_said_once(status: int, body: str, said: str):
    """What will not pass is not asked again: the words of the service and the way out stand in one sentence."""
    with serving(reply(status, body)) as server:
        assert refusal(server) == said.format(body=body)
    assert len(server.asked) == 1


def test_what_steers_a_terminal_is_not_repeated():
    """Words of a service are shown, not obeyed."""
    with serving(reply(400, "\x1b[2Jgone\x07")) as server:
        said = refusal(server)
    assert "\x1b" not in said
    assert "\x07" not in said


# Keys ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", [COMTRADE, CENSUS], ids=["header", "parameter"])
def test_a_key_is_sent_and_seen_by_nobody_else(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It arrives; no log at any level, message, traceback with all local variables, or repr has it."""
    monkeypatch.setenv(service.key_variable, KEY)
    escaped = "s3cret%2B%2F%3Dkey"
    echo = reply(302, Location=f"/again?key={escaped}")
    with serving(echo, reply(403, f"bad key {KEY} or {escaped}")) as server, caplog.at_level(logging.DEBUG):
        client = Client(loopback.at(service, server), QUICK, id)
        with pytest.raises(ServiceError) as error:
            client.ask(*QUESTION)
    sent = server.heads[0] if service.key_header else server.parameters(0)["key"][0]
    assert KEY in sent
    assert "[key]" in str(error.value)
    ours = error.value.with_traceback(error.tb.tb_next)  # without the frame of this test, which knows the key
    seen = traceback.TracebackException.from_exception(ours, capture_locals=True)
    logged = [record.getMessage() for record in caplog.records]
    assert any("HTTP Request" in line for line in logged)
    for text in ["".join(seen.format()), str(error.value), repr(client), repr(vars(client)), *logged]:
        assert KEY not in text
        assert escaped not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "step",
    [garbage, silent, cut, without_end, reply(302, Location="https://elsewhere.example/?key=s3cret%2B%2F%3Dkey")],
    ids=["garbage", "silent", "cut", "without end", "elsewhere"],
)
def test_a_key_is_in_no_traceback_of_what_breaks(step: loopback.Reply, monkeypatch: pytest.MonkeyPatch):
    """Exceptions of the library and frames that ask hold the address: none of them is left in ours."""
    monkeypatch.setenv("CENSUS_API_KEY", KEY)
    with serving(step) as server, pytest.raises(ServiceError) as error:
        Client(loopback.at(CENSUS, server), replace(QUICK, tries=1), id).ask(*QUESTION)
    assert error.value.__cause__ is None
    assert error.value.__context__ is None
    ours = error.value.with_traceback(error.tb.tb_next)
    seen = "".join(traceback.TracebackException.from_exception(ours, capture_locals=True).format())
    assert KEY not in seen
    assert "s3cret%2B" not in seen


def test_a_key_that_is_needed_or_cannot_be_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    """The variable is named, the key never."""
    with pytest.raises(ServiceError, match=r"^US Census: expected a key in the variable CENSUS_API_KEY of the env"):
        Client(CENSUS)
    monkeypatch.setenv("CENSUS_API_KEY", "two words\nand more")
    with pytest.raises(ServiceError, match=r"^US Census: expected a key of letters and digits in CENSUS_API_KEY, f"):
        Client(CENSUS)


def test_it_works_where_a_loop_runs():
    """As in a notebook."""

    async def notebook() -> Answer:
        with serving(loopback.records()) as server:
            return asked(server)[0]

    assert asyncio.run(notebook()).status == 200


def test_without_the_library_a_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    """Httpx is an extra."""
    monkeypatch.setitem(__import__("sys").modules, "httpx", None)
    with pytest.raises(ServiceError, match=r"pip install 'export-forecast\[services\]'\.$"):
        Client(COMTRADE, QUICK).ask(*QUESTION)
