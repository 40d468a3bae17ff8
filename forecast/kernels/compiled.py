"""How the kernels are compiled: once for each machine, kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True}
"""Arithmetic as it is written: with sums reordered, a function would give other last digits from the cache than at its
first call, since which copy of it runs depends on what was compiled before."""


def compiled(function: Function) -> Function:
    """``function``, compiled by numba at its first call and kept on disk for later processes.

    The machine code goes beside the source, or to the user's cache where the package folder is read-only
    (``NUMBA_CACHE_DIR`` overrides both). Where neither can be written it is compiled again in every process.
    """
    try:
        return cast(Function, numba.njit(function, cache=True, **OPTIONS))
    except RuntimeError:  # numba found no folder to write to
        return cast(Function, numba.njit(function, **OPTIONS))


def inlined(function: Function) -> Function:
    """``function``, compiled as part of each compiled function that calls it, where that saves machine code."""
    return cast(Function, numba.njit(function, inline="always", **OPTIONS))


def on_disk(function: Callable[..., Any]) -> bool:
    """Whether machine code of a `compiled` ``function`` is kept on disk, so that its first call will be quick.

    Code of another version of the package may count too; numba recognises it and compiles again.
    """
    folder = cast(Any, function).stats.cache_path
    code = function.__code__
    stem = f"{Path(code.co_filename).stem}.{function.__name__}-{code.co_firstlineno}."
    return folder is not None and any(Path(folder).glob(f"{stem}*.nbi"))
