"""What README promises runs: its Python, its commands, its picture. That of the documentation is in test_docs.py."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from forecast.cli import app

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)[::-1])
COMMANDS = re.findall(r"^forecast .*?(?=\s+#|$)", README, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """From the first line to the last, and it leaves the picture that it says."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(BLOCKS["python"], "README.md", "exec"), names)
    assert {"theta", "pooled", "combination"} == set(names["run"].forecasts["model"])
    assert (tmp_path / "wld.png").stat().st_size > 10_000


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_readme_has_its_options(command: str):
    """Each option stands in the help of its command."""
    _, name, *rest = shlex.split(command)
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
    assert shown
    assert all(option in shown for option in rest if option.startswith("--"))


def test_what_the_readme_links_to_is_there():
    """Every picture and page inside the repository."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
    assert len(COMMANDS) >= 8


def test_the_readme_shows_a_brief_and_is_short():
    """A picture that leads to the page it shows; a page and a half of text."""
    assert "](docs/example-brief.png)](docs/example-brief.html)" in README
    assert len(README.splitlines()) <= 90
