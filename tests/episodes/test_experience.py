"""Experience that ships: what it says was known by then, and is a prior."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest

from forecast.episodes.experience import EXPERIENCE_COLUMNS, experience_known, experience_rows, read_experience
from forecast.episodes.path_priors import STATED, stated

FILE = Path(__file__).parents[2] / "data" / "experience.csv"


def test_a_day_within_a_year_knows_the_year_before():
    """On 31 December 1990 nothing learned at the end of 1990 is used; on 1 January 1991 it is."""
    table = read_experience(FILE)
    first = int(table["known"].min())
    assert experience_known(table, date(first, 12, 31)) == {}
    assert experience_known(table, date(first + 1, 1, 1))


def test_every_shipped_covariance_is_one():
    """Each block is symmetric and positive definite, and no wider than the stated spread allows."""
    table = read_experience(FILE)
    for year in sorted(set(table["known"])):
        for kind, prior in experience_known(table, date(year + 1, 1, 1)).items():
            assert kind in STATED
            assert prior.covariance == pytest.approx(prior.covariance.T)
            assert np.linalg.eigvalsh(prior.covariance).min() > 0
            assert (np.diag(prior.covariance) <= np.diag(stated(kind).covariance) + 1e-3).all()


def test_rows_are_read_back_as_they_were_written(tmp_path):
    """A prior survives the file to three digits."""
    import pandas as pd

    rows = experience_rows("ban", 2020, 3, "s", stated("ban"))
    pd.DataFrame(rows, columns=list(EXPERIENCE_COLUMNS)).to_csv(tmp_path / "e.csv", index=False)
    found = experience_known(read_experience(tmp_path / "e.csv"), date(2021, 5, 1))["ban"]
    assert found.mean == pytest.approx(stated("ban").mean, abs=5e-4)
    assert found.covariance == pytest.approx(stated("ban").covariance, abs=5e-4)


def test_a_file_without_a_column_is_refused(tmp_path):
    """The sentence names the file, what was expected and what is missing."""
    (tmp_path / "e.csv").write_text("kind,known\nban,2020\n")
    with pytest.raises(ValueError, match=r"e\.csv: expected the columns .*, found none named episodes\."):
        read_experience(tmp_path / "e.csv")
