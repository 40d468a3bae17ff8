"""Destinations by the names and codes that the trade world gives them: whole names only, and never a guess.

Names stand in ``data/country_names.csv``, those of further languages in ``data/country_names_further.csv``, read
where a word is none of the first; the codes of single authorities in ``data/partner_codes.csv``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

import pandas as pd

from forecast.vocabulary.shipped import shipped_rows
from forecast.vocabulary.text import folded, of_each, shown, without_note

EUROPEAN_UNION = "EU"
"""The Union in whatever membership it had in the month."""

GROUP = "no single destination: a group, a rest, or none stated"
"""Why a name of several destinations is not used."""

NOT_LISTED = "a destination that is not known"
"""Why a name or code that stands in no table is not used."""

OWN_NUMBERS = {"brazil", "china", "japan", "united_states"}
"""Authorities whose numbers are not those of ISO 3166-1: 208 is Denmark for the United Nations alone."""

UNION_OF_TODAY = "EU27"

_MEMBERSHIPS = ((UNION_OF_TODAY, "2020-02", "2099-12"), ("EU28", "2013-07", "2020-01"))


@dataclass(frozen=True)
class Places:
    """Codes of destinations by folded name, and what a name means that is no single destination."""

    codes: Mapping[str, str]
    groups: Mapping[str, str]
    authority: Mapping[str, str] = field(default_factory=dict)
    """Codes of the authority that made a file, before all names; empty for one that is no single destination."""
    own_numbers: bool = False
    """Whether the authority numbers destinations in a way of its own, so that a number is no code of ISO 3166-1."""

    def find(self, word: str) -> tuple[str, str]:
        """Code of the destination that ``word`` names, or an empty one and why there is none."""
        text = word.strip()
        if not text:
            return "", "no destination"
        for form in (text, text.lstrip("0") or "0"):
            if form in self.authority:
                code = self.authority[form]
                return code, "" if code else GROUP
        if text.isdecimal():
            known = not self.own_numbers and text in self.codes
            return (self.codes[text], "") if known else ("", GROUP if text in self.groups else NOT_LISTED)
        found = self._named(text)
        if found[1] == NOT_LISTED and (labelled := _LABELLED.fullmatch(text)) is not None:
            return self._of_label(labelled["code"] or labelled["behind"], labelled["name"] or labelled["before"])
        return found

    def _named(self, text: str) -> tuple[str, str]:
        """The destination of a whole name or code; letters with accents are no code, and short names go by them."""
        plain = text.isascii()
        accented = not plain or (len(text) == _SHORT and text.istitle())
        exact = _short_names(text) if accented and len(text) <= _LONGEST_SHORT else ""
        if exact:
            return ("", NOT_LISTED) if plain and folded(text) in self.codes else (exact, "")
        spellings = _spellings(text)
        for name in spellings:
            if name in self.codes and (plain or name not in _iso_codes()):
                return self.codes[name], ""
            if name in self.groups:
                return "", GROUP
        long, _ = _further_names()
        code = _short_names(text) or next((long[name] for name in spellings if name in long), "")
        return code, "" if code else NOT_LISTED

    def _of_label(self, code: str, name: str) -> tuple[str, str]:
        """The destination of a name with a code beside it, which may be of any authority if it is a number."""
        found = self._named(name.strip())
        other = "" if code.isdecimal() else self.codes.get(folded(code), "")
        return ("", NOT_LISTED) if found[0] and other and other != found[0] else found

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
    >>> [known.find(word)[0] for word in ("Niemcy", "Mỹ", "004 Alemania", "US: United States", "Japan (JP)")]
    ['DEU', 'USA', 'DEU', 'USA', 'JPN']
    >>> known.find("ROW")
    ('', 'no single destination: a group, a rest, or none stated')
    """
    names, groups = _shipped_names()
    mine = {folded(word): code.strip().upper() for word, code in (own or {}).items()}
    left = {name: what for name, what in groups.items() if name not in mine}
    return Places({**names, **mine}, left, _authority_codes(authority), authority in OWN_NUMBERS)


def code_of(authority: str, destination: str) -> str:
    """The code that an authority itself gives a destination; empty where it has none.

    Examples
    --------
    >>> code_of("united_nations", "USA"), code_of("united_nations", "DEU"), code_of("united_states", "CHN")
    ('842', '276', '5700')
    >>> code_of("european_union", "DEU"), code_of("european_union", "EU27"), code_of("united_states", "EU27")
    ('DE', 'EU27_2020', '')
    """
    own = {found: code for code, found in reversed(_authority_codes(authority).items()) if code and found}
    if destination in own or authority in OWN_NUMBERS:
        return own.get(destination, "")
    column = "iso2" if authority == "european_union" else "numeric"
    iso = {row["code"]: row[column] for row in shipped_rows("destinations.csv")}
    return iso.get(destination, "").lstrip("0")


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


def members_of(group: str) -> list[str]:
    """Codes of the members of a group on file; none where it is no group.

    Examples
    --------
    >>> len(members_of("EU27")), members_of("DEU")
    (27, [])
    """
    members = {row["code"]: row["members"] for row in shipped_rows("destinations.csv")}
    return [code for code in members.get(group, "").split(";") if code]


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
    """Ways to look up one name: as it stands, in the order of speech, without empty brackets, a note or an article."""
    forms = [text]
    if "," in text:
        head, _, tail = text.partition(",")
        forms.append(f"{tail} {head}")
    if "(" in text and not text.startswith("("):
        forms.append(text.partition("(")[0] if folded(text.partition("(")[2]) in _EMPTY_BRACKETS else text)
    names = [folded(form) for form in (*forms, without_note(text))]
    return list(dict.fromkeys([*names, *(name.removeprefix("the ") for name in names)]))


_EMPTY_BRACKETS = {"the", "total", "country"}

_LABELLED = re.compile(
    r"[\[(]?(?P<code>\d{1,4}|[A-Z]{2,3})[\])]?(?:\s*[-–:.|]\s*|(?<=[\d\])])\s+)(?P<name>[^\W\d].*)"
    r"|(?P<before>.*\S)\s*[\[(](?P<behind>\d{1,4}|[A-Z]{2,3})[\])]"
)
"""A name with a code before it, as in ``004 Alemania``, or in brackets behind it."""

_SHORT, _LONGEST_SHORT = 3, 10
"""Letters, without and with signs, up to which a name of a further language goes by its accents: ``Áo`` is Austria."""


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
    for row in shipped_rows("partner_codes.csv"):
        of_comtrade = row["authority"] == "united_nations" and len(row["code"]) == 3
        if of_comtrade and row["destination"] and row["code"] not in groups:
            codes.setdefault(row["code"], row["destination"])  # 842 is the USA to Comtrade, and nothing to ISO
    return codes, groups


@cache
def _iso_codes() -> frozenset[str]:
    """Codes of letters, folded, that are no names."""
    names = {folded(name) for row in shipped_rows("country_names.csv") for name in row["names"].split(";")}
    rows = shipped_rows("destinations.csv")
    return frozenset(folded(row[column]) for row in rows for column in ("iso2", "code")) - names


@cache
def _further_names() -> tuple[dict[str, str], dict[str, str]]:
    """Codes by the names of further languages: longer ones folded, short ones as they are written but for capitals."""
    long: dict[str, str] = {}
    short: dict[str, str] = {}
    for row in shipped_rows("country_names_further.csv"):
        for name in row["names"].split(";"):
            word = folded(name)
            (short if len(word) <= _SHORT else long)[name.casefold() if len(word) <= _SHORT else word] = row["code"]
    return long, short


def _short_names(text: str) -> str:
    return _further_names()[1].get(text.casefold(), "")


def _authority_codes(authority: str) -> dict[str, str]:
    mine = [row for row in shipped_rows("partner_codes.csv") if row["authority"] == authority]
    codes = {row["code"]: row["destination"] for row in mine}
    return {**codes, **{code.lstrip("0") or "0": destination for code, destination in codes.items()}}


def listed(words: list[str], most: int = 5, longest: int = 30) -> str:
    """The first of ``words``, cleaned, and how many there are beyond."""
    first = ", ".join(shown(word, longest) or "(empty)" for word in words[:most])
    return first + (f" and {len(words) - most} more" if len(words) > most else "")
