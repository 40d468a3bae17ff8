"""How the kernels are compiled: once for each machine, kept on disk."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from forecast.safety.settings import elsewhere

with elsewhere():  # numba obeys a file of settings in the current folder, which says where compiled code is loaded from
    import numba
    from numba.core import config, event

config._config_fname = ""  # and looks for it again whenever it compiles

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True, "no_rewrites": True}
"""Arithmetic as it is written: with sums reordered, a function would give other last digits from the cache than at its
first call, since which copy of it runs depends on what was compiled before. Kernels are loops, which have nothing to
rewrite."""


class WithoutCollector(event.Listener):
    """The garbage collector rests while numba compiles: going through its many objects takes a tenth of the time."""

    depth = 0
    was_enabled = False

    def on_start(self, event: event.Event) -> None:
        """The collector rests from the outermost function on."""
        if self.depth == 0:
            self.was_enabled = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event: event.Event) -> None:
        """After the outermost function it is as it was."""
        self.depth -= 1
        if self.depth == 0 and self.was_enabled:
            gc.enable()


cast(Any, event).register("numba:compile", WithoutCollector())


def compiled(function: Function) -> Function:
    """``function``, compiled by numba at its first call and kept on disk for later processes.

    The machine code goes beside the source, or to the user's cache where the package folder is read-only
    (``NUMBA_CACHE_DIR`` overrides both). Where neither can be written it is compiled again in every process.
    """
    try:
        return cast(Function, numba.njit(function, cache=True, **OPTIONS))
    except RuntimeError:  # numba found no folder to write to
        return cast(Function, numba.njit(function, **OPTIONS))


def part(function: Function) -> Function:
    """``function``, compiled for the compiled functions that call it, and kept with them; Python cannot call it."""
    return cast(Function, cast(Any, numba.njit)(function, no_cpython_wrapper=True, **OPTIONS))


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
