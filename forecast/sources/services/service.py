"""What a service is asked, and what a service is: its address, limits and key, and how it writes a question."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from forecast.vocabulary.countries import code_of

Parameters = tuple[tuple[str, str], ...]
"""Names and values of a question, in the order in which they are sent."""


class ServiceError(ValueError):
    """Why a service gave no figures: one sentence with the way out, and never a key."""


@dataclass(frozen=True)
class Query:
    """Figures that are wanted of a service, whatever way it writes them.

    Attributes
    ----------
    reporters
        Who declares the figures, ISO 3166-1 alpha-3.
    codes
        Codes of the Harmonized System, or of what builds on it.
    first, last
        Months, both included.
    imports
        Whether the reporters' imports are wanted: what the partners export to them.
    partners
        Partners, ISO 3166-1 alpha-3; none means every one.
    """

    reporters: tuple[str, ...]
    codes: tuple[str, ...]
    first: pd.Period
    last: pd.Period
    imports: bool = False
    partners: tuple[str, ...] = ()

    @property
    def months(self) -> list[pd.Period]:
        """Every month, in order.

        Examples
        --------
        >>> Query(("CHN",), ("850511",), pd.Period("2024-12"), pd.Period("2025-01")).months
        [Period('2024-12', 'M'), Period('2025-01', 'M')]
        """
        return [self.first + step for step in range((self.last - self.first).n + 1)]

    @property
    def span(self) -> str:
        """The months in words."""
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"

    def in_periods(self, most: int) -> list[Query]:
        """The same in questions of at most so many months.

        Examples
        --------
        >>> year = Query(("CHN",), ("850511",), pd.Period("2024-01"), pd.Period("2024-12"))
        >>> [part.span for part in year.in_periods(5)]
        ['2024-01 to 2024-05', '2024-06 to 2024-10', '2024-11 to 2024-12']
        """
        months = self.months
        runs = [months[start : start + most] for start in range(0, len(months), most)]
        return [replace(self, first=run[0], last=run[-1]) for run in runs]

    def by_code(self) -> list[Query]:
        """The same, one code a question."""
        return [replace(self, codes=(code,)) for code in self.codes]

    def halves(self) -> list[Query]:
        """The same in two questions: half the months each, or half the codes or reporters; none where it is of one.

        Examples
        --------
        >>> month = pd.Period("2024-01")
        >>> [half.codes for half in Query(("CHN",), ("850511", "850519"), month, month).halves()]
        [('850511',), ('850519',)]
        >>> Query(("CHN",), ("850511",), month, month).halves()
        []
        """
        count = len(self.months)
        if count > 1:
            return self.in_periods(-(-count // 2))
        codes, reporters = _in_two(self.codes), _in_two(self.reporters)
        if codes:
            return [replace(self, codes=part) for part in codes]
        return [replace(self, reporters=part) for part in reporters]


def _in_two(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    middle = len(words) // 2
    return [words[:middle], words[middle:]] if middle else []


@dataclass(frozen=True)
class Service:
    """One service.

    Attributes
    ----------
    name, title
        On the command line, and in sentences.
    root
        Scheme and host; nothing is sent anywhere else.
    source
        The format of its answers (`forecast.sources.formats.READERS`).
    ending
        The ending of the file that keeps an answer.
    question
        Path and parameters of a query, by whether there is a key.
    pieces
        The questions that a query takes, by whether there is a key.
    rows
        How many rows an answer has; raises `ServiceError` where it is none.
    most_rows
        Rows of an answer that is cut, by whether there is a key; 0 where no answer is.
    key_variable, key_header, key_parameter
        The variable of the environment with the key, and where the key is sent; empty without one.
    key_needed
        Whether nothing is answered without a key.
    no_figures
        Statuses of an answer that there are none.
    apart
        Seconds between two questions.
    """

    name: str
    title: str
    root: str
    source: str
    ending: str
    question: Callable[[Query, bool], tuple[str, Parameters]]
    pieces: Callable[[Query, bool], list[Query]]
    rows: Callable[[bytes], int]
    most_rows: Callable[[bool], int] = lambda keyed: 0
    key_variable: str = ""
    key_header: str = ""
    key_parameter: str = ""
    key_needed: bool = False
    no_figures: frozenset[int] = frozenset({204})
    apart: float = 1.0


def codes_of(service: str, authority: str, destinations: Sequence[str]) -> list[str]:
    """The authority's codes of destinations.

    Raises
    ------
    ServiceError
        Where it has none for one of them.
    """
    codes = [code_of(authority, destination) for destination in destinations]
    unknown = [name for name, code in zip(destinations, codes, strict=True) if not code]
    if unknown:
        raise ServiceError(f"{service}: expected a country that it has a code for, found {', '.join(unknown)}.")
    return codes


def check_digits(service: str, codes: Sequence[str], digits: Sequence[int]) -> None:
    """Check that each code has as many digits as the service has codes of.

    Raises
    ------
    ServiceError
        Where one has more or fewer.
    """
    wrong = [code for code in codes if not (code.isdecimal() and len(code) in digits)]
    if wrong:
        lengths = ", ".join(map(str, digits[:-1])) + f" or {digits[-1]}" if len(digits) > 1 else str(digits[0])
        raise ServiceError(f"{service}: expected a code of {lengths} digits, found {wrong[0]!r}.")


def rows_or_refusal(title: str, count: Callable[[], int]) -> int:
    """What ``count`` finds in an answer.

    Raises
    ------
    ServiceError
        Where the answer is of another form.
    """
    try:
        return count()
    except ServiceError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, csv.Error) as error:
        reason = "an answer of another form: the service may be down, or have changed"
        raise ServiceError(f"{title}: expected figures, found {reason}. Try again, or download a file.") from error
