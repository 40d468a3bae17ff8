"""A cache of origins: the forecasts of one issue day as a file, found again while nothing that they depend on changed.

What a combination learns from its 24 earlier origins is the same next month but for one of them; the answer as a whole
is one entry more, so that the same run again fits nothing. An entry is named by
the fingerprint of all that its rows depend on: figures and calendar as of the day, settings, this package's sources,
versions of libraries, and the processor. It is data as a checkpoint's part is (`forecast.backtest.parts`); one that is
damaged, foreign or a link is not there. Beside them lies a file of what single series say by themselves
(`forecast.episodes.alone`), most of which say the same next month.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from forecast.backtest.origin import RunContext
from forecast.backtest.parallel import library_versions
from forecast.backtest.parts import PartError, as_part, from_part
from forecast.backtest.plan import Request, Settings, fitted_models
from forecast.episodes.alone import as_numbers, from_numbers, remember, remembered
from forecast.realtime.data import Data
from forecast.realtime.releases import Snapshot, months_ahead
from forecast.registry import BUILT_IN
from forecast.safety.atomic import is_left_over, read_regular, remove, write_whole
from forecast.tables.run import Forecasts, joined
from forecast.vocabulary.shipped import shipped

OFF = "FORECAST_NO_CACHE"
"""Environment variable that switches the cache off, whatever it says but nothing, ``0``, ``false`` or ``no``."""

MOST_ENTRIES, MOST_BYTES, LARGEST_ENTRY = 1_024, 2**28, 2**25
"""Entries and bytes that stay, the latest used ones; and bytes of an entry beyond which it is not kept."""

MOST_SERIES = 512
"""Series of which it is kept what they say by themselves, the latest used ones."""

DECIDING = (
    *("NUMBA_DISABLE_JIT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES"),
    *("OPENBLAS_CORETYPE", "NPY_DISABLE_CPU_FEATURES"),
)
"""Environment variables that decide by which instructions numbers are made."""

_ENTRY = re.compile(r"[0-9a-f]{64}\.(part|alone)", re.ASCII)
_CHECKSUM = 32


def default_folder() -> Path:
    """Where entries lie if nothing is said: in the user's cache folder (``XDG_CACHE_HOME`` where that is set)."""
    from platformdirs import user_cache_path

    return user_cache_path("export-forecast", appauthor=False) / "origins"


def is_switched_off() -> bool:
    """Whether the environment says that there is to be no cache."""
    return os.environ.get(OFF, "").strip().lower() not in ("", "0", "false", "no")


class OriginCache:
    """A folder of entries, made when the first one is written.

    Attributes
    ----------
    refused
        Why the disk took no entry, where it did not: numbers do not depend on it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = ""

    def read(self, fingerprint: str) -> Forecasts | None:
        """What is kept under a fingerprint; None where there is nothing, or nothing that can be trusted to be whole."""
        try:
            return from_part(self._payload(f"{fingerprint}.part"))
        except (OSError, PartError):
            return None

    def write(self, entries: Mapping[str, Forecasts]) -> None:
        """Keep entries by their fingerprints, and remove those that were not used for longest where there are many."""
        self._write({f"{name}.part": as_part(run) for name, run in [*entries.items()][-MOST_ENTRIES:]})

    @contextmanager
    def remembering(self) -> Iterator[None]:
        """What series say by themselves is known inside as far as it is kept, and what is new is kept at the end."""
        name = f"{_digest(_environment())}.alone"
        with suppress(OSError):
            remember(from_numbers(self._payload(name)))
        before = remembered().keys()
        yield
        found = [*remembered().items()][-MOST_SERIES:]
        if not before >= dict(found).keys():
            self._write({name: as_numbers(dict(found))})

    def clear(self) -> None:
        """Remove every entry."""
        for path, _ in self._entries():
            remove(path)

    def _payload(self, name: str) -> bytes:
        """What a file holds, which is marked as used.

        Raises
        ------
        OSError
            Where there is none, or none that can be trusted to be whole.
        """
        path = self.folder / name
        content = read_regular(path, LARGEST_ENTRY, through_links=False)
        checksum, payload = content[:_CHECKSUM], content[_CHECKSUM:]
        if checksum != _checksum(path.stem, payload):
            raise OSError("damaged")
        with suppress(OSError, NotImplementedError):  # an entry that cannot be marked as used goes earlier
            os.utime(path, follow_symlinks=False)
        return payload

    def _write(self, files: Mapping[str, bytes]) -> None:
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, payload in files.items():
                path = self.folder / name
                if len(payload) + _CHECKSUM <= LARGEST_ENTRY:
                    write_whole(path, _checksum(path.stem, payload) + payload)
            self._trim()
        except OSError as error:
            self.refused = (error.strerror or str(error)).lower()

    def _entries(self) -> list[tuple[Path, os.stat_result]]:
        """Entries that are files, the latest used first."""
        if not self.folder.is_dir():
            return []
        named = [path for path in self.folder.iterdir() if _ENTRY.fullmatch(path.name)]
        found = [(path, path.lstat()) for path in named if os.path.lexists(path)]
        return sorted((each for each in found if stat.S_ISREG(each[1].st_mode)), key=lambda each: -each[1].st_mtime_ns)

    def _trim(self) -> None:
        total = 0
        for place, (path, found) in enumerate(self._entries()):
            total += found.st_size
            if place >= MOST_ENTRIES or total > MOST_BYTES:
                remove(path)
        for path in self.folder.iterdir():
            if is_left_over(path):
                remove(path)


def _checksum(fingerprint: str, payload: bytes) -> bytes:
    return hashlib.sha256(fingerprint.encode() + payload).digest()


# What rows depend on -------------------------------------------------------------------------------------------------


def is_cacheable(settings: Settings) -> bool:
    """Whether the rows of a day are known by a fingerprint: parameters are of that day, and models of this package."""
    own = {entry.name for entry in BUILT_IN}
    return settings.learns_from_errors and settings.refit == 1 and set(fitted_models(settings.models)) <= own


def fingerprints(context: RunContext, days: Mapping[date, Collection[str]]) -> dict[date, str]:
    """The fingerprint of each of ``days`` (products by day): all that the rows of its products depend on."""
    run = _digest(_of_run(context))
    return {day: _digest([run, *_of_day(context, day, sorted(products))]) for day, products in days.items()}


def _of_run(context: RunContext) -> list[Any]:
    settings = asdict(context.settings) | {"models": fitted_models(context.settings.models)}
    groups = {code: list(members) for code, members in context.data.groups.items()}
    return [*_environment(), settings, groups]


def _environment() -> list[Any]:
    """What numbers are made by, whatever they are made of."""
    return [_package(), library_versions(), _processor(), {name: os.environ.get(name, "") for name in DECIDING}]


def _of_day(context: RunContext, day: date, products: Sequence[str]) -> list[Any]:
    snapshot = context.as_of(day)
    reported = {
        product: months_ahead(context.data.vintages[product], snapshot.cutoff(product), context.settings.horizon)
        for product in products
        if product in snapshot.volumes
    }
    months = {product: found.asi8.tolist() for product, found in reported.items()}
    return [day.isoformat(), months, _volumes(snapshot), _cells(snapshot.events), _cells(snapshot.totals)]


def _volumes(snapshot: Snapshot) -> list[Any]:
    """First month, destinations and digest of the figures of each product."""
    return [
        [product, int(wide.index[0].ordinal), [*map(str, wide.columns)], _sha256(np.ascontiguousarray(wide.to_numpy()))]
        for product, wide in snapshot.volumes.items()
    ]


def _cells(table: pd.DataFrame) -> list[Any]:
    """A table as JSON holds it, every cell written out."""
    return [[*table.columns], *([repr(cell) for cell in table[name]] for name in table.columns)]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _sha256(content: Any) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def _package() -> list[str]:
    """Version of this package, and the digest of its sources and of the figures that ship for models to learn from."""
    root, whole = Path(__file__).parents[1], hashlib.sha256()
    for path in [*sorted(root.rglob("*.py")), shipped("experience.csv")]:
        whole.update(f"{path.name} {path.stat().st_size}\n".encode() + path.read_bytes())
    return [version("export-forecast"), version("holidays"), whole.hexdigest()]


@cache
def _processor() -> list[str]:
    """What numbers are made by: from one processor to another compiled code and linear algebra end on other digits."""
    found = [sys.platform, platform.machine(), platform.processor()]
    with suppress(OSError, UnicodeDecodeError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").partition("\n\n")[0].splitlines()
        found += [line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))]
    return found


# A run ---------------------------------------------------------------------------------------------------------------


def kept_days(
    entries: OriginCache, names: Mapping[date, str], days: Mapping[date, Collection[str]], models: Sequence[str]
) -> dict[date, Forecasts]:
    """The days of ``days`` whose rows are kept: rows of other days, products or models are none of them."""
    found = {}
    for day, products in days.items():
        run = entries.read(names[day])
        if run is not None and _is_of(run.forecasts, day, products, models):
            found[day] = run
    return found


def _is_of(rows: pd.DataFrame, day: date, products: Collection[str], models: Sequence[str]) -> bool:
    return (
        set(rows["issued"].unique()) == {day}
        and set(rows["product"].unique()) <= set(products)
        and set(rows["model"].unique()) <= set(models)
    )


def answer_name(names: Mapping[date, str], request: Request, models: Sequence[str], data: Data) -> str:
    """The name of the entry of a whole answer: its days, series and models in order, what they rest on, and headlines.

    Of the days asked for, figures from before the window count as well: errors are learned from them.
    """
    whole = [_volumes(data.as_of(day)) for day in sorted({day for own in request.days.values() for day in own})]
    headlines = [asdict(one) for one in data.headlines]
    return _digest(["answer", sorted(names.values()), request.written_down(), [*models], whole, headlines])


def known_answer(entries: OriginCache, name: str, request: Request, models: Sequence[str]) -> Forecasts | None:
    """All tables of an answer as they were made; None where rows of other days, products or models are kept.

    Of each of ``models`` an answer has a forecast, or the reason why there is none.
    """
    found = entries.read(name)
    asked = {(product, day) for product, _ in request.series for day in request.days[product]}
    if found is None or not all({*zip(own["product"], own["issued"], strict=True)} <= asked for _, own in found):
        return None
    if {*found.forecasts["model"], *found.failures["model"]} != {*models}:
        return None
    return joined([found])


def rows_by_day(run: Forecasts, days: Collection[date]) -> dict[date, Forecasts]:
    """The forecasts of each of ``days``, packed."""
    rows = run.forecasts
    places = rows.groupby("issued", sort=False).indices
    return {day: Forecasts(forecasts=rows.iloc[places[day]]).packed() for day in days if day in places}


def with_kept(run: Forecasts, kept: Collection[Forecasts], fitted: Request, models: Sequence[str]) -> Forecasts:
    """``run`` with the forecasts that were kept, in the order in which all of them would have been made."""
    rows = joined([run.packed(), *kept]).forecasts
    return run.replaced(forecasts=in_order(rows, fitted, models))


def in_order(rows: pd.DataFrame, fitted: Request, models: Sequence[str]) -> pd.DataFrame:
    """Forecasts in order of days, models and series; those of the months of one are in order already.

    Sums over rows are made in their order, and so end on the same digits.
    """
    of_model = {name: place for place, name in enumerate(fitted_models(models))}
    of_series = {key: place for place, key in enumerate(fitted.series)}
    product, products = pd.factorize(rows["product"])
    code, codes = pd.factorize(rows["destination"])
    pairs, series = np.unique(product * len(codes) + code, return_inverse=True)
    of_pair = [of_series[products[pair // len(codes)], codes[pair % len(codes)]] for pair in pairs.tolist()]
    model, names = pd.factorize(rows["model"])
    day, days = pd.factorize(rows["issued"])
    keys = (
        np.array(of_pair, dtype=int)[series],
        np.array([of_model[name] for name in names], dtype=int)[model],
        np.array([issued.toordinal() for issued in days], dtype=int)[day],
    )
    return rows.iloc[np.lexsort(keys)].reset_index(drop=True)
