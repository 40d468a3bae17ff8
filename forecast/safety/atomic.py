"""Files and folders that appear whole or not at all.

Everything is made under a random name beside its place, by exclusive creation and never through a link, forced to the
disk, and renamed; the folder that holds it is forced to the disk too. A name begins with `PREFIX` and the mark of what
it becomes, so that whatever a kill leaves is found and swept by the next writer of the same place, who holds its lock
(`forecast.safety.lock`).
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import secrets
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

PREFIX = ".forecast-"
NEW, FORMER = ".new", ".old"
STRAY_SECONDS = 3_600
_AT_CURRENT_FOLDER, _RENAME_EXCHANGE, _RENAME_SWAP = -100, 2, 2


def mark(path: Path) -> str:
    """Twelve hexadecimal digits that stand for the name of ``path``, however long that is.

    Examples
    --------
    >>> mark(Path("run")) == mark(Path("elsewhere/run")), len(mark(Path("run")))
    (True, 12)
    """
    return hashlib.sha256(os.fsencode(path.name)).hexdigest()[:12]


def write_whole(path: Path, content: bytes, replace: bool = True) -> None:
    """Put ``content`` at ``path``, a new file or an earlier one replaced; a link that stands there is replaced itself.

    Raises
    ------
    OSError
        When the disk refuses, or something other than a file or a link stands at ``path``, without ``replace``
        anything; then all is as it was.
    """
    if not replace and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "something is there: move it or choose another name")
    if os.path.lexists(path) and not stat.S_ISREG(mode := path.lstat().st_mode) and not stat.S_ISLNK(mode):
        raise OSError(f"{path.name} is there and is no file")
    beside = _beside(path, NEW)
    try:
        _create(beside, content)
        beside.replace(path)
    except BaseException:
        with suppress(OSError):  # what cannot be removed now is swept by the next writer
            beside.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _create(path: Path, content: bytes) -> None:
    """A file that was not there, forced to the disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(path, flags, 0o666), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def whole_folder(target: Path, replaceable: Callable[[Path], None]) -> Iterator[Path]:
    """An empty folder beside ``target`` that takes its place when the block ends, and vanishes when it fails.

    ``replaceable`` is called with the folder that is about to be thrown away, once before it leaves its place and once
    after, and raises where it may not be. The caller holds the lock of ``target``.

    Raises
    ------
    OSError
        When the disk refuses; then all is as it was.
    """
    with _workplace(target) as beside:
        yield beside
        sync_tree(beside)
        _take_place(beside, target, replaceable)


@contextmanager
def made_beside(target: Path) -> Iterator[Path]:
    """A path in a folder of its own beside ``target`` for a file that a library makes, which is then put in its place.

    The caller holds the lock of ``target``, at which nothing stands yet.

    Raises
    ------
    OSError
        When the disk refuses; then all is as it was.
    """
    with _workplace(target) as beside:
        made = beside / target.name
        yield made
        _sync(made)
        made.rename(target)
        sync_folder(target.parent)


@contextmanager
def _workplace(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target``, gone when the block ends."""
    beside = _beside(target, NEW)
    beside.mkdir()
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)  # what cannot be removed now is swept by the next writer


def _take_place(beside: Path, target: Path, replaceable: Callable[[Path], None]) -> None:
    """The new folder in its place; the former one, where there was one, is left at ``beside`` or thrown away."""
    if not target.exists():
        beside.rename(target)
    else:
        replaceable(target)
        _swap(beside, target)
        try:
            replaceable(beside)
        except BaseException:
            _swap(beside, target)
            raise
    sync_folder(target.parent)


def _swap(beside: Path, target: Path) -> None:
    """Exchange two folders: at once where the system can, else by renames between which the former one is kept."""
    if _exchanged(beside, target):
        return
    former = _beside(target, FORMER)
    target.rename(former)
    try:
        beside.rename(target)
    except BaseException:
        former.rename(target)
        raise
    former.rename(beside)


def _exchanged(first: Path, second: Path) -> bool:
    """Whether the system has exchanged two names at once; False where it cannot."""
    call = _exchange_call()
    return call is not None and call(os.fsencode(first), os.fsencode(second)) == 0


@cache
def _exchange_call() -> Callable[[bytes, bytes], int] | None:
    """The system's own exchange of two names: 0 when done."""
    if sys.platform not in ("linux", "darwin"):
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "linux" and hasattr(library, "renameat2"):
        here = _AT_CURRENT_FOLDER
        return lambda first, second: int(library.renameat2(here, first, here, second, _RENAME_EXCHANGE))
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        return lambda first, second: int(library.renamex_np(first, second, _RENAME_SWAP))
    return None


def sweep(target: Path) -> None:
    """Remove what a killed writer of ``target`` left beside it, and put back what only stands there.

    The caller holds the lock of ``target``, so no writer is alive.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    if not target.parent.is_dir():
        return
    strays = [path for path in target.parent.iterdir() if path.name.startswith(f"{PREFIX}{mark(target)}-")]
    former = [path for path in strays if path.suffix == FORMER]
    if former and not os.path.lexists(target):
        former[0].rename(target)
    for path in strays:
        if os.path.lexists(path) and path.suffix in (NEW, FORMER):
            remove(path)


def remove(path: Path) -> None:
    """Remove a file, a link (not what it points to), or a folder with all that is in it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def is_stray(name: str) -> bool:
    """Whether ``name`` is one under which something of ours waits to be renamed.

    Examples
    --------
    >>> is_stray(".forecast-0123456789ab-0123456789abcdef.new"), is_stray("thesis.docx")
    (True, False)
    """
    return name.startswith(PREFIX) and name.endswith((NEW, FORMER))


def is_left_over(path: Path) -> bool:
    """Whether a killed writer left ``path``, where folders have many writers and no lock: a stray for an hour."""
    return is_stray(path.name) and os.path.lexists(path) and path.lstat().st_mtime < time.time() - STRAY_SECONDS


def is_file(path: Path) -> bool:
    """Whether a file can be found at ``path``; not where the name itself is none that the system can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def read_regular(path: Path, largest: int, through_links: bool = True) -> bytes:
    """The bytes of a file that is a file, not a pipe or a device that would never end, nor a link where none may be.

    Raises
    ------
    OSError
        When it cannot be read, is no file, or has more than ``largest`` bytes.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    descriptor = os.open(path, flags if through_links else flags | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError("it is no file")
        if found.st_size > largest:
            raise OSError(f"it has more than {largest:,} bytes")
        return file.read()


def sync_tree(folder: Path) -> None:
    """All files and folders below ``folder``, and itself, forced to the disk."""
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir():
            sync_folder(path)
        else:
            _sync(path)
    sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """The names in a folder forced to the disk, where the system lets a folder be opened."""
    if os.name == "posix":
        _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _beside(path: Path, suffix: str) -> Path:
    return path.parent / f"{PREFIX}{mark(path)}-{secrets.token_hex(8)}{suffix}"


def make_parents(path: Path) -> list[Path]:
    """Make the folders above ``path``; those that were not there, outermost first.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    missing = [folder for folder in reversed(path.parents) if not os.path.lexists(folder)]
    for folder in missing:
        with suppress(FileExistsError):
            folder.mkdir()
    return missing


def remove_empty(folders: list[Path]) -> None:
    """Remove those of ``folders``, innermost first, that hold nothing."""
    for folder in reversed(folders):
        with suppress(OSError):
            folder.rmdir()
