"""``python -m forecast``: the command line without its script."""

from forecast.cli import app

app(prog_name="forecast")
