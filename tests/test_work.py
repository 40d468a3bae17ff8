"""Work spread over processes."""

from __future__ import annotations

import pytest

from forecast.work import spread


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_piece_is_done_once_whatever_the_number_of_processes(jobs: int) -> None:
    """Each place comes back once, with what the function makes of the shared thing and its piece."""
    assert dict(spread(pow, 3, [4, 2, 0], jobs)) == {0: 81, 1: 9, 2: 1}
