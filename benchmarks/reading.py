"""Seconds and memory of reading, checking and importing large files: the page reading.md, printed.

    python benchmarks/reading.py                 # all lines
    python benchmarks/reading.py --only read     # those whose name begins so

Each line is a process of its own on files that are made here in a temporary folder (seed 0), the interpreter's start
and all imports included. CPU seconds and the peak of resident memory are those that the system keeps of that
child (`os.wait4`); the medians of ``--runs`` processes are shown. Seconds depend on
what else the machine does, CPU seconds hardly.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median

import numpy as np

from forecast.sources.plain import read_destinations
from forecast.vocabulary.shipped import shipped_rows

LIBRARIES = ("numpy", "pandas", "pyarrow")
MONTHS = [f"{year}-{month:02d}" for year in range(2001, 2026) for month in range(1, 13)]
HEAD = "| what | rows | MB | seconds | CPU s | MiB | goal |\n|---|---:|---:|---:|---:|---:|---|"
READ = "import sys, forecast; forecast.read_exports(sys.argv[1])"
REFUSED = """import sys, forecast
try:
    forecast.read_exports(sys.argv[1])
except forecast.TableError as error:
    print(len(error.problems))"""


def volumes(rows: int) -> list[str]:
    """Volumes with three decimals."""
    return [f"{volume:.3f}" for volume in np.random.default_rng(0).lognormal(3, 1, rows)]


def keys(rows: int, places: list[str]) -> Iterator[tuple[int, str, str]]:
    """Number of a product, place and month of each row: series by series."""
    for row in range(rows):
        series, month = divmod(row, len(MONTHS))
        yield series // len(places), places[series % len(places)], MONTHS[month]


def countries() -> list[str]:
    """A hundred codes of countries."""
    known = read_destinations()
    return sorted(known.loc[known["kind"] == "country", "code"])[:100]


def plain(rows: int) -> Iterator[str]:
    """A file of exports in our own columns, all of them."""
    yield "product,destination,month,volume_t,released,status,precision_t,source\n"
    for (product, place, month), volume in zip(keys(rows, countries()), volumes(rows), strict=True):
        yield f"p{product},{place},{month},{volume},{after(month)},reported,,made\n"


def after(month: str) -> str:
    """The 20th of the next month."""
    year, number = divmod(12 * int(month[:4]) + int(month[5:]), 12)
    return f"{year}-{number + 1:02d}-20"


WRONG = [
    lambda cells: {**cells, "volume": "n/a"},
    lambda cells: {**cells, "place": "Germny"},
    lambda cells: {**cells, "month": "2099-01"},
    lambda cells: {**cells, "released": "1999-12-31"},
    lambda cells: {**cells, "product": "p0", "place": "USA", "month": "2020-01", "released": "2020-02-20"},
    lambda cells: {**cells, "product": "a b"},
]
"""What can be wrong with a row, one after the other."""


def wrong(rows: int) -> Iterator[str]:
    """The same with something wrong in every row."""
    yield "product,destination,month,volume_t,released\n"
    for row, ((product, place, month), volume) in enumerate(zip(keys(rows, countries()), volumes(rows), strict=True)):
        right = {"product": f"p{product}", "place": place, "month": month, "volume": volume, "released": after(month)}
        yield ",".join(WRONG[row % len(WRONG)](right).values()) + "\n"


def comtrade(rows: int) -> Iterator[str]:
    """UN Comtrade's CSV: totals alone, a code of six digits for each product."""
    numbers = {row["code"]: row["numeric"].lstrip("0") for row in shipped_rows("destinations.csv")}
    yield (
        "typeCode,freqCode,refYear,refMonth,period,reporterCode,reporterISO,flowCode,partnerCode,partnerISO,partnerDesc,"
        "partner2Code,cmdCode,customsCode,motCode,qty,qtyUnitAbbr,netWgt,isNetWgtEstimated,primaryValue\n"
    )
    for (product, place, month), weight in zip(keys(rows, countries()), volumes(rows), strict=True):
        when = f"{month[:4]},{int(month[5:])},{month[:4]}{month[5:]}"
        what = f"{numbers[place]},{place},{place},0,{850000 + product},C00,0,{weight},kg,{weight},False,1"
        yield f"C,M,{when},156,CHN,X,{what}\n"


def comexstat(rows: int) -> Iterator[str]:
    """ComexStat's bulk file: four rows of states and routes to a figure."""
    places = sorted({row["destination"]: row["code"] for row in shipped_rows("partner_codes.csv")
                     if row["authority"] == "brazil"}.values())[:100]  # fmt: skip
    yield "CO_ANO;CO_MES;CO_NCM;CO_UNID;CO_PAIS;SG_UF_NCM;CO_VIA;CO_URF;QT_ESTAT;KG_LIQUIDO;VL_FOB\n"
    for row, ((product, place, month), weight) in enumerate(
        zip(keys(rows // 4, places), volumes(rows // 4), strict=True)
    ):
        kg = int(1000 * float(weight))
        head = f"{month[:4]};{month[5:]};{12000000 + product};21;{place}"
        for state in ("SP", "MG", "RS", "SC"):
            yield f"{head};{state};1;{817800 + row % 7};{kg};{kg};5\n"


def eurostat(rows: int) -> Iterator[str]:
    """Eurostat's SDMX-CSV: quantities in 100 kg beside values in euros."""
    two = {row["code"]: row["iso2"] for row in shipped_rows("destinations.csv")}
    stamp = "ESTAT:DS-045409(1.0),16/07/26 11:00:00,M,DE"
    yield "DATAFLOW,LAST UPDATE,freq,reporter,partner,product,flow,indicators,TIME_PERIOD,OBS_VALUE,OBS_FLAG\n"
    places = [place for place in countries() if place != "DEU"]
    for (product, place, month), weight in zip(keys(rows // 2, places), volumes(rows // 2), strict=True):
        for indicator in ("QUANTITY_IN_100KG", "VALUE_IN_EUROS"):
            yield f"{stamp},{two[place]},{85050000 + product},2,{indicator},{month},{weight},\n"


@dataclass(frozen=True)
class Line:
    """One row of the page: a file of so many rows, and what is done with it."""

    name: str
    rows: int
    lines: Callable[[int], Iterator[str]]
    command: tuple[str, ...]
    goal: str = ""


IMPORT = ("-m", "forecast", "import", "{file}", "--quiet", "--output", "{file}.out")
LINES = [
    Line("read and check a right file", 1_000_000, plain, ("-c", READ, "{file}"), "2 s, 400 MiB"),
    Line("refuse a file with a sentence for every row", 100_000, wrong, ("-c", REFUSED, "{file}"), "3 s"),
    Line("import UN Comtrade's CSV", 1_000_000, comtrade, IMPORT),
    Line("import ComexStat's bulk file", 1_000_000, comexstat, IMPORT),
    Line("import Eurostat's SDMX-CSV", 1_000_000, eurostat, IMPORT),
    Line("import a plain CSV", 1_000_000, plain, IMPORT),
    Line("import a plain CSV, large", 10_000_000, plain, IMPORT, "60 s, 4 GiB"),
]


def measured(line: Line, folder: Path, runs: int) -> str:
    """The row of the page."""
    path = folder / "made.csv"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(line.lines(line.rows))
    command = [sys.executable, *(part.format(file=path) for part in line.command)]
    found = [once(command) for _ in range(runs)]
    seconds, cpu, peak = (median(values) for values in zip(*found, strict=True))
    size = path.stat().st_size / 1e6
    return f"| {line.name} | {line.rows:,} | {size:,.0f} | {seconds:.1f} | {cpu:.1f} | {peak:,.0f} | {line.goal} |"


def once(command: list[str]) -> tuple[float, float, float]:
    """Seconds, CPU seconds and peak MiB of one process."""
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit {process.returncode}.")
    return seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", metavar="WORD", help="lines whose name begins so")
    parser.add_argument("--runs", type=int, default=3, help="processes a line")
    chosen = parser.parse_args()
    print("# Reading large files\n")
    print("Printed by `python benchmarks/reading.py`; how it is measured stands in its first lines.")
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    load = f"load {os.getloadavg()[0]:.1f} at the start, {chosen.runs} runs a line"
    print(f"Python {platform.python_version()}, {libraries}; {os.cpu_count()} cores, {load}.\n\n{HEAD}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for line in LINES:
            if line.name.startswith(chosen.only):
                print(measured(line, Path(folder), chosen.runs), flush=True)


if __name__ == "__main__":
    main()
