"""Inputs kept by the fuzzers, those that were errors once among them: a table or a refusal, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from readers import TARGETS

CORPUS = Path(__file__).parent / "corpus"
KEPT = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
LARGEST = 4096
"""Bytes of an input that is kept."""


@pytest.mark.parametrize("target", TARGETS)
def test_every_kept_input_is_a_table_or_a_refusal(target: str) -> None:
    """The target has inputs to begin with, and passes on each."""
    own = [path for path in KEPT if path.parent.name == target]
    assert own
    for path in own:
        TARGETS[target](path.read_bytes())


def test_the_corpus_is_small_and_every_folder_a_target() -> None:
    """Inputs of a few kilobytes, named by what is read."""
    assert {path.parent.name for path in KEPT} == set(TARGETS)
    assert max(path.stat().st_size for path in KEPT) <= 2 * LARGEST
    assert sum(path.stat().st_size for path in KEPT) < 300_000
