"""The US Census Bureau's International Trade API: exports and imports by country and ten-digit code.

References
----------
US Census Bureau, *Guide to the International Trade Datasets in the Census API*: a question of the time series names
variables (``get``), ``time=from 2024-01 to 2024-12`` and the level of the commodity; a question without figures is
answered by 204 and nothing, one with a wrong key by a page.
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

_TITLE = "US Census"
_MONTHS = 12
"""Months of a question: an answer of a year by country has some thousand rows."""

_EXPORTS = ("E_COMMODITY", "ALL_VAL_MO", "QTY_1_MO", "QTY_1_MO_FLAG", "UNIT_QY1", "QTY_2_MO", "QTY_2_MO_FLAG")
_IMPORTS = ("I_COMMODITY", "GEN_VAL_MO", "GEN_QY1_MO", "GEN_QY1_MO_FLAG", "UNIT_QY1", "GEN_QY2_MO", "GEN_QY2_MO_FLAG")


def _question(query: Query, keyed: bool) -> tuple[str, Parameters]:
    if query.reporters != ("USA",):
        raise ServiceError(f"{_TITLE}: expected the reporter USA, found {', '.join(query.reporters)}.")
    check_digits(f"{_TITLE} (weights are stated by ten-digit code)", query.codes, (10,))
    variables = _IMPORTS if query.imports else _EXPORTS
    parameters = [
        ("get", ",".join(("CTY_CODE", "CTY_NAME", *variables, "UNIT_QY2"))),
        ("COMM_LVL", "HS10"),
        *((variables[0], code) for code in query.codes),
        *(("CTY_CODE", code) for code in codes_of(_TITLE, "united_states", query.partners)),
        ("time", f"from {query.first} to {query.last}"),
    ]
    return f"/data/timeseries/intltrade/{'imports' if query.imports else 'exports'}/hs", tuple(parameters)


def _pieces(query: Query, keyed: bool) -> list[Query]:
    return query.in_periods(_MONTHS)


def _rows(content: bytes) -> int:
    return rows_or_refusal(_TITLE, lambda: _records(content)) if content else 0


def _records(content: bytes) -> int:
    header, *rows = json.loads(content)
    if "CTY_CODE" not in header or any(len(row) != len(header) for row in rows):
        raise ValueError("a table of another form")
    return len(rows)


CENSUS_SERVICE = Service(
    "census",
    _TITLE,
    "https://api.census.gov",
    "census",
    "json",
    _question,
    _pieces,
    _rows,
    key_variable="CENSUS_API_KEY",
    key_parameter="key",
    key_needed=True,
)
