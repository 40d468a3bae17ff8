"""Where a run is written: never through a link, never over what no run wrote, refused before any work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from attacked import BACKTEST, NEXT, QUICK, contents, refused, run, strays, write_world

from forecast.safety import atomic, lock
from forecast.tables.run_folder import OutputError, check_place, claimed, new_folder, read_run, write_page


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a world."""
    monkeypatch.chdir(tmp_path)
    return write_world(tmp_path)


def forbid_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on it fails when any model would be fitted."""

    def work(*_: object, **__: object) -> None:
        raise AssertionError("the refusal should have come before the work")

    monkeypatch.setattr("forecast.backtest.run.run_tasks", work)


@pytest.fixture
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """No model may be fitted."""
    forbid_work(monkeypatch)


@pytest.mark.parametrize("command", [NEXT, BACKTEST], ids=["next", "backtest"])
def test_what_no_run_wrote_is_kept_and_named(place: Path, monkeypatch, command: list[str]) -> None:
    """thesis.docx and .git in the folder of an earlier run are named, and every byte stays."""
    assert run(*NEXT).exit_code == 0
    forbid_work(monkeypatch)
    Path("o/thesis.docx").write_bytes(b"years of work")
    Path("o/.git").mkdir()
    Path("o/.git/HEAD").write_text("ref")
    before = contents(place)
    assert refused(*command) == (
        "o: expected a new or empty folder, or one of an earlier run, found .git and thesis.docx, which no run wrote. "
        "Choose another folder."
    )
    assert contents(place) == before


def test_what_appears_while_a_run_is_made_is_kept(place: Path) -> None:
    """A file put into the earlier run's folder during the work keeps that folder where it is."""
    assert run(*NEXT).exit_code == 0

    def write() -> None:
        with new_folder(Path("o")) as beside:
            (beside / "run.json").write_text('{"package": "export-forecast", "files": []}')
            Path("o/thesis.docx").write_bytes(b"just now")

    with pytest.raises(OutputError, match=r"found thesis\.docx, which no run wrote\. Choose another folder\.$"):
        write()
    assert Path("o/thesis.docx").read_bytes() == b"just now"
    assert Path("o/forecasts.csv").exists()
    assert strays(place) == []


@pytest.mark.slow
def test_files_of_the_run_and_its_report_are_replaced(place: Path) -> None:
    """What run.json lists, a report, and a run without events inside are of the run; plots go when it has none."""
    assert run(*NEXT, "--plot").exit_code == 0
    Path("o/report.html").write_text("page")
    assert run(*NEXT[:-1], "o/without_events").exit_code == 0
    assert run(*NEXT).exit_code == 0
    assert sorted([path.name for path in Path("o").iterdir()]) == [
        "dropped.csv",
        "effects.csv",
        "failures.csv",
        "forecasts.csv",
        "run.json",
        "table.md",
    ]


def test_a_link_is_not_written_through(place: Path, no_work) -> None:
    """A link as output is refused, and so is the mount point /proc, before any work."""
    Path("mine").mkdir()
    Path("o").symlink_to("mine")
    expected = "o: expected a new or empty folder, or one of an earlier run"
    assert refused(*NEXT) == f"{expected}, found a link. Name the folder itself."
    assert [path.name for path in Path("mine").iterdir()] == []


def test_a_mount_point_is_refused_before_the_work(place: Path, no_work, monkeypatch) -> None:
    """It could not be renamed at the end."""
    Path("o").mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: str(path) == "o")
    assert refused(*NEXT).endswith("found a mount point, which cannot be replaced. Choose a folder inside it.")


def test_the_current_folder_is_not_replaced(tmp_path: Path, monkeypatch, no_work) -> None:
    """``--output .`` in an empty folder, and ``..``, are refused in a sentence."""
    world = write_world(tmp_path)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    files = ["--exports", str(world / "exports.csv"), "--events", "none", "--models", "naive"]
    for name in (".", ".."):
        sentence = refused("next", *files, "--output", name)
        assert sentence.endswith("found the current folder or one above it. Choose a folder inside it.")
    assert [path.name for path in Path().iterdir()] == []


@pytest.mark.parametrize("length", [250, 300])
def test_a_long_name_is_a_run_or_a_sentence(place: Path, length: int) -> None:
    """250 characters can be written; where the system takes no such name, a sentence says so."""
    result = run(*NEXT[:-1], "n" * length)
    if length == 250:
        assert result.exit_code == 0, result.output
        assert (place / ("n" * length) / "run.json").exists()
    else:
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.endswith("found that it cannot (file name too long).\n")
    partial = run(*BACKTEST[:-1], "b" * length)
    assert (partial.exit_code, partial.stdout) == (1, "")
    assert "file name too long" in partial.stderr
    assert strays(place) == []


def test_a_current_folder_that_is_gone_is_a_sentence(tmp_path: Path, monkeypatch) -> None:
    """No command ends in a traceback because its folder was removed."""
    world = write_world(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    files = ["--exports", str(world / "exports.csv"), "--events", "none", "--models", "naive", "--no-calibrate"]
    for arguments in (["next", *files], ["backtest", *files, "--origins", "2"], ["report", "--run", "."]):
        result = run(*arguments)
        assert result.exit_code == 1
        assert len(result.stderr.splitlines()) == 1


@pytest.mark.slow
def test_another_run_is_writing_there(place: Path) -> None:
    """Two processes on one output: the second is refused in a sentence, at once, and the first ends as if alone."""
    code = (
        "import sys; from pathlib import Path; from forecast.tables.run_folder import claimed\n"
        "with claimed(Path('o')): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    expected = "another run is writing there. Wait until it has ended, or choose another --output."
    for command in (NEXT, BACKTEST):
        assert refused(*command) == f"{place / 'o'}: {expected}"
    holder.kill()
    holder.communicate()
    assert run(*NEXT).exit_code == 0
    assert strays(place) == []


def test_a_lock_can_be_taken_again_by_its_holder(tmp_path: Path) -> None:
    """The command holds the place, and the writer inside it does too; empty parents are removed at the end."""
    target = tmp_path / "a" / "b" / "run"
    with claimed(target), claimed(target):
        assert (tmp_path / "a" / "b").is_dir()
    assert [path.name for path in tmp_path.iterdir()] == []


def test_strays_of_a_killed_writer_are_swept_and_no_others(place: Path) -> None:
    """Folders under our hidden names of this place go at the next start; those of another place stay."""
    own = f"{atomic.PREFIX}{atomic.mark(Path('o'))}-0123456789abcdef{atomic.NEW}"
    other = f"{atomic.PREFIX}{atomic.mark(Path('p'))}-0123456789abcdef{atomic.NEW}"
    for name in (own, other):
        Path(name).mkdir()
        (Path(name) / "forecasts.csv").touch()
    assert run(*NEXT).exit_code == 0
    assert strays(place) == [other]


def test_a_link_among_the_strays_is_removed_and_not_followed(place: Path) -> None:
    """Somebody's folder behind a link under one of our names keeps all its files."""
    (place / "mine").mkdir()
    (place / "mine" / "thesis.docx").write_bytes(b"years")
    name = f"{atomic.PREFIX}{atomic.mark(Path('o'))}-0123456789abcdef{atomic.NEW}"
    Path(name).symlink_to("mine")
    assert run(*NEXT).exit_code == 0
    assert (place / "mine" / "thesis.docx").read_bytes() == b"years"


@pytest.mark.slow
def test_without_an_exchange_a_kill_between_two_renames_is_mended(place: Path, monkeypatch) -> None:
    """The earlier run, which then only has its hidden name, is back at the next start."""
    assert run(*NEXT).exit_code == 0
    earlier = contents(place / "o")
    monkeypatch.setattr(atomic, "_exchange_call", lambda: None)
    rename = Path.rename

    def killed(self: Path, target: Path) -> Path:
        if self.suffix == atomic.NEW:
            raise SystemError
        return rename(self, target)

    former = f"{atomic.PREFIX}{atomic.mark(Path('o'))}-0123456789abcdef{atomic.FORMER}"
    Path("o").rename(former)
    with lock.locked(place / "o"):
        assert contents(place / "o") == earlier
    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(SystemError):
        run(*NEXT)
    assert contents(place / "o") == earlier
    assert strays(place) == []


@pytest.mark.parametrize("command", ["report", "changes"])
def test_a_file_is_made_anew_and_not_through_a_link(tmp_path: Path, command: str) -> None:
    """The number of the process is in no name: links for many numbers are not followed, nor one at the end."""
    mine = tmp_path / "mine.txt"
    mine.write_text("years of work")
    for number in range(os.getpid(), os.getpid() + 50):
        (tmp_path / f".{command}.html.{number}.new").symlink_to(mine)
    page = tmp_path / f"{command}.html"
    page.symlink_to(mine)
    write_page(page, "<p>page</p>")
    assert mine.read_text() == "years of work"
    assert not page.is_symlink()
    assert page.read_text() == "<p>page</p>"


@pytest.mark.slow
def test_changes_does_not_write_through_a_link(place: Path) -> None:
    """``changes --output LINK`` replaces the link and leaves what it points to."""
    Path("mine.txt").write_text("years")
    Path("found.csv").symlink_to("mine.txt")
    assert run("changes", *QUICK[:4], "--output", "found.csv", "--quiet").exit_code == 0
    assert Path("mine.txt").read_text() == "years"
    assert Path("found.csv").read_text().startswith("event,kind,")


def test_a_device_is_no_page(tmp_path: Path) -> None:
    """What is neither file nor link is not replaced."""
    os.mkfifo(tmp_path / "pipe.html")
    with pytest.raises(OutputError, match=r"found that it cannot \(pipe\.html is there and is no file\)\.$"):
        write_page(tmp_path / "pipe.html", "page")


def test_a_place_is_checked_without_a_trace(tmp_path: Path) -> None:
    """Looking leaves nothing behind."""
    check_place(tmp_path / "new" / "run")
    assert [path.name for path in tmp_path.iterdir()] == []


def full(arguments: list[str], place: Path, stdout: str) -> subprocess.CompletedProcess[str]:
    """A command whose standard output goes to a device."""
    with Path(stdout).open("w") as device:
        return subprocess.run(
            [sys.executable, "-m", "forecast", *arguments], stdout=device, stderr=subprocess.PIPE, text=True, cwd=place,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        )  # fmt: skip


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_screen_is_a_sentence(place: Path) -> None:
    """The run is written; that it could not be shown is one line and exit 1."""
    done = full(NEXT, place, "/dev/full")
    assert done.stderr.splitlines()[-1] == (
        "standard output or the disk: expected a place that can be read and written, found that it cannot "
        "(no space left on device)."
    )
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert (place / "o" / "run.json").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
@pytest.mark.parametrize("words", [["--version"], ["--help"], ["next", "--help"]])
def test_a_help_that_cannot_be_shown_is_a_sentence(place: Path, words: list[str]) -> None:
    """What is printed before any command begins, too."""
    done = full(words, place, "/dev/full")
    assert done.returncode == 1
    assert done.stderr.endswith("cannot (no space left on device).\n")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a shell of Unix")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_traceback_and_no_file_gets_their_numbers(place: Path, closed: str) -> None:
    """Whatever is printed then goes nowhere, and the run is written."""
    done = subprocess.run(
        ["sh", "-c", f'exec "$@" {closed}', "sh", sys.executable, "-m", "forecast", *NEXT],
        capture_output=True, text=True, cwd=place,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
    assert read_run(place / "o").forecasts["model"].unique().tolist() == ["naive"]
