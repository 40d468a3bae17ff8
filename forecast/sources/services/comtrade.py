"""UN Comtrade's service: up to twelve months a question with a key, a preview of one month without.

`comtradeapicall`, the library of the service's makers, is not used: it prints what goes wrong and returns None, waits a
fixed time and once, reads answers of any length, and does not see that they are cut.

References
----------
UN Comtrade, comtradedeveloper.un.org: a key (free: 500 questions a day, 100,000 rows each) is sent as
``Ocp-Apim-Subscription-Key``; the preview has at most 500 rows. Totals of second partner, procedure and mode are 0, C00
and 0.
"""

from __future__ import annotations

import json

from forecast.sources.services.service import (
    Parameters,
    Query,
    Service,
    ServiceError,
    check_digits,
    codes_of,
    rows_or_refusal,
)
from forecast.vocabulary.text import shown

_TITLE = "UN Comtrade"
_PREVIEW_ROWS, _KEYED_ROWS = 500, 100_000
"""Rows at which an answer is cut, without and with a key."""

_PREVIEW_MONTHS, _KEYED_MONTHS = 1, 12


def _question(query: Query, keyed: bool) -> tuple[str, Parameters]:
    check_digits(_TITLE, query.codes, (2, 4, 6))
    parameters = [
        ("reporterCode", ",".join(codes_of(_TITLE, "united_nations", query.reporters))),
        ("period", ",".join(month.strftime("%Y%m") for month in query.months)),
        ("cmdCode", ",".join(query.codes)),
        ("flowCode", "M" if query.imports else "X"),
        ("partner2Code", "0"),
        ("customsCode", "C00"),
        ("motCode", "0"),
    ]
    if query.partners:
        parameters.append(("partnerCode", ",".join(codes_of(_TITLE, "united_nations", query.partners))))
    if keyed:
        parameters.append(("includeDesc", "true"))
    return f"/{'data/v1/get' if keyed else 'public/v1/preview'}/C/M/HS", tuple(parameters)


def _pieces(query: Query, keyed: bool) -> list[Query]:
    return query.in_periods(_KEYED_MONTHS if keyed else _PREVIEW_MONTHS)


def _rows(content: bytes) -> int:
    return rows_or_refusal(_TITLE, lambda: _records(content)) if content else 0


def _records(content: bytes) -> int:
    said = json.loads(content)
    if said.get("error"):
        raise ServiceError(f"{_TITLE}: expected figures, found the answer {shown(str(said['error']), 120)!r}.")
    return sum(1 for record in said["data"] if record["period"])


COMTRADE_SERVICE = Service(
    "comtrade",
    _TITLE,
    "https://comtradeapi.un.org",
    "comtrade",
    "json",
    _question,
    _pieces,
    _rows,
    lambda keyed: _KEYED_ROWS if keyed else _PREVIEW_ROWS,
    key_variable="COMTRADE_API_KEY",
    key_header="Ocp-Apim-Subscription-Key",
)
