"""Where answers are kept: a file a question, named by what was asked, without the key."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from pathlib import Path

from forecast.safety.atomic import is_left_over, read_regular, write_whole
from forecast.sources.services.service import Parameters, Query, Service

FRESH_HOURS = 24
"""How long an answer is taken from the disk in place of asking again."""

KEPT_DAYS = 30
"""How long an answer lies there."""

_ANSWER = re.compile(r"[a-z]+-\d{4}-\d\d-\d{4}-\d\d-[0-9a-f]{16}\.[a-z]+", re.ASCII)


def answers_folder() -> Path:
    """Where answers are kept: in the user's cache folder (``XDG_CACHE_HOME`` where that is set)."""
    from platformdirs import user_cache_path

    return user_cache_path("export-forecast", appauthor=False) / "services"


def answer_place(folder: Path, service: Service, query: Query, question: tuple[str, Parameters]) -> Path:
    """The file of a question: its service and months to read, and a digest of all that is asked, the key left out."""
    asked = json.dumps([service.root, *question]).encode()
    digest = hashlib.sha256(asked).hexdigest()[:16]
    return folder / f"{service.name}-{query.first}-{query.last}-{digest}.{service.ending}"


def kept_answer(path: Path, largest: int) -> bytes | None:
    """The answer in a file that is fresh; None where there is none that can be read."""
    try:
        age = time.time() - path.stat().st_mtime
        return read_regular(path, largest) if 0 <= age < FRESH_HOURS * 3600 else None
    except OSError:
        return None


def keep_answer(path: Path, content: bytes) -> None:
    """Write an answer down, and remove those of the folder that are too old, and nothing else that lies there.

    Raises
    ------
    OSError
        When the disk refuses.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_whole(path, content)
    for other in path.parent.iterdir():
        if is_left_over(other) or _is_old(other):
            other.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    """Whether ``path`` is an answer that has lain there for too long."""
    known = _ANSWER.fullmatch(path.name) and os.path.lexists(path)
    return bool(known) and path.lstat().st_mtime < time.time() - KEPT_DAYS * 86_400
