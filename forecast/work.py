"""Where the work runs: pieces that share nothing but one common thing, spread over processes.

Whatever `joblib.parallel_config` selects serves, so that a library user picks a backend as in scikit-learn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

Shared = TypeVar("Shared")
Piece = TypeVar("Piece")
Result = TypeVar("Result")


def spread(
    function: Callable[[Shared, Piece], Result], shared: Shared, pieces: Sequence[Piece], jobs: int
) -> Iterator[tuple[int, Result]]:
    """The place of each piece and ``function(shared, piece)``, as they are done, on ``jobs`` processes.

    ``function`` runs on one thread, so that sums are made in the same order everywhere: neither ``jobs`` nor the order
    in which pieces end changes a number.

    Examples
    --------
    >>> sorted(spread(pow, 2, [1, 2, 3], jobs=1))
    [(0, 2), (1, 4), (2, 8)]
    """
    from joblib import Parallel, delayed

    work = Parallel(n_jobs=jobs, return_as="generator_unordered")(
        delayed(_numbered)(place, function, shared, piece) for place, piece in enumerate(pieces)
    )
    yield from work


def _numbered(
    place: int, function: Callable[[Shared, Piece], Result], shared: Shared, piece: Piece
) -> tuple[int, Result]:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return place, function(shared, piece)
