"""Damaged and foreign run folders: a page or a sentence that names the file, never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from damage import FILE_DAMAGES, attempt, damages, make_sound, spoilt

EVERY = 61
"""Which part of the damages the suite tries; ``python tests/safety/damage.py`` tries all."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with rows in every table."""
    return make_sound(tmp_path_factory.mktemp("sound"))


@pytest.mark.slow
def test_a_sound_folder_is_a_page(sound: Path) -> None:
    """Figures drawn too."""
    assert attempt(sound, drawing=True) == "page"


@pytest.mark.slow
def test_damaged_folders_are_a_page_or_a_sentence(sound: Path, tmp_path: Path) -> None:
    """Every sixty-first damage; there are over two thousand."""
    every = [*damages(sound)]
    assert len(every) > 2000
    found = [attempt(spoilt(sound, damage, tmp_path), drawing=False) for _, damage in every[::EVERY]]
    assert {"page"} < set(found)


@pytest.mark.parametrize("what", FILE_DAMAGES)
def test_a_damaged_table_is_named(sound: Path, tmp_path: Path, what: str) -> None:
    """The sentence has the name of the file, or says that there is no forecast in it."""
    folder = spoilt(sound, lambda folder: FILE_DAMAGES[what](folder / "forecasts.csv"), tmp_path)
    found = attempt(folder, drawing=False)
    assert "forecasts.csv" in found or "found no forecast whose actual is out" in found
