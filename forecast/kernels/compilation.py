"""What to tell somebody before kernels are compiled; they themselves say nothing."""

from __future__ import annotations

from forecast.kernels import likelihood, local_level, prophet
from forecast.kernels.jit import on_disk

SECONDS = 10
"""What compiling all kernels takes on one core, rounded up; ``benchmarks/kernels.py`` measures it."""


def notice() -> str | None:
    """One line to show before the first call on a machine that never compiled the kernels; None on others.

    Importing this module takes the time of importing numba.
    """
    if all(on_disk(kernel) for kernel in (likelihood.minimise, prophet.mode, local_level.cost)):
        return None
    return f"Compiling the kernels, once on this machine: about {SECONDS} seconds."
