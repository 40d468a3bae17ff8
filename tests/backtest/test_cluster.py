"""Work on clusters: the same numbers, nothing left behind, and a sentence where one cannot be used."""

from __future__ import annotations

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import psutil
import pytest
from joblib import parallel_config
from typer.testing import CliRunner

import forecast as fc
from forecast import cli
from forecast.backtest import cluster as clusters
from forecast.backtest.cluster import cluster
from forecast.backtest.parallel import Broadcast, ClusterError
from forecast.tables.run import Forecasts


def tiny(jobs: int) -> Forecasts:
    """A small backtest on shipped data."""
    return fc.backtest_all(
        fc.read_exports(),
        fc.read_events(),
        fc.read_groups(),
        products=["rare_earth_magnets"],
        destinations=["DEU", "JPN", "USA"],
        models=["naive", "theta"],
        last=2,
        jobs=jobs,
    )


def assert_same(one: Forecasts, other: Forecasts) -> None:
    """Every table of two runs is the same to the last bit."""
    for name, table in one:
        pd.testing.assert_frame_equal(table, getattr(other, name), check_exact=True)


def started() -> set[psutil.Process]:
    """The processes that come from this one, but for Python's own that track what to clean up."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        try:
            if "resource_tracker" not in " ".join(process.cmdline()):
                found.add(process)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


@pytest.fixture
def closed_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever a test starts has ended soon after it; what Ray keeps in a home folder goes to a temporary one."""
    monkeypatch.setenv("HOME", str(tmp_path))
    before = started()
    yield
    _, alive = psutil.wait_procs(started() - before, timeout=10)
    assert not alive


@pytest.fixture
def packed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the parcels as they are pickled in this process, or put into Ray's object store."""
    import ray

    names: list[str] = []

    def noted(parcel: Broadcast) -> dict[str, object]:
        names.append(parcel.name)
        return vars(parcel)

    def stored(value: dict[str, object]) -> object:
        names.append(str(value["name"]))
        return put(value)

    put = ray.put
    monkeypatch.setattr(ray, "put", stored)
    monkeypatch.setattr(Broadcast, "__getstate__", noted, raising=False)
    return names


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["dask", "ray"])
def test_a_cluster_gives_the_numbers_of_one_process(backend: str, closed_down: None, packed: list[str]) -> None:
    """Every table is the same to the last bit, and what all pieces share leaves this process once."""
    with cluster(backend, jobs=2) as jobs:
        there = tiny(jobs)
    assert_same(tiny(1), there)
    assert len(packed) == len(set(packed)) == 2  # for what was expected of events, and for the forecasts


@pytest.mark.slow
def test_whatever_joblib_selects_serves_and_an_address_is_enough(closed_down: None) -> None:
    """A scheduler that runs already is used through joblib's own setting, and by its address; it stays up."""
    from distributed import Client, LocalCluster

    alone = tiny(1)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as running,
        Client(running, set_as_default=False) as client,
    ):
        with parallel_config("dask", client=client):
            assert_same(alone, tiny(-1))
        with cluster("dask", running.scheduler_address) as jobs:
            assert_same(alone, tiny(jobs))
        assert client.submit(pow, 2, 3).result(timeout=10) == 8


@pytest.mark.slow
def test_the_command_runs_on_a_cluster(closed_down: None, tmp_path: Path) -> None:
    """`forecast backtest --backend dask` writes the files that it writes without."""
    command = ["backtest", "--destination", "USA,DEU", "--models", "naive,theta", "--origins", "2", "--quiet"]
    for name, more in (("here", []), ("there", ["--backend", "dask", "--jobs", "2"])):
        result = CliRunner().invoke(cli.app, [*command, *more, "--output", str(tmp_path / name)])
        assert result.exit_code == 0, result.output
    for path in sorted((tmp_path / "here").glob("*.csv")):
        assert path.read_bytes() == (tmp_path / "there" / path.name).read_bytes()


@pytest.mark.slow
def test_workers_of_several_threads_are_refused(closed_down: None) -> None:
    """Pieces of one process take turns, so further threads would idle: the sentence says how to start workers."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=1, threads_per_worker=2, dashboard_address=None) as running:
        address = running.scheduler_address
        message = (
            f"The Dask workers at {address} have up to 2 threads each, of which one would be used: start them with "
            f"dask worker {address} --nworkers -1 --nthreads 1."
        )
        with pytest.raises(ClusterError, match=f"^{re.escape(message)}$"), cluster("dask", address):
            pass


@pytest.mark.slow
def test_a_scheduler_without_workers_is_refused(closed_down: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scheduler alone would wait for ever."""
    from distributed import LocalCluster

    monkeypatch.setattr(clusters, "WAIT_SECONDS", 1)
    with LocalCluster(n_workers=0, dashboard_address=None) as running:
        address = running.scheduler_address
        message = (
            f"No worker of the Dask scheduler at {address} took a task within 1 seconds: start some with dask worker "
            f"{address} --nworkers -1 --nthreads 1."
        )
        with pytest.raises(ClusterError, match=f"^{re.escape(message)}$"), cluster("dask", address):
            pass


@pytest.fixture
def silent() -> str:
    """An address of this machine at which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.slow
@pytest.mark.parametrize(("backend", "what"), [("dask", "Dask scheduler"), ("ray", "Ray head")])
def test_an_address_that_does_not_answer_is_named(
    backend: str, what: str, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within some seconds, in one sentence, with the reason."""
    monkeypatch.setattr(clusters, "WAIT_SECONDS", 1)
    message = rf"^No {what} could be reached at {re.escape(silent)}: .+[^.]\.$"
    with pytest.raises(ClusterError, match=message), cluster(backend, silent):
        pass


@pytest.mark.parametrize(("backend", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_a_package_that_is_not_installed_is_named(backend: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, package, None)
    message = f"The {backend} backend needs the package {package}: pip install 'export-forecast[cluster]'."
    with pytest.raises(ClusterError, match=f"^{re.escape(message)}$"), cluster(backend):
        pass


@pytest.mark.parametrize(
    ("backend", "address", "message"),
    [
        ("spark", None, "backend: expected one of local, dask, ray, found 'spark'."),
        ("local", "host:8786", "host:8786 is the address of a cluster: say of which backend, dask or ray."),
    ],
)
def test_a_backend_and_an_address_have_to_fit(backend: str, address: str | None, message: str) -> None:
    """What cannot be meant is refused before anything starts."""
    with pytest.raises(ClusterError, match=f"^{re.escape(message)}$"), cluster(backend, address):
        pass


def test_the_command_says_in_a_line_what_is_wrong_with_a_cluster(silent: str) -> None:
    """Exit 1 and one line on stderr, as for any refusal."""
    result = CliRunner().invoke(cli.app, ["backtest", "--backend", "ray", "--address", silent])
    assert result.exit_code == 1
    assert re.fullmatch(rf"No Ray head could be reached at {re.escape(silent)}: .+\.\n", result.stderr)
