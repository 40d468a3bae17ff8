"""One writer at a time: a lock of the system beside what is written, gone when its holder ends or is killed."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forecast.safety.atomic import PREFIX, make_parents, mark, remove_empty, sweep

_ENDING = ".lock"

_HELD: dict[Path, int] = {}
"""Descriptors of the locks that this process holds, by the place that each is for: a lock belongs to a process."""

_CANNOT = {errno.ENOTSUP, errno.ENOLCK, errno.ENOSYS, errno.EINVAL}
"""What file systems without locks answer; there the last writer wins, and still nothing is half-written."""


class LockedError(ValueError):
    """Another run is writing there: one sentence."""


def is_lock(name: str) -> bool:
    """Whether ``name`` is that of a lock of ours."""
    return name.startswith(PREFIX) and name.endswith(_ENDING)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of ``target``, an absolute path; strays of earlier writers are swept, missing parents made.

    Within one process the lock can be taken again. Parents that were made and stayed empty are removed at the end.

    Raises
    ------
    LockedError
        When another process holds it.
    OSError
        When the disk refuses.
    """
    if target in _HELD:
        yield
        return
    made = make_parents(target)
    try:
        place = target.parent / f"{PREFIX}{mark(target)}{_ENDING}"
        _HELD[target] = _taken(place, target)
        try:
            sweep(target)
            yield
        finally:
            _give_back(place, _HELD.pop(target))
    finally:
        remove_empty(made)


def _taken(place: Path, target: Path) -> int:
    """The descriptor of the lock file, held; one that its last holder has just removed is no lock."""
    while True:
        descriptor = os.open(place, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if not _try_lock(descriptor):
            os.close(descriptor)
            raise LockedError(
                f"{target}: another run is writing there. Wait until it has ended, or choose another --output."
            )
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    """Whether the lock is ours now; also where the file system knows no locks."""
    if os.name != "posix":
        return _try_lock_on_windows(descriptor)
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in _CANNOT
    return True


def _try_lock_on_windows(descriptor: int) -> bool:
    from importlib import import_module

    windows = import_module("msvcrt")
    try:
        windows.locking(descriptor, windows.LK_NBLCK, 1)
    except OSError:
        return False
    return True


def _give_back(place: Path, descriptor: int) -> None:
    """Remove the lock file while it is still held, so that no one else's is removed."""
    if os.name == "posix":
        with suppress(OSError):  # a lock file that stays is no lock: the next run takes it
            place.unlink(missing_ok=True)
    os.close(descriptor)
