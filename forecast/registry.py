"""The one registry of models: where each lives, and what it can do. Nothing heavy is imported to read it.

Commands, laws, members of the combination, costs, marks of plots and the weight columns of the calibration derive from
it. Models of other packages come in through the entry-point group ``forecast.models``, whose entries are `ModelEntry`s.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

ENTRY_POINTS = "forecast.models"

ENGINES = ("compiled", "reference")
"""``reference`` fits with statsmodels and Prophet, ``compiled`` maximises the same objectives by `forecast.kernels`."""

DEFAULT_ENGINE = "compiled"
"""The engine of functions and commands where none is named."""

COMBINATION = "combination"
"""The forecast combination: not a model that is fitted, but made of those that are members."""


@dataclass(frozen=True)
class ModelEntry:
    """One model and what it can do (`forecast.models.protocol` has the methods that go with each).

    Attributes
    ----------
    name
        As it stands in column ``model``.
    place, compiled
        ``module:class`` of the reference, and of the one that fits by compiled kernels if there is one.
    panel
        Whether it is fitted to all series at once.
    follows
        Whether its fits can ``follow`` a series: the same parameters on later figures, without a search.
    effects
        Whether its fits report the ``effects`` of regressors; a run notes those of models of one series.
    member
        Whether the combination is made of it.
    stand_in
        Whether it takes the place of the combination where no member has a forecast.
    stage
        Whether it is fitted before all others, which see what it leaves: the structural model.
    benchmark
        Whether it knows no events: fitted to the volumes as they are.
    unlearned
        Weight among the members where nothing was learned yet. Settled on M1 and an open panel: the structural model is
        not worth its weight in a calm series by itself; a weight of almost nothing lets it speak where it stands alone.
    cost_ms
        Milliseconds of one fit with its forecast and rows, by engine; the sizes of tasks go by their ratios.
    colour, marker
        Of its line in plots.
    """

    name: str
    place: str
    compiled: str | None = None
    panel: bool = False
    follows: bool = False
    effects: bool = False
    member: bool = False
    stand_in: bool = False
    stage: bool = False
    benchmark: bool = False
    unlearned: float = 1.0
    cost_ms: tuple[float, float] = (1.0, 1.0)
    colour: str = "0.4"
    marker: str = "o"

    def place_of(self, engine: str) -> str:
        """``module:class`` of the model under an engine."""
        return self.compiled or self.place if engine == "compiled" else self.place

    def cost(self, engine: str) -> float:
        """Milliseconds of one fit under an engine."""
        return self.cost_ms[ENGINES.index(engine)]


BUILT_IN = (
    ModelEntry("naive", "forecast.models.naive:Naive", stand_in=True, benchmark=True, cost_ms=(0.1, 0.1)),
    ModelEntry("seasonal_naive", "forecast.models.naive:SeasonalNaive", member=True, cost_ms=(0.1, 0.1)),
    ModelEntry("theta", "forecast.models.theta:Theta", follows=True, member=True, cost_ms=(0.3, 0.3)),
    ModelEntry(
        "arima", "forecast.models.arima:Arima", "forecast.models.compiled:CompiledArima",
        follows=True, effects=True, member=True, cost_ms=(4.0, 250.0),
    ),
    ModelEntry("ets", "forecast.models.ets:Ets", follows=True, effects=True, member=True, cost_ms=(1.7, 1.7)),
    ModelEntry("ces", "forecast.models.ces:Ces", follows=True, effects=True, member=True, cost_ms=(0.8, 0.8)),
    ModelEntry(
        "prophet", "forecast.models.prophet:Prophet", "forecast.models.compiled:CompiledProphet",
        effects=True, cost_ms=(0.5, 17.0),
    ),
    ModelEntry(
        "structural", "forecast.episodes.structural:Structural",
        member=True, stage=True, unlearned=1e-6, cost_ms=(0.1, 0.1),
    ),
    ModelEntry("pooled", "forecast.models.pooled:Pooled", panel=True, effects=True, member=True, cost_ms=(0.0, 0.0)),
)  # fmt: skip


def registered(others: Iterable[ModelEntry]) -> dict[str, ModelEntry]:
    """Models by name: the built-in ones, then those of ``others`` in the order of their names.

    Raises
    ------
    ValueError
        When two models have one name.
    """
    found = {entry.name: entry for entry in BUILT_IN}
    for entry in sorted(others, key=lambda entry: entry.name):
        if entry.name in found or entry.name == COMBINATION:
            raise ValueError(f"There are two models {entry.name!r}: uninstall a package that registers one of them.")
        found[entry.name] = entry
    return found


REGISTRY = registered(point.load() for point in entry_points(group=ENTRY_POINTS))
"""Every model by its name, in the order in which they are shown."""

MODELS = (*REGISTRY, COMBINATION)
MEMBERS = tuple(name for name, entry in REGISTRY.items() if entry.member)
STAND_IN = next(name for name, entry in REGISTRY.items() if entry.stand_in)


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


def load(name: str, engine: str = "reference") -> Any:
    """The model called ``name`` with its default hyper-parameters; only the file that holds it is imported.

    It is a `forecast.models.protocol.Model`, or a `PanelModel` where its entry says so.

    Raises
    ------
    ValueError
        When no model has that name, or there is no such engine.

    Examples
    --------
    >>> load("naive")
    Naive()
    """
    if name not in REGISTRY:
        raise ValueError(f"There is no model {name!r}: choose among {', '.join(REGISTRY)}.")
    return _made(REGISTRY[name].place_of(check_engine(engine)))


@cache
def _made(place: str) -> Any:
    """The model at ``module:class``: they do not change, so one of each serves all."""
    module, _, cls = place.partition(":")
    return getattr(import_module(module), cls)()
