"""Judgement on a forecast: a number that somebody sets beside the model's, with the reason, and totals that follow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from forecast.realtime.events import Members
from forecast.safety.limits import COVERED, is_covered_month
from forecast.tables.cells import LARGEST_VOLUME_T, code_named
from forecast.tables.frames import stacked
from forecast.tables.quantiles import VOLUME_QUANTILES
from forecast.tables.run import Forecasts
from forecast.tables.schema import RUN_TABLES

JUDGED = "judged"
"""The model under which judged rows stand; those of every other model stay as they are."""

FOLLOWS = "follows its parts"

_RULE = re.compile(
    r"(?:(?P<product>[^/=@\s]+)/)?(?P<destination>[^/=@\x00-\x1f]{1,80}?)(?:@(?P<month>\d{4}-\d{2}))?\s*=\s*"
    r"(?P<number>[+-]?\d{1,30}(?:\.\d{1,30})?)\s*(?P<unit>%|t)\s*(?::(?P<reason>.*))?",
    re.ASCII,
)


class JudgementError(ValueError):
    """Why a judgement cannot be taken: one sentence."""


@dataclass(frozen=True)
class Judgement:
    """One judgement.

    Attributes
    ----------
    destination
        Whose forecast is judged.
    amount, relative
        A change as a fraction of the model's median, or a median in tonnes.
    reason
        Why.
    product, month
        None judges every product and month of the destination.
    """

    destination: str
    amount: float
    relative: bool
    reason: str
    product: str | None = None
    month: pd.Period | None = None

    @property
    def rule(self) -> str:
        """The number as it was given."""
        return f"{100 * self.amount:+.4g}%" if self.relative else f"{self.amount:.6g}t"

    def factor(self, median_t: float) -> float:
        """What the model's median and bounds are multiplied by."""
        return 1 + self.amount if self.relative else self.amount / median_t

    def on(self, rows: pd.DataFrame) -> pd.Series:
        """Which rows of a table of forecasts are judged."""
        chosen = rows["destination"] == self.destination
        if self.product is not None:
            chosen &= rows["product"] == self.product
        return chosen if self.month is None else chosen & (rows["month"] == self.month)


def parse_judgement(text: str) -> Judgement:
    """A judgement from ``[PRODUCT/]DESTINATION[@MONTH]=-20%: reason`` or ``...=300t: reason``.

    The destination is given by its code or its name.

    Raises
    ------
    JudgementError
        When the text is of another form, has no reason, or leaves nothing or less than nothing.

    Examples
    --------
    >>> found = parse_judgement("USA=-20%: customs strike")
    >>> found.destination, found.amount, found.reason
    ('USA', -0.2, 'customs strike')
    >>> parse_judgement("USA=300t")
    Traceback (most recent call last):
    forecast.ensemble.judgement.JudgementError: 'USA=300t': expected a reason after a colon, found none. Say why.
    """
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise JudgementError(f"{text!r}: expected DESTINATION=-20%: reason or DESTINATION=300t: reason, found neither.")
    reason = (found["reason"] or "").strip()
    if not reason:
        raise JudgementError(f"{text!r}: expected a reason after a colon, found none. Say why.")
    relative = found["unit"] == "%"
    amount = float(found["number"]) / (100 if relative else 1)
    if (1 + amount if relative else amount) <= 0:
        raise JudgementError(f"{text!r}: expected a volume above zero, found {found['number']}{found['unit']}.")
    if found["month"] and not is_covered_month(found["month"]):
        raise JudgementError(f"{text!r}: expected a month as YYYY-MM, {COVERED}, found {found['month']}.")
    month = pd.Period(found["month"], freq="M") if found["month"] else None
    return Judgement(code_named(found["destination"].strip()), amount, relative, reason, found["product"], month)


def apply_judgements(
    forecasts: pd.DataFrame, judgements: Sequence[Judgement], shown: str, groups: Members
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the model `JUDGED`, and the table ``judgements`` that says why.

    Median and bounds are multiplied by one factor. A total that is not judged itself (``WLD``, a group by its members)
    moves by the tonnes by which its parts do, its bounds by the same factor as its median; groups are no part of
    ``WLD``. Rows stand for the destinations that were judged and the totals that follow.

    ``forecasts`` are rows in the forecasts format, ``shown`` is the model that is judged.

    Raises
    ------
    JudgementError
        When a judgement is on nothing that ``shown`` forecasts.
    """
    rows = forecasts[forecasts["model"] == shown].reset_index(drop=True)
    factor, why = np.full(len(rows), np.nan), np.full(len(rows), "", dtype=object)
    rules = why.copy()
    for judgement in judgements:
        places = np.flatnonzero(judgement.on(rows).to_numpy(dtype=bool))
        if not len(places):
            raise JudgementError(
                f"{judgement.destination}: expected a destination and month of this forecast, found none."
            )
        factor[places] = [judgement.factor(median) for median in rows["volume_t"].to_numpy()[places]]
        why[places], rules[places] = judgement.reason, judgement.rule
    _let_totals_follow(rows, factor, why, rules, groups)
    changed = np.isfinite(factor)
    new = rows[changed].assign(model=JUDGED)
    new[list(VOLUME_QUANTILES)] = new[list(VOLUME_QUANTILES)].to_numpy() * factor[changed, None]
    for row in new[~(new["volume_t"] <= LARGEST_VOLUME_T)].itertuples():
        raise JudgementError(
            f"{row.destination}: expected a judgement of at most {LARGEST_VOLUME_T:g} tonnes, found {row.volume_t:.3g}."
        )
    said = rows[changed].assign(
        model_t=rows["volume_t"], judged_t=new["volume_t"], rule=rules[changed], reason=why[changed]
    )
    return new.reset_index(drop=True), said[RUN_TABLES["judgements"].columns].reset_index(drop=True)


def _let_totals_follow(
    rows: pd.DataFrame, factor: np.ndarray, why: np.ndarray, rules: np.ndarray, groups: Members
) -> None:
    """Fill in the factors of totals whose parts were judged, while they are not judged themselves."""
    volumes, codes = rows["volume_t"].to_numpy(), rows["destination"].to_numpy()
    moved = np.where(np.isfinite(factor), volumes * (factor - 1), 0.0)
    totals = [code for code in dict.fromkeys(codes) if code == "WLD" or code in groups]
    for total in totals:
        inside = {code for code in codes if code not in groups and code != "WLD"} & set(groups.get(total, codes))
        for place in np.flatnonzero((codes == total) & ~np.isfinite(factor)):
            beside = _beside(rows, int(place)) & np.isin(codes, list(inside))
            tonnes = float(moved[beside].sum())
            if tonnes and volumes[place] + tonnes > 0:
                factor[place], why[place], rules[place] = 1 + tonnes / volumes[place], FOLLOWS, FOLLOWS


def _beside(rows: pd.DataFrame, place: int) -> np.ndarray:
    """The rows of the same product, issue day and month."""
    keys = ["product", "issued", "month"]
    return np.asarray((rows[keys] == rows.loc[place, keys]).all(axis=1), dtype=bool)


def judged_run(run: Forecasts, judgements: Sequence[Judgement], shown: str, groups: Members) -> Forecasts:
    """The run with the rows of `JUDGED` last and the table of reasons; without judgements as it is.

    Raises
    ------
    JudgementError
        As in `apply_judgements`.
    """
    if not judgements:
        return run
    rows, reasons = apply_judgements(run.forecasts, judgements, shown, groups)
    return run.replaced(
        forecasts=stacked([run.forecasts, rows[run.forecasts.columns]]),
        correlations=stacked([run.correlations, _correlations(run, rows, shown)]),
        judgements=reasons,
    )


def as_judged(shown: pd.DataFrame, run: Forecasts) -> pd.DataFrame:
    """Rows of the model that was judged with the judged numbers in their place.

    ``model_t`` has the model's median and ``reason`` why, where a row is judged; NaN and nothing elsewhere.
    """
    cell = ["product", "destination", "issued", "month"]
    judged = run.forecasts.loc[run.forecasts["model"] == JUDGED, [*cell, *VOLUME_QUANTILES]]
    numbers = shown[cell].merge(judged, on=cell, how="left").set_axis(shown.index)
    said = shown[cell].merge(run.judgements[[*cell, "model_t", "reason"]], on=cell, how="left").set_axis(shown.index)
    volumes = {name: numbers[name].fillna(shown[name]) for name in VOLUME_QUANTILES}
    return shown.assign(**volumes, model_t=said["model_t"].astype(float), reason=said["reason"].fillna("").astype(str))


def _correlations(run: Forecasts, judged: pd.DataFrame, shown: str) -> pd.DataFrame:
    """Those of the model that is judged: months that are multiplied each by a factor go on moving together."""
    own = run.correlations[run.correlations["model"] == shown]
    keys = ["product", "destination", "issued"]
    there = pd.MultiIndex.from_frame(own[keys]).isin(pd.MultiIndex.from_frame(judged[keys]))
    return own[there].assign(model=JUDGED)
