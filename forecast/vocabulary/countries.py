"""Destinations by the names and codes that the trade world gives them: whole names only, and never a guess.

Names stand in ``data/country_names.csv``, the codes of single authorities in ``data/partner_codes.csv``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import pandas as pd

from forecast.vocabulary.shipped import shipped_rows
from forecast.vocabulary.text import folded, of_each, shown

EUROPEAN_UNION = "EU"
"""The Union in whatever membership it had in the month."""

GROUP = "no single destination: a group, a rest, or none stated"
"""Why a name of several destinations is not used."""

_MEMBERSHIPS = (("EU27", "2020-02", "2099-12"), ("EU28", "2013-07", "2020-01"))


@dataclass(frozen=True)
class Places:
    """Codes of destinations by folded name, and what a name means that is no single destination."""

    codes: Mapping[str, str]
    groups: Mapping[str, str]
    authority: Mapping[str, str] = field(default_factory=dict)
    """Codes of the authority that made a file, before all names."""

    def find(self, word: str) -> tuple[str, str]:
        """Code of the destination that ``word`` names, or an empty one and why there is none."""
        text = word.strip()
        if not text:
            return "", "no destination"
        code = self.authority.get(text) or self.authority.get(text.lstrip("0") or "0")
        if code:
            return code, ""
        for name in _spellings(text):
            if name in self.codes:
                return self.codes[name], ""
            if name in self.groups:
                return "", GROUP
        return "", "a destination that is not known"

    def each(self, cells: pd.Series) -> tuple[pd.Series, pd.Series]:
        """Codes and reasons of `find` for every cell."""
        return of_each(cells, lambda word: self.find(word)[0]), of_each(cells, lambda word: self.find(word)[1])

    def knows(self, word: str) -> bool:
        """Whether ``word`` is the name of a destination or of a group of them."""
        return self.find(word)[1] in ("", GROUP)


def places(authority: str = "", own: Mapping[str, str] | None = None) -> Places:
    """Everything that the shipped tables name, the codes of ``authority``, and the caller's ``own`` names.

    Examples
    --------
    >>> known = places()
    >>> [known.find(word)[0] for word in ("UK", "Korea, South", "Viet Nam", "德国", "276", "EU27_2020", "全球")]
    ['GBR', 'KOR', 'VNM', 'DEU', 'DEU', 'EU27', 'WLD']
    >>> known.find("ROW")
    ('', 'no single destination: a group, a rest, or none stated')
    """
    names, groups = _shipped_names()
    mine = {folded(word): code.strip().upper() for word, code in (own or {}).items()}
    left = {name: what for name, what in groups.items() if name not in mine}
    return Places({**names, **mine}, left, _authority_codes(authority))


def memberships(codes: pd.Series, months: pd.Series) -> pd.Series:
    """``codes`` with the Union named after its members in the month; empty where no group on file had them.

    Examples
    --------
    >>> when = pd.Series([pd.Period("2019-01", freq="M"), pd.Period("2020-02", freq="M")], dtype=object)
    >>> memberships(pd.Series(["EU", "EU"]), when).tolist()
    ['EU28', 'EU27']
    """
    union = codes == EUROPEAN_UNION
    if not union.any():
        return codes
    named = of_each(months[union].astype(str), _members_in)
    return codes.where(~union, named.reindex(codes.index))


def nearest(word: str, known: pd.DataFrame) -> list[str]:
    """Destinations of the table ``known`` that ``word`` names whole, as ``CODE (name)``; none for a group.

    Examples
    --------
    >>> nearest("UK", pd.DataFrame({"code": ["GBR", "UKR"], "name": ["United Kingdom", "Ukraine"]}))
    ['GBR (United Kingdom)']
    """
    code, _ = places().find(word)
    names = dict(zip(known["code"], known["name"], strict=True))
    return [f"{code} ({names[code]})"] if code in names else []


def group_named(word: str) -> str:
    """What ``word`` means where it names no single destination, else empty.

    Examples
    --------
    >>> group_named("ROW"), group_named("Rwanda")
    ('rest of the world', '')
    """
    groups = places().groups
    return next((groups[name] for name in _spellings(word) if name in groups), "")


def _members_in(month: str) -> str:
    return next((code for code, first, last in _MEMBERSHIPS if first <= month <= last), "")


def _spellings(text: str) -> list[str]:
    """Ways to look up one name: as it stands, in the order of speech, without empty brackets or an article."""
    forms = [text]
    if "," in text:
        head, _, tail = text.partition(",")
        forms.append(f"{tail} {head}")
    if "(" in text and not text.startswith("("):
        forms.append(text.partition("(")[0] if folded(text.partition("(")[2]) in _EMPTY_BRACKETS else text)
    names = [folded(form) for form in forms]
    return list(dict.fromkeys([*names, *(name.removeprefix("the ") for name in names)]))


_EMPTY_BRACKETS = {"the", "total", "country"}


@cache
def _shipped_names() -> tuple[dict[str, str], dict[str, str]]:
    codes: dict[str, str] = {}
    groups: dict[str, str] = {}
    for row in shipped_rows("country_names.csv"):
        table, value = (codes, row["code"]) if row["code"] else (groups, row["group"])
        table.update({folded(name): value for name in row["names"].split(";")})
    for row in shipped_rows("destinations.csv"):
        words = [row["numeric"], row["numeric"].lstrip("0"), row["iso2"], row["code"]]
        codes.update({folded(word): row["code"] for word in words if word})
    return codes, groups


def _authority_codes(authority: str) -> dict[str, str]:
    mine = [row for row in shipped_rows("partner_codes.csv") if row["authority"] == authority]
    codes = {row["code"]: row["destination"] for row in mine}
    return {**codes, **{code.lstrip("0") or "0": destination for code, destination in codes.items()}}


def listed(words: list[str], most: int = 5) -> str:
    """The first of ``words``, cleaned, and how many there are beyond."""
    first = ", ".join(shown(word, 30) or "(empty)" for word in words[:most])
    return first + (f" and {len(words) - most} more" if len(words) > most else "")
