"""Models of log volume: one file a model, loaded only when it is asked for by name."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecast.models.protocol import Model, PanelModel

MODELS: dict[str, str] = {
    "naive": "forecast.models.naive:Naive",
    "seasonal_naive": "forecast.models.naive:SeasonalNaive",
    "theta": "forecast.models.theta:Theta",
    "arima": "forecast.models.arima:Arima",
    "prophet": "forecast.models.prophet:Prophet",
    "pooled": "forecast.models.pooled:Pooled",
}
"""Where each model lives, as ``module:class``, by the name that stands in column ``model``."""


def load(name: str) -> Model | PanelModel:
    """The model called ``name`` with its default hyper-parameters; only the file that holds it is imported.

    Raises
    ------
    ValueError
        When no model has that name.

    Examples
    --------
    >>> load("naive")
    Naive()
    """
    if name not in MODELS:
        raise ValueError(f"There is no model {name!r}: choose among {', '.join(MODELS)}.")
    module, _, cls = MODELS[name].partition(":")
    model: Model | PanelModel = getattr(import_module(module), cls)()
    return model
