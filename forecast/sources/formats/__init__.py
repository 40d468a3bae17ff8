"""The formats that are read, one file each: every one says what a sheet means, or that it is none of its own."""

from __future__ import annotations

from collections.abc import Callable

from forecast.sources.extract import Extract, ReadSettings
from forecast.sources.files.sheet import Sheet
from forecast.sources.formats import census, chinese_customs, comexstat, comtrade, eurostat, gats, japan
from forecast.sources.layouts import tables

Reader = Callable[[Sheet, ReadSettings], Extract | None]

READERS: dict[str, Reader] = {
    "chinese_customs": chinese_customs.read,
    "comtrade": comtrade.read,
    "census": census.read,
    "eurostat": eurostat.read,
    "comexstat": comexstat.read,
    "japan": japan.read,
    "gats": gats.read,
    "table": tables.read,
}
"""Readers by the name of the source, in the order in which they are tried: the particular before the general."""
