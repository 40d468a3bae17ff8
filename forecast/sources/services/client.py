"""Questions over https: a limit to time and size, waiting where the service asks for it, and keys in no message.

The key is in no exception either: those of httpx hold the address, so that their words are taken and they are dropped.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, urljoin, urlsplit

from forecast.sources.services.service import Parameters, Service, ServiceError
from forecast.vocabulary.text import shown

if TYPE_CHECKING:
    import httpx

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same question may be answered."""

TOO_LARGE = 413

_LOGGERS = ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.proxy")
_NO_KEY = "[key]"


@dataclass(frozen=True)
class Limits:
    """What is waited for and taken.

    Attributes
    ----------
    connect, read, whole
        Seconds until there is a connection, between two parts of an answer, and for one question in all.
    size
        Bytes of an answer, unpacked.
    tries
        How often one question is asked.
    first_pause, longest_pause
        Seconds before the second try, doubled before each further one; the longest that is waited, also where the
        service asks for more.
    redirects
        Addresses of the same host that are followed.
    """

    connect: float = 10.0
    read: float = 60.0
    whole: float = 300.0
    size: int = 2**28
    tries: int = 5
    first_pause: float = 1.0
    longest_pause: float = 120.0
    redirects: int = 3


@dataclass(frozen=True)
class Answer:
    """Status and content of an answer.

    ``pause`` is the seconds that the service asks to wait, ``trouble`` why there is no status, and ``refusal`` why the
    question is not to be asked again.
    """

    status: int = 0
    content: bytes = field(default=b"", repr=False)
    pause: float | None = None
    trouble: str = ""
    refusal: str = ""

    @property
    def passing(self) -> bool:
        """Whether the same question may be answered later."""
        return bool(self.trouble) or self.status in PASSING


@dataclass(frozen=True)
class _Key:
    """A key that shows itself to nobody."""

    text: str = field(repr=False)

    def hidden_in(self, text: str) -> str:
        """``text`` without the key, in whatever way it is escaped."""
        for form in {self.text, quote(self.text, safe=""), quote_plus(self.text)} - {""}:
            text = text.replace(form, _NO_KEY)
        return text


def key_of(service: Service) -> str:
    """The key of a service in the environment; empty without one.

    Raises
    ------
    ServiceError
        Where it cannot be a key, or one is needed.
    """
    key = os.environ.get(service.key_variable, "").strip() if service.key_variable else ""
    if key and not re.fullmatch(r"[!-~]+", key):
        raise ServiceError(
            f"{service.title}: expected a key of letters and digits in {service.key_variable}, found other signs in it."
        )
    if not key and service.key_needed:
        raise ServiceError(
            f"{service.title}: expected a key in the variable {service.key_variable} of the environment, found none. "
            "Keys are free."
        )
    return key


class Client:
    """Asks one service, at most so often as it allows.

    Parameters
    ----------
    service
        Whom to ask.
    limits
        What is waited for and taken.
    sleep
        Is called with the seconds of a pause.
    """

    def __init__(self, service: Service, limits: Limits | None = None, sleep: Callable[[float], None] = time.sleep):
        self.service = service
        self.limits = limits or Limits()
        self._sleep = sleep
        self._key = _Key(key_of(service))
        self._free_from = 0.0

    @property
    def keyed(self) -> bool:
        """Whether there is a key."""
        return bool(self._key.text)

    def ask(self, path: str, parameters: Parameters) -> Answer:
        """The answer: figures, none (`Service.no_figures`, without content), or that it would be too large (413).

        Raises
        ------
        ServiceError
            Where the service refuses, does not answer, or answers too much, too slowly or from elsewhere.
        """
        for attempt in range(1, self.limits.tries + 1):
            self._pace()
            answer = self._one_answer(path, parameters)
            if answer.refusal:
                raise ServiceError(answer.refusal)
            if not answer.passing:
                return self._accepted(answer)
            pause = self._pause(answer, attempt)
            if attempt == self.limits.tries or pause > self.limits.longest_pause:
                break
            self._sleep(pause)
        raise ServiceError(self._given_up(answer, attempt, pause))

    def _pace(self) -> None:
        """Wait until the service may be asked again."""
        ahead = self._free_from - time.monotonic()
        if ahead > 0:
            self._sleep(ahead)
        self._free_from = time.monotonic() + self.service.apart

    def _pause(self, answer: Answer, attempt: int) -> float:
        """Seconds that the service asks for, or a doubling pause of which the last half is drawn (jitter)."""
        if answer.pause is not None:
            return answer.pause
        longest = min(self.limits.first_pause * 2.0 ** (attempt - 1), self.limits.longest_pause)
        return longest * (1 + random.random()) / 2

    def _one_answer(self, path: str, parameters: Parameters) -> Answer:
        """One try; what goes wrong on the way is its ``trouble``."""
        httpx = _httpx()
        try:
            with _without_key_in_logs(self._key):
                return _in_a_loop(lambda: self._answer(path, parameters))
        except TimeoutError:
            trouble = f"no whole answer within {self.limits.whole:g} seconds"
        except httpx.TimeoutException:
            trouble = f"no answer within {self.limits.connect:g} (connection) or {self.limits.read:g} seconds (reading)"
        except ServiceError as error:
            return Answer(refusal=str(error))
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            trouble = self._said(str(error)) or type(error).__name__
        return Answer(trouble=trouble)

    async def _answer(self, path: str, parameters: Parameters) -> Answer:
        httpx, service, key = _httpx(), self.service, self._key
        named = ((service.key_parameter, key.text),) if service.key_parameter and key.text else ()
        headers = {service.key_header: key.text} if service.key_header and key.text else {}
        timeout = httpx.Timeout(self.limits.read, connect=self.limits.connect)
        url = httpx.URL(service.root + path, params=[*parameters, *named])
        async with asyncio.timeout(self.limits.whole), httpx.AsyncClient(timeout=timeout) as client:
            for _ in range(self.limits.redirects + 1):
                async with client.stream("GET", url, headers={**headers, "User-Agent": "export-forecast"}) as response:
                    if not response.has_redirect_location:
                        content = await self._content(response)
                        return Answer(response.status_code, content, _asked_pause(response.headers.get("Retry-After")))
                    url = httpx.URL(self._followed(str(url), response.headers["Location"]))
        raise ServiceError(f"{service.title}: expected an answer, found redirections without end. Try again later.")

    def _followed(self, url: str, location: str) -> str:
        """The address of a redirection.

        Raises
        ------
        ServiceError
            Where it leads to another host, or away from https.
        """
        target = urljoin(url, location)
        here, there = urlsplit(self.service.root), urlsplit(target)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            where = self._said(f"{there.scheme}://{there.netloc}")
            raise ServiceError(
                f"{self.service.title}: expected an answer of {here.netloc}, found a redirection to {where}, which is "
                "not followed. Is there a page to sign in on the way?"
            )
        return target

    async def _content(self, response: httpx.Response) -> bytes:
        """The content, unpacked.

        Raises
        ------
        ServiceError
            Where it is longer than the limit.
        """
        parts, size = [], 0
        async for part in response.aiter_bytes():
            parts.append(part)
            size += len(part)
            if size > self.limits.size:
                raise ServiceError(
                    f"{self.service.title}: expected an answer of at most {self.limits.size:,} bytes, found a longer "
                    "one. Ask for fewer months or codes."
                )
        return b"".join(parts)

    def _accepted(self, answer: Answer) -> Answer:
        """The answer where it is one.

        Raises
        ------
        ServiceError
            Where the service refuses, or answers with a page.
        """
        title, status = self.service.title, answer.status
        page = answer.content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
        if status in self.service.no_figures:
            return Answer(status)
        if status == TOO_LARGE or (status == 200 and not page):
            return answer
        said = self._said(_words(answer.content))
        if status in (401, 403):
            key = f"Check the key in {self.service.key_variable}" if self.keyed else "It may want a key"
            raise ServiceError(f"{title}: the question was refused ({status}: {said}). {key}, and its quota.")
        if page:
            where = f" and the key in {self.service.key_variable}" if self.keyed else ""
            raise ServiceError(f"{title}: expected figures, found a page ({said}). Check the service{where}.")
        raise ServiceError(f"{title}: the question was refused ({status}: {said}). Check codes, countries and months.")

    def _given_up(self, answer: Answer, attempts: int, pause: float) -> str:
        """Why it was not asked again."""
        why = answer.trouble or f"{answer.status}: {self._said(_words(answer.content))}"
        if attempts < self.limits.tries:
            return f"{self.service.title}: asks to wait for {pause:,.0f} seconds ({why}). Try again after that."
        return (
            f"{self.service.title}: was asked {attempts:,} times in vain ({why}). Try again later, or download a file."
        )

    def _said(self, text: str) -> str:
        return shown(self._key.hidden_in(text), 160).rstrip(".") if text else ""


def _httpx() -> Any:
    """The library of the web.

    Raises
    ------
    ServiceError
        Where it is not installed.
    """
    try:
        import httpx
    except ImportError as error:
        raise ServiceError(
            "forecast fetch: expected the library httpx, found none. "
            "Install it: pip install 'export-forecast[services]'."
        ) from error
    return httpx


def _in_a_loop(work: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """The result of ``work``; in a thread of its own where a loop runs here already, as in a notebook."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


@contextmanager
def _without_key_in_logs(key: _Key) -> Iterator[None]:
    """No record of httpx and what it rests on has the key: at level INFO it writes down every address.

    References
    ----------
    encode/httpx, issue 2760.
    """

    def hide(record: logging.LogRecord) -> bool:
        record.msg, record.args = key.hidden_in(record.getMessage()), ()
        return True

    loggers = [logging.getLogger(name) for name in _LOGGERS if key.text]
    for logger in loggers:
        logger.addFilter(hide)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(hide)


def _asked_pause(header: str | None) -> float | None:
    """Seconds of a ``Retry-After``, which is a number of them or a day and hour; None without one.

    Examples
    --------
    >>> _asked_pause("7"), _asked_pause("Wed, 21 Oct 2015 07:28:00 GMT"), _asked_pause("soon"), _asked_pause(None)
    (7.0, 0.0, None, None)
    """
    if header is None:
        return None
    if re.fullmatch(r"\d{1,9}", header.strip()):
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _words(content: bytes) -> str:
    """What an answer that is no figures says: without tags, in one line."""
    text = re.sub(rb"<(script|style)\b.*?</\1>|<[^>]*>", b" ", content[:20_000], flags=re.DOTALL | re.IGNORECASE)
    return " ".join(text.decode("utf-8", "replace").split()) or "no word of why"
