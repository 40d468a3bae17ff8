"""The step to several machines: a cluster connected to, or made of processes of this machine, and closed again."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from forecast.backtest.parallel import Broadcast, ClusterError
from forecast.safety.settings import elsewhere, no_modules_from_here

BACKENDS = ("local", "dask", "ray")
WAIT_SECONDS = 15
"""How long a scheduler, and then a first worker, may take to answer."""


@contextmanager
def cluster(backend: str = "local", address: str | None = None, jobs: int = 1) -> Iterator[int]:
    """The number of ``jobs`` to ask for inside, where everything with ``jobs`` runs on this backend.

    ``local`` is ``jobs`` processes of this machine, as without any cluster. ``dask`` and ``ray`` connect to the
    scheduler or head at ``address`` and use all of its workers; without an address they start ``jobs`` workers here.
    What was opened is closed at the end. Inside, only work with other than one job leaves this process.

    Raises
    ------
    ClusterError
        When there is no such backend, its package is not installed, nothing answers at the address, or the workers are
        not of one thread each, in a sentence.

    Examples
    --------
    >>> with cluster("local", jobs=2) as jobs:
    ...     jobs
    2
    """
    if backend not in BACKENDS:
        raise ClusterError(f"backend: expected one of {', '.join(BACKENDS)}, found {backend!r}.")
    if backend == "local":
        if address is not None:
            raise ClusterError(f"{address} is the address of a cluster: say of which backend, dask or ray.")
        yield jobs
        return
    with no_modules_from_here(), _dask(address, jobs) if backend == "dask" else _ray(address, jobs):
        yield -1


@contextmanager
def _dask(address: str | None, jobs: int) -> Iterator[None]:
    distributed = _installed("dask", "distributed")
    from joblib import parallel_config

    with ExitStack() as opened:
        if address is None:
            here = distributed.LocalCluster(
                n_workers=jobs, threads_per_worker=1, dashboard_address=None, silence_logs=logging.CRITICAL
            )
            client = opened.enter_context(distributed.Client(opened.enter_context(here), set_as_default=False))
        else:
            client = opened.enter_context(_client(distributed, address))
        with parallel_config("dask", client=client):
            yield


def _client(distributed: Any, address: str) -> Any:
    """A client of a scheduler elsewhere, whose workers have one thread each."""
    try:
        client = distributed.Client(address, timeout=WAIT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise _unreached("Dask scheduler", address, error) from error
    try:
        client.submit(int).result(timeout=WAIT_SECONDS)
        threads = max(client.nthreads().values())
    except TimeoutError as error:
        client.close()
        raise ClusterError(
            f"No worker of the Dask scheduler at {address} took a task within {WAIT_SECONDS} seconds: start some with "
            f"dask worker {address} --nworkers -1 --nthreads 1."
        ) from error
    if threads > 1:
        client.close()
        raise ClusterError(
            f"The Dask workers at {address} have up to {threads} threads each, of which one would be used: start them "
            f"with dask worker {address} --nworkers -1 --nthreads 1."
        )
    return client


@contextmanager
def _ray(address: str | None, jobs: int) -> Iterator[None]:
    ray = _installed("ray", "ray")
    from joblib import parallel_config
    from ray.util.joblib.ray_backend import RayBackend

    class Streaming(RayBackend):  # type: ignore[misc]
        """Ray's own backend, which hands results over one by one, and lets its workers end rather than killing them."""

        _pool: Any = None
        supports_return_generator = True  # of which Ray has all that joblib asks for, a call for each result

        def terminate(self) -> None:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    here = {"num_cpus": jobs, "include_dashboard": False} if address is None else {}
    try:
        if address is not None:
            _knock(address)
        with _unreported(), elsewhere():  # Ray has its workers seek modules in the current folder
            ray.init(address or "local", log_to_driver=False, logging_level=logging.CRITICAL, **here)
    except (OSError, ValueError) as error:
        raise _unreached("Ray head", address, error) from error
    try:
        ray.util.register_serializer(Broadcast, serializer=_stored_once(ray), deserializer=_fetched)
        with parallel_config(Streaming()):
            yield
    finally:
        ray.util.deregister_serializer(Broadcast)
        ray.shutdown()


def _stored_once(ray: Any) -> Callable[[Broadcast[Any, Any, Any]], Any]:
    """The place of a parcel in Ray's object store, which is what goes with each piece: put there at the first."""
    stored: dict[str, Any] = {}

    def place(parcel: Broadcast[Any, Any, Any]) -> Any:
        if parcel.name not in stored:
            stored.clear()
            stored[parcel.name] = ray.put(vars(parcel))
        return stored[parcel.name]

    return place


def _fetched(place: Any) -> Broadcast[Any, Any, Any]:
    """The parcel at a place of Ray's object store, its content in memory that all processes of a machine share."""
    import ray

    parcel: Broadcast[Any, Any, Any] = object.__new__(Broadcast)
    vars(parcel).update(ray.get(place))
    return parcel


def _knock(address: str) -> None:
    """Check that the port of a Ray head is open: Ray itself would try for minutes, and then end this process."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host:
        socket.create_connection((host, int(port)), WAIT_SECONDS).close()


@contextmanager
def _unreported() -> Iterator[None]:
    """A Ray cluster started inside does not report its use to Ray's makers, unless the user's environment says so."""
    name = "RAY_USAGE_STATS_ENABLED"
    if name in os.environ:
        yield
        return
    os.environ[name] = "0"
    try:
        yield
    finally:
        del os.environ[name]


def _installed(backend: str, package: str) -> Any:
    try:
        return import_module(package)
    except ModuleNotFoundError as error:
        raise ClusterError(
            f"The {backend} backend needs the package {error.name}: pip install 'export-forecast[cluster]'."
        ) from error


def _unreached(what: str, address: str | None, error: Exception) -> ClusterError:
    return ClusterError(f"No {what} could be reached at {address or 'this machine'}: {str(error).rstrip('.')}.")
