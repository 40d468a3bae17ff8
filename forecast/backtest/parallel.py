"""Parallel map over independent tasks with one broadcast argument, on processes or machines.

Whatever `joblib.parallel_config` selects serves, so that a library user picks a backend as in scikit-learn.
"""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import uuid4

from forecast.safety.settings import no_modules_from_here

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_Shared = TypeVar("_Shared")
_Piece = TypeVar("_Piece")
_Result = TypeVar("_Result")
_Content = TypeVar("_Content")

AT_A_TIME = RLock()
"""Held by the piece that runs in this process: limits on threads, warnings and global generators are the process's."""

NUMERIC_LIBRARIES = ("export-forecast", "numpy", "pandas", "scipy", "scikit-learn", "statsmodels", "prophet", "numba")
"""What must be of the same version wherever a piece runs, for the numbers to be the same."""


class ClusterError(ValueError):
    """Why a cluster cannot be used: one sentence."""


def parallel_map(
    function: Callable[[_Shared, _Piece], _Result], shared: _Shared, pieces: Iterable[_Piece], jobs: int
) -> Iterator[tuple[int, _Result]]:
    """The place of each piece and ``function(shared, piece)``, as they are done, on ``jobs`` processes.

    With one job, or one piece, everything runs in this process, since another would hold all of it once more. With
    more, or -1 for all there are, `joblib.Parallel` runs the pieces on its active backend, and ``shared`` is shipped
    once and not with each piece; then ``function`` has to be one that can be imported. Pieces of a generator are made
    as they are sent. It runs on one thread, and one piece at a time in each process, so that sums are made in the same
    order everywhere: neither the backend nor ``jobs`` nor the order in which pieces end changes a number. A backend
    that cannot hand results over one by one, as Ray's own (`forecast.backtest.cluster` has one that can), gives all at
    the end.

    Raises
    ------
    ClusterError
        When a worker on another machine has other versions of the libraries.

    Examples
    --------
    >>> sorted(parallel_map(pow, 2, [1, 2, 3], jobs=1))
    [(0, 2), (1, 4), (2, 8)]
    """
    if jobs == 1 or (isinstance(pieces, Sized) and len(pieces) < 2):
        for place, piece in enumerate(pieces):
            yield place, _on_one_thread(function, shared, piece)
        return
    from joblib import Parallel, delayed
    from joblib.parallel import get_active_backend

    parcel = Broadcast(function, shared)
    streams = get_active_backend()[0].supports_return_generator
    with no_modules_from_here():
        pool = Parallel(n_jobs=jobs, batch_size=1, max_nbytes=1, return_as="generator_unordered" if streams else "list")
        with _interrupts_blocked() if streams else nullcontext():
            results = pool(delayed(_numbered)(place, parcel, AsBytes(piece)) for place, piece in enumerate(pieces))
        for place, result in results:
            yield place, result.content


def _numbered(
    place: int, parcel: Broadcast[_Shared, _Piece, _Result], piece: AsBytes[_Piece]
) -> tuple[int, AsBytes[_Result]]:
    return place, AsBytes(_on_one_thread(*parcel.opened(), piece.content))


@dataclass(frozen=True)
class AsBytes(Generic[_Content]):
    """What travels as bytes, so that no backend looks for arrays in it and ships each by itself."""

    content: _Content

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_bytes, (pickle.dumps(self.content, pickle.HIGHEST_PROTOCOL),)


def _from_bytes(content: bytes) -> AsBytes[Any]:
    return AsBytes(pickle.loads(content))


@dataclass(frozen=True)
class InChunks:
    """``function(shared, piece)`` of each piece of a task, in order, on several processes (``jobs``)."""

    jobs: int

    def __call__(
        self, function: Callable[[_Shared, _Piece], _Result], shared: _Shared, pieces: Iterable[_Piece]
    ) -> Iterator[_Result]:
        found = dict(parallel_map(function, shared, pieces, self.jobs))
        for place in sorted(found):
            yield found.pop(place)


def processes(jobs: int) -> int:
    """How many processes ``jobs`` are on the active backend."""
    from joblib import effective_n_jobs

    return 1 if jobs == 1 else int(effective_n_jobs(jobs))


def end_workers() -> None:
    """End joblib's own worker processes, which hold the memory of their last piece; the next pieces start new ones."""
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor(reuse=True).shutdown(wait=True)


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """What is started meanwhile never hears of Ctrl-C, which reaches all processes: the first one ends the others."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # where it starts it lets interrupts through again, in Python 3.11
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _on_one_thread(function: Callable[[_Shared, _Piece], _Result], shared: _Shared, piece: _Piece) -> _Result:
    with AT_A_TIME, one_thread():
        return function(shared, piece)


def one_thread() -> AbstractContextManager[Any]:
    """Inside, numeric libraries have one thread: sums are made in the same order everywhere."""
    from threadpoolctl import threadpool_limits

    found: AbstractContextManager[Any] = threadpool_limits(1)
    return found


class Broadcast(Generic[_Shared, _Piece, _Result]):
    """A function and the argument that all its calls share, pickled once here and unpickled once in each process.

    The bytes are an array, and the parcel says its size, which makes backends ship them apart from the pieces, once:
    loky maps a file of them into every process, Dask scatters them. For Ray, `forecast.backtest.cluster` sees to it.
    """

    def __init__(self, function: Callable[[_Shared, _Piece], _Result], shared: _Shared) -> None:
        import numpy as np

        self.name = uuid4().hex
        self.versions = library_versions()
        self.content: NDArray[np.uint8] = np.frombuffer(
            pickle.dumps((function, shared), pickle.HIGHEST_PROTOCOL), np.uint8
        )

    def __sizeof__(self) -> int:
        return int(self.content.nbytes)

    def opened(self) -> tuple[Callable[[_Shared, _Piece], _Result], _Shared]:
        """The function and the shared thing: the same objects whenever this process opens the parcel.

        Raises
        ------
        ClusterError
            When a library here has another version than where the parcel was made.
        """
        with AT_A_TIME:
            if self.name not in _OPENED:
                self._check_versions()
                _OPENED.clear()
                _OPENED[self.name] = pickle.loads(self.content.data)
            found: tuple[Callable[[_Shared, _Piece], _Result], _Shared] = _OPENED[self.name]
        return found

    def _check_versions(self) -> None:
        for name, found in library_versions().items():
            if found != self.versions[name]:
                raise ClusterError(
                    f"A worker has {name} {found} and this process {self.versions[name]}: install the same versions "
                    "on both, or the numbers would not be the same."
                )


_OPENED: dict[str, Any] = {}
"""The parcel last opened in this process, by its name."""


@cache
def library_versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on, by name."""
    from importlib.metadata import version

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"Python": python} | {name: version(name) for name in NUMERIC_LIBRARIES}
