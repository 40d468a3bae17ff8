"""Make the example brief of the shipped figures and its picture: `make example`.

The brief has the scenario on file in it. Without Chromium the picture is left as it was, and that is said.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE, PICTURE = HERE / "example-brief.html", HERE / "example-brief.png"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
WIDTH, HEIGHT = 1100, 1000
COMMANDS = (
    ("next", "--output", "next"),
    ("scenario", "--scenario-file", "shipped", "--output", "scenario"),
    ("brief", "--run", "next", "--scenario", "scenario", "--output", "brief.html"),
)


def make_page() -> None:
    """Forecast from the shipped figures, and write the brief of it."""
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            print("forecast", *command, flush=True)
            subprocess.run([sys.executable, "-m", "forecast", *command, "--quiet"], cwd=folder, check=True)
        shutil.copyfile(Path(folder) / "brief.html", PAGE)


def take_picture() -> bool:
    """Take a picture of the top of the page; False where there is no Chromium."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        return False
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless=new", "--no-sandbox", "--hide-scrollbars", f"--user-data-dir={profile}"]
        options += [f"--window-size={WIDTH},{HEIGHT}", f"--screenshot={PICTURE}", PAGE.as_uri()]
        subprocess.run([browser, *options], check=True, capture_output=True, timeout=120)
    return True


if __name__ == "__main__":
    make_page()
    if not take_picture():
        print(f"There is no Chromium here: {PICTURE.name} is left as it was.", file=sys.stderr)
