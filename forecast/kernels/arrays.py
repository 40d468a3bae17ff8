"""What the kernels compute on: columns of floats by month, and the months of a season."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SEASON = 12
"""Months of a year."""
