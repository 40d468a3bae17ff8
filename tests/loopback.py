"""A server on loopback that answers by a script, and services that ask it."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pandas as pd

from forecast.sources.services.client import Limits
from forecast.sources.services.service import Query, Service

QUICK = Limits(connect=2, read=0.5, whole=1.0, size=200_000, tries=3, first_pause=1.0, longest_pause=30.0)

Reply = bytes | Callable[[socket.socket], None]


def reply(status: int, body: bytes | str = b"", **headers: str) -> bytes:
    """A whole answer as bytes; underscores in names of headers are hyphens."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status} Reason", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def records(*rows: dict[str, Any]) -> bytes:
    """UN Comtrade's answer with these records."""
    return reply(200, json.dumps({"elapsedTime": "0.1 secs", "count": len(rows), "data": rows, "error": ""}))


def record(month: str = "202401", partner: int = 842, weight: float = 46_000.0, **more: Any) -> dict[str, Any]:
    """One record of China's exports as UN Comtrade writes it."""
    usual = {
        "typeCode": "C", "freqCode": "M", "refMonth": int(month[4:]), "period": month, "reporterCode": 156,
        "flowCode": "X", "partnerCode": partner, "partnerDesc": None, "partner2Code": 0, "customsCode": "C00",
        "motCode": 0, "cmdCode": "850511", "netWgt": weight, "isNetWgtEstimated": False, "primaryValue": 1.0,
    }  # fmt: skip
    return {**usual, **more}


@dataclass
class Server:
    """What it answers, question by question (the last again and again), and what it was asked."""

    port: int
    script: list[Reply]
    asked: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def parameters(self, number: int) -> dict[str, list[str]]:
        """The parameters of a question."""
        return parse_qs(urlsplit(self.asked[number]).query)

    def answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head and (part := connection.recv(65_536)):
                head += part
            self.heads.append(head.decode())
            self.asked.append(head.decode().split(" ")[1])
            step = self.script[min(len(self.asked), len(self.script)) - 1]
            if callable(step):
                step(connection)
            else:
                connection.sendall(step)
                connection.shutdown(socket.SHUT_WR)


@contextmanager
def serving(*script: Reply) -> Iterator[Server]:
    """A server on a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(listening.getsockname()[1], list(script))
        stop = threading.Event()
        listening.settimeout(0.05)

        def accept() -> None:
            while not stop.is_set():
                with suppress(TimeoutError):
                    connection, _ = listening.accept()
                    threading.Thread(target=server.answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            thread.join()


def at(service: Service, server: Server) -> Service:
    """The service at the server's address, which may be asked at once again."""
    return replace(service, root=server.root, apart=0.0)


def query(first: str = "2024-01", last: str = "2024-01", **more: Any) -> Query:
    """China's exports of metal magnets."""
    usual = {"reporters": ("CHN",), "codes": ("850511",), "first": pd.Period(first), "last": pd.Period(last)}
    return Query(**{**usual, **more})
