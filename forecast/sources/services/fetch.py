"""Figures of a live service as an exports table: asked in pieces, kept as files, and read as downloaded files are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from forecast.sources.importing import Imported, import_exports
from forecast.sources.services.answers import answer_place, answers_folder, keep_answer, kept_answer
from forecast.sources.services.census import CENSUS_SERVICE
from forecast.sources.services.client import TOO_LARGE, Client
from forecast.sources.services.comtrade import COMTRADE_SERVICE
from forecast.sources.services.eurostat import EUROSTAT_SERVICE
from forecast.sources.services.service import Query, Service, ServiceError

SERVICES = {service.name: service for service in (COMTRADE_SERVICE, CENSUS_SERVICE, EUROSTAT_SERVICE)}
"""Services by name."""


@dataclass(frozen=True)
class Fetched:
    """The figures of a query, the files that hold the answers, and how many of these were asked for just now."""

    imported: Imported
    files: tuple[Path, ...]
    asked: int


@dataclass
class _Answers:
    """Files with figures so far, and what is still to be asked."""

    waiting: list[Query]
    files: list[Path] = field(default_factory=list)
    asked: int = 0
    done: int = 0


def fetch_exports(
    client: Client,
    query: Query,
    product: str | None = None,
    refresh: bool = False,
    folder: Path | None = None,
    today: date | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Fetched:
    """The figures of ``query``; answers of the last `FRESH_HOURS` are not asked for again unless ``refresh``.

    An answer that is cut at the service's most rows, or would be too large, is asked for again in halves.

    Raises
    ------
    ServiceError
        Where the service refuses, does not answer, or has no figures.
    TableError
        Where none of its figures can be used.
    """
    answers = _Answers(client.service.pieces(query, client.keyed))
    while answers.waiting:
        _take(answers, client, folder or answers_folder(), refresh)
        if progress is not None:
            progress(answers.done, answers.done + len(answers.waiting))
    if not answers.files:
        raise ServiceError(f"{client.service.title}: has no figures of {_words(query)}. Ask for other months or codes.")
    exporter = query.partners[0] if query.imports and len(query.partners) == 1 else None
    imported = import_exports(answers.files, client.service.source, product=product, exporter=exporter, today=today)
    return Fetched(imported, tuple(answers.files), answers.asked)


def _take(answers: _Answers, client: Client, folder: Path, refresh: bool) -> None:
    """Ask for the first piece that waits: its file is taken, or its halves wait in its place."""
    service, piece = client.service, answers.waiting.pop(0)
    question = service.question(piece, client.keyed)
    path = answer_place(folder, service, piece, question)
    content = None if refresh else kept_answer(path, client.limits.size)
    answers.done += 1
    if content is None:
        answer = client.ask(*question)
        answers.asked += 1
        if answer.status == TOO_LARGE:
            answers.waiting[:0] = _halves(piece, service, "is too large for the service")
            return
        content = answer.content
        service.rows(content)
        keep_answer(path, content)
    rows, most = service.rows(content), service.most_rows(client.keyed)
    if most and rows >= most:
        answers.waiting[:0] = _halves(piece, service, f"is cut at {most:,} rows, so that figures are missing")
    elif rows:
        answers.files.append(path)


def _halves(piece: Query, service: Service, why: str) -> list[Query]:
    """The piece in two.

    Raises
    ------
    ServiceError
        Where it cannot be divided any further.
    """
    halves = piece.halves()
    if halves:
        return halves
    way = f"Set {service.key_variable} (a key is free)" if service.key_variable else "Ask for a longer code"
    raise ServiceError(
        f"{service.title}: the answer for {_words(piece)} {why}. {way}, name partners, or download a file."
    )


def _words(query: Query) -> str:
    """A query in words."""
    flow = "imports" if query.imports else "exports"
    return f"{', '.join(query.codes)}, {flow} of {', '.join(query.reporters)}, {query.span}"
