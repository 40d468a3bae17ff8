"""Models of log volume: one file a model, loaded only when it is asked for by name."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from forecast.models.protocol import Model, PanelModel

MODELS: dict[str, str] = {
    "naive": "forecast.models.naive:Naive",
    "seasonal_naive": "forecast.models.naive:SeasonalNaive",
    "theta": "forecast.models.theta:Theta",
    "arima": "forecast.models.arima:Arima",
    "ets": "forecast.models.ets:Ets",
    "ces": "forecast.models.ces:Ces",
    "prophet": "forecast.models.prophet:Prophet",
    "pooled": "forecast.models.pooled:Pooled",
}
"""Where each model lives, as ``module:class``, by the name that stands in column ``model``."""


COMPILED: dict[str, str] = {
    "arima": "forecast.models.compiled:CompiledArima",
    "prophet": "forecast.models.compiled:CompiledProphet",
}
"""Where the models are that have compiled kernels; under the compiled engine the others are the reference's."""

ENGINES = ("compiled", "reference")
"""``reference`` fits with statsmodels and Prophet, ``compiled`` maximises the same objectives by `forecast.kernels`."""

DEFAULT_ENGINE = "compiled"
"""The engine of functions and commands where none is named."""


def check_engine(engine: str) -> str:
    """The name of an engine, as it was given.

    Raises
    ------
    ValueError
        When there is no such engine.
    """
    if engine not in ENGINES:
        raise ValueError(f"There is no engine {engine!r}: choose among {', '.join(ENGINES)}.")
    return engine


def load(name: str, engine: str = "reference") -> Model | PanelModel:
    """The model called ``name`` with its default hyper-parameters; only the file that holds it is imported.

    Raises
    ------
    ValueError
        When no model has that name, or there is no such engine.

    Examples
    --------
    >>> load("naive")
    Naive()
    """
    if name not in MODELS:
        raise ValueError(f"There is no model {name!r}: choose among {', '.join(MODELS)}.")
    places = MODELS | COMPILED if check_engine(engine) == "compiled" else MODELS
    return _made(places[name])


@cache
def _made(place: str) -> Model | PanelModel:
    """The model at ``module:class``: they do not change, so one of each serves all."""
    module, _, cls = place.partition(":")
    model: Model | PanelModel = getattr(import_module(module), cls)()
    return model
