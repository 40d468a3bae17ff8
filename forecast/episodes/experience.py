"""Experience that ships: what open panels of other goods and countries taught of each kind's path, by year.

``data/experience.csv`` (made by `benchmarks/experience.py`) has, for each kind and year, the prior of a path on a
product never seen before as it was known at the end of that year: a replay of 2023 uses what was known in 2022.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from forecast.episodes.course import KNOTS
from forecast.episodes.path_priors import PathPrior
from forecast.vocabulary.shipped import shipped

EXPERIENCE_COLUMNS = ("kind", "known", "episodes", "sources", "knot", "mean", *KNOTS)
"""A row per knot: its mean (logs), and its covariance with every knot; ``known`` is the year at whose end it was."""


def experience_known(table: pd.DataFrame, issued: date) -> dict[str, PathPrior]:
    """Prior of each kind's path as known on a day: that of the last year in ``table`` that had ended.

    Examples
    --------
    >>> import pandas as pd
    >>> means, zeros = {2020: -1.0, 2021: -2.0}, [0.0] * len(KNOTS)
    >>> rows = [("ban", year, 1, "s", knot, mean, *zeros) for year, mean in means.items() for knot in KNOTS]
    >>> table = pd.DataFrame(rows, columns=EXPERIENCE_COLUMNS)
    >>> float(experience_known(table, date(2021, 12, 31))["ban"].mean[0])
    -1.0
    """
    past = table[table["known"] < issued.year]
    found = {}
    for kind, own in past.groupby("kind"):
        last = own[own["known"] == own["known"].max()].set_index("knot").loc[list(KNOTS)]
        found[str(kind)] = PathPrior(last["mean"].to_numpy(dtype=float), last[list(KNOTS)].to_numpy(dtype=float))
    return found


@lru_cache(maxsize=4)
def read_experience(path: Path) -> pd.DataFrame:
    """The table of a file.

    Raises
    ------
    ValueError
        When a column is missing.
    """
    table = pd.read_csv(path)
    missing = [name for name in EXPERIENCE_COLUMNS if name not in table]
    if missing:
        raise ValueError(
            f"{path.name}: expected the columns {', '.join(EXPERIENCE_COLUMNS)}, found none named {missing[0]}."
        )
    return table


def shipped_experience() -> pd.DataFrame:
    """The packaged table.

    Examples
    --------
    >>> bool(experience_known(shipped_experience(), date(2026, 1, 1))["ban"].mean[2] < -2)
    True
    """
    return read_experience(shipped("experience.csv"))


def known_from_elsewhere(issued: date) -> dict[str, PathPrior]:
    """What the packaged table says as known on a day."""
    return _known_before(issued.year)


@lru_cache(maxsize=64)
def _known_before(year: int) -> dict[str, PathPrior]:
    return experience_known(shipped_experience(), date(year, 1, 1))


def experience_rows(kind: str, known: int, episodes: int, sources: str, prior: PathPrior) -> list[tuple[object, ...]]:
    """Rows of one kind and year, in the order of `EXPERIENCE_COLUMNS`, to three digits."""
    covariance = np.round(prior.covariance, 3)
    return [
        (kind, known, episodes, sources, knot, round(float(prior.mean[at]), 3), *covariance[at].tolist())
        for at, knot in enumerate(KNOTS)
    ]
