"""Compiled optimisers of likelihoods that the libraries own: arrays in, small frozen results out, no pandas.

`forecast.kernels.arima` maximises the exact likelihood of a regression with seasonal ARIMA errors, and
`forecast.kernels.prophet` the posterior of Prophet's linear-trend model. Both are optimisers of the libraries' own
objectives, not other models. Where one cannot, it raises `KernelError`, and the library may be asked instead.
"""

from __future__ import annotations


class KernelError(ValueError):
    """Why a compiled kernel cannot fit this series, in one sentence."""
