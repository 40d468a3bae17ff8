"""Eurostat's service of Comext: dataset DS-045409 by SDMX 2.1, in 100 kg, as CSV.

References
----------
Eurostat, *API for the Comext database*: ``.../sdmx/2.1/data/DS-045409/M.DE.US.850511.2.QUANTITY_IN_100KG`` with
``format=SDMX-CSV``; several values of a dimension are joined by ``+``, none is every one. A question that is too large
is answered by 413, one without figures by 404.
"""

from __future__ import annotations

import csv
import io

from forecast.sources.services.service import Parameters, Query, Service, check_digits, codes_of, rows_or_refusal

_TITLE = "Eurostat"
_MONTHS = 60
"""Months of a question of one code."""

_FLOWS = {True: "1", False: "2"}


def _question(query: Query, keyed: bool) -> tuple[str, Parameters]:
    check_digits(_TITLE, query.codes, (2, 4, 6, 8))
    key = [
        "M",
        "+".join(codes_of(_TITLE, "european_union", query.reporters)),
        "+".join(codes_of(_TITLE, "european_union", query.partners)),
        "+".join(query.codes),
        _FLOWS[query.imports],
        "QUANTITY_IN_100KG",
    ]
    period = (("startPeriod", str(query.first)), ("endPeriod", str(query.last)))
    path = f"/eurostat/api/comext/dissemination/sdmx/2.1/data/DS-045409/{'.'.join(key)}"
    return path, (*period, ("format", "SDMX-CSV"))


def _pieces(query: Query, keyed: bool) -> list[Query]:
    return [piece for single in query.by_code() for piece in single.in_periods(_MONTHS)]


def _rows(content: bytes) -> int:
    return rows_or_refusal(_TITLE, lambda: _records(content)) if content else 0


def _records(content: bytes) -> int:
    rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    header = next(rows, [])
    if not {"reporter", "partner", "TIME_PERIOD", "OBS_VALUE"} <= set(header):
        raise ValueError("a table of another form")
    count = 0
    for row in rows:
        if row and len(row) != len(header):
            raise ValueError("a row that is cut")
        count += bool(row)
    return count


EUROSTAT_SERVICE = Service(
    "eurostat",
    _TITLE,
    "https://ec.europa.eu",
    "eurostat",
    "csv",
    _question,
    _pieces,
    _rows,
    no_figures=frozenset({204, 404}),
)
