"""Parallel map over independent tasks: each once, shared once, on one thread."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
from joblib import Parallel, delayed, parallel_config
from joblib.parallel import LokyBackend

from forecast.backtest import parallel
from forecast.backtest.parallel import Broadcast, ClusterError, end_workers, parallel_map


@pytest.mark.parametrize("jobs", [1, 2])
def test_every_piece_is_done_once_whatever_the_number_of_processes(jobs: int) -> None:
    """Each place comes back once, with what the function makes of the shared thing and its piece."""
    assert dict(parallel_map(pow, 3, [4, 2, 0], jobs)) == {0: 81, 1: 9, 2: 1}


DEAF = """
import signal
from forecast.backtest.parallel import parallel_map
blocked = dict(parallel_map(signal.pthread_sigmask, signal.SIG_BLOCK, [(), ()], 2))
print(*(set(found) == {signal.SIGINT} for found in blocked.values()))
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="there are no masks of signals here")
def test_worker_processes_never_hear_of_interrupts() -> None:
    """Ctrl-C reaches all processes: those of a fresh interpreter block it, and the first one ends them."""
    found = subprocess.run([sys.executable, "-c", DEAF], capture_output=True, text=True, check=True)
    assert found.stdout == "True True\n"


class Counted:
    """A shared thing that leaves a line in a file whenever it is pickled, and another whenever it is unpickled."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal

    def __getstate__(self) -> dict[str, Path]:
        self.note("pickled")
        return {"journal": self.journal}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.journal = state["journal"]
        self.note("unpickled")

    def note(self, line: str) -> None:
        """Add a line."""
        with self.journal.open("a") as file:
            file.write(f"{line}\n")


def doubled(shared: Counted, piece: int) -> int:
    """A piece that takes a moment, so that every process gets some."""
    time.sleep(0.05)
    return 2 * piece


def seen(journal: Path, line: str) -> int:
    return journal.read_text().splitlines().count(line) if journal.exists() else 0


def test_one_job_pickles_nothing(tmp_path: Path) -> None:
    """In this process the function gets the shared thing itself."""
    journal = tmp_path / "journal"
    assert dict(parallel_map(doubled, Counted(journal), [1, 2], jobs=1)) == {0: 2, 1: 4}
    assert not journal.exists()


def test_one_piece_goes_nowhere(tmp_path: Path) -> None:
    """However many processes there may be: another would hold what it needs a second time."""
    journal = tmp_path / "journal"
    assert dict(parallel_map(doubled, Counted(journal), [3], jobs=2)) == {0: 6}
    assert not journal.exists()


@pytest.mark.slow
def test_the_shared_thing_is_pickled_once_and_unpickled_once_in_each_process(tmp_path: Path) -> None:
    """However many pieces there are, it is shipped once, and read once by each of two processes."""
    journal = tmp_path / "journal"
    assert len(list(parallel_map(doubled, Counted(journal), range(12), jobs=2))) == 12
    assert seen(journal, "pickled") == 1
    assert seen(journal, "unpickled") in (1, 2)


def kind(parcel: Broadcast) -> str:
    """What a process holds the content in."""
    return type(parcel.content).__name__


def test_processes_of_this_machine_read_one_file() -> None:
    """Joblib maps even a small content from a file, and sends its name with the pieces."""
    parcel = Broadcast(pow, 3)
    assert isinstance(parcel.content, np.ndarray)
    assert set(Parallel(n_jobs=2, max_nbytes=1)(delayed(kind)(parcel) for _ in range(4))) == {"memmap"}


@pytest.mark.slow
def test_results_come_as_they_are_done() -> None:
    """A quick piece is handed over while a slow one before it still runs."""
    assert [place for place, _ in parallel_map(slept, 0.0, [1.0, 0.01, 0.01], jobs=2)][-1] == 0


def slept(extra: float, seconds: float) -> float:
    """A piece of a known length."""
    time.sleep(extra + seconds)
    return seconds


class Crowd:
    """Counts how many pieces are in it at a time."""

    def __init__(self) -> None:
        self.now, self.most = 0, 0

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return Crowd, ()


def crowded(crowd: Crowd, piece: int) -> int:
    """The most pieces that ever ran together."""
    crowd.now += 1
    crowd.most = max(crowd.most, crowd.now)
    time.sleep(0.02)
    crowd.now -= 1
    return crowd.most


def test_threads_take_turns() -> None:
    """On a backend of threads one piece runs at a time: the limits on threads inside a piece are the process's."""
    with parallel_config("threading"):
        assert {most for _, most in parallel_map(crowded, Crowd(), range(6), jobs=3)} == {1}


class Silent(LokyBackend):
    """A backend that joblib cannot take single results from."""

    supports_return_generator = False


def test_a_backend_that_cannot_stream_gives_the_same() -> None:
    """Where joblib cannot hand results over one by one, they come at the end."""
    with parallel_config(Silent()):
        assert dict(parallel_map(pow, 3, [4, 2, 0], jobs=2)) == {0: 81, 1: 9, 2: 1}


def test_a_worker_with_another_version_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers of other versions of a library would be other numbers; nothing is unpickled before that is known."""
    parcel = Broadcast(pow, 3)
    parcel.versions = parcel.versions | {"scipy": "0.1"}
    parcel.content = np.frombuffer(b"not a pickle", np.uint8)
    found = parallel.library_versions()["scipy"]
    message = (
        f"A worker has scipy {found} and this process 0.1: install the same versions on both, or the numbers would not "
        "be the same."
    )
    with pytest.raises(ClusterError) as refused:
        parcel.opened()
    assert str(refused.value) == message


def test_a_failing_piece_fails_the_run() -> None:
    """The error of a piece is raised where the results are read."""
    with pytest.raises(ZeroDivisionError):
        list(parallel_map(divmod, 1, [1, 0, 2], jobs=2))


@pytest.mark.slow
def test_worker_processes_end_and_the_next_pieces_have_new_ones() -> None:
    """None of this machine's is left, and what comes next is done all the same."""
    assert dict(parallel_map(pow, 3, [4, 2], jobs=2)) == {0: 81, 1: 9}
    before = {child.pid for child in psutil.Process().children(recursive=True) if is_worker(child)}
    end_workers()
    assert before
    assert not before & {child.pid for child in psutil.Process().children(recursive=True) if is_worker(child)}
    assert dict(parallel_map(pow, 3, [1, 0], jobs=2)) == {0: 3, 1: 1}


def is_worker(process: psutil.Process) -> bool:
    """Whether it is a worker of loky that still runs."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and any("popen_loky" in word for word in process.cmdline())
    except psutil.NoSuchProcess:
        return False
