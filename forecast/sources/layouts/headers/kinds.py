"""Headers of two rows that say two things of a column: which rows they are, and of which kinds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from forecast.sources.files.sheet import HEADER_WITHIN, Sheet, over_empty
from forecast.sources.meaning.quantities import MEASURE
from forecast.tables.read import TableError
from forecast.vocabulary.countries import Places, listed
from forecast.vocabulary.months import FIRST_MONTH, LAST, months, unmarked
from forecast.vocabulary.text import folded
from forecast.vocabulary.units import kind_of_quantity, names_measure
from forecast.vocabulary.words.month_names import MONTH_NAMES

KIND_YEAR, KIND_MONTH_NAME, KIND_WHOLE_MONTH, KIND_DESTINATION, KIND_QUANTITY = (
    "year",
    "name of a month",
    "month",
    "destination",
    "unit",
)
HEADING_OF = {
    KIND_YEAR: "year",
    KIND_MONTH_NAME: "month",
    KIND_WHOLE_MONTH: "month",
    KIND_DESTINATION: "destination",
    KIND_QUANTITY: MEASURE,
}
"""The heading that the long table has for each kind of cells."""

_BELOW = {
    KIND_YEAR: (KIND_MONTH_NAME, KIND_QUANTITY, KIND_DESTINATION),
    KIND_WHOLE_MONTH: (KIND_QUANTITY, KIND_DESTINATION),
    KIND_QUANTITY: (KIND_WHOLE_MONTH, KIND_DESTINATION),
    KIND_DESTINATION: (KIND_QUANTITY, KIND_WHOLE_MONTH, KIND_YEAR, KIND_MONTH_NAME),
    KIND_MONTH_NAME: (KIND_YEAR,),
}
"""What can stand in the second row, by what stands in the first; units before destinations, as KG and LT are both."""

IN_ONE_ROW = "Write the header in one row, with cells such as 2024-01 or Japan (t)."


@dataclass(frozen=True)
class TwoRows:
    """A header of two rows: the place of the first, their kinds, and what is above and below in each column.

    ``above`` has a merged cell over all its columns. ``columns`` are those of figures; the second kind is empty, and
    there are none, where no cells of the second row are of a kind. A heading that joins both is parted: ``rows`` is 1.
    """

    position: int
    kinds: tuple[str, str]
    above: list[str]
    below: list[str]
    columns: list[int]
    rows: int = 2

    @property
    def measures(self) -> list[str]:
        """What each column measures, where the header says that."""
        return self.above if self.kinds[0] == KIND_QUANTITY else self.below

    @property
    def others(self) -> list[str]:
        """What else the header says of each column: its month or its destination."""
        return self.below if self.kinds[0] == KIND_QUANTITY else self.above


def as_header(sheet: Sheet, position: int, known: Places) -> TwoRows | None:
    """Two rows as a header; None where the first has no cells of one kind over cells of another."""
    top, bottom = sheet.row(position), sheet.row(position + 1)
    for kind, kinds_below in _BELOW.items():
        if kind == KIND_QUANTITY:
            found = _below_measures(position, top, bottom, known)
            if found is not None:
                return found
            continue
        above = over_empty(top, of_kind(top, kind, known))
        if kind == KIND_DESTINATION and all(map(names_measure, {*above} - {""})):
            continue
        under = [place for place, word in enumerate(bottom) if word and above[place]]
        wide = _is_wide(above, under)
        places_of = {
            other: [place for place, hit in enumerate(of_kind(bottom, other, known)) if hit and place in under]
            for other in kinds_below
            if wide or other == KIND_QUANTITY
        }
        below = max(places_of, key=lambda other: len(places_of[other]), default="")
        columns = places_of.get(below, [])
        if kind == KIND_DESTINATION and _is_of_reporter(sheet, position, columns, known):
            continue
        if len(columns) > 1 and not _by_chance(below, above, bottom, columns):
            return TwoRows(position, (kind, below), above, bottom, columns)
        several = kind != KIND_DESTINATION or len({*above} - {""}) > 1
        if wide and several and any(not top[place] for place in under):
            return TwoRows(position, (kind, ""), above, bottom, [])
    return None


def _is_of_reporter(sheet: Sheet, position: int, columns: Sequence[int], known: Places) -> bool:
    """Whether a row is the title of a table with a column of destinations before its figures."""
    if sum(map(bool, sheet.row(position))) > 1:
        return False
    body = sheet.grid.iloc[position + 2 : position + 2 + HEADER_WITHIN]
    keys = ([str(cell).strip() for cell in pd.unique(body[place])] for place in range(min(columns, default=0)))
    return any(sum(bool(cell) and not cell.isdecimal() and known.knows(cell) for cell in cells) > 1 for cells in keys)


def _below_measures(position: int, top: Sequence[str], bottom: Sequence[str], known: Places) -> TwoRows | None:
    """Quantities above months or destinations, each with one of these below it; a unit in a corner is none of them."""
    measures = [names_measure(cell) and not {":", "："} & set(cell) for cell in top]
    for kind in _BELOW[KIND_QUANTITY]:
        hits = of_kind(bottom, kind, known)
        above = over_empty(top, [one and hit for one, hit in zip(measures, hits, strict=True)])
        columns = [place for place, hit in enumerate(hits) if hit and above[place]]
        if columns and _is_title(top, bottom, above, columns):
            return None
        written = kind == KIND_WHOLE_MONTH and not all(bottom[place].isdigit() for place in columns)
        money = any(kind_of_quantity(above[place]) == "money" for place in columns)
        if (written or _is_wide(above, columns)) and (len(columns) > 1 or money):
            return TwoRows(position, (KIND_QUANTITY, kind), above, list(bottom), columns)
    return None


def _is_title(top: Sequence[str], bottom: Sequence[str], above: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether the only quantity of a row is the end of a title that was parted at its commas, over headings."""
    first = columns[0]
    alone = len({above[place] for place in columns}) == 1 and kind_of_quantity(above[first]) != "money"
    return alone and all(top[:first]) and all(bottom[:first]) and first > 0


def _is_wide(above: Sequence[str], places: Sequence[int]) -> bool:
    """Whether each cell of the first row is over several of the second."""
    return bool(places) and all(sum(above[place] == word for place in places) > 1 for word in set(above) - {""})


def of_kind(row: Sequence[str], kind: str, known: Places) -> list[bool]:
    """Which cells of a row are of a kind."""
    if kind == KIND_WHOLE_MONTH:
        return [month is not None for month in months(pd.Series(row, dtype=object))]
    return [bool(cell) and is_of_kind(cell, kind, known) for cell in row]


def is_of_kind(cell: str, kind: str, known: Places) -> bool:
    """Whether a cell is of a kind."""
    if kind == KIND_YEAR:
        cell = unmarked(cell)[0]
        return cell.isdecimal() and len(cell) == 4 and FIRST_MONTH <= int(cell) <= LAST
    if kind == KIND_MONTH_NAME:
        return 1 <= number_of_month(cell) <= 12
    if kind == KIND_DESTINATION:
        return not cell.isdigit() and known.knows(cell)
    return names_measure(cell)


def number_of_month(cell: str) -> int:
    """The number of a month by its name or number; 0 for any other text."""
    cell = unmarked(cell)[0]
    return int(cell) if cell.isdecimal() and len(cell) < 3 else MONTH_NAMES.get(folded(cell), 0)


def _by_chance(kind: str, above: Sequence[str], below: Sequence[str], columns: Sequence[int]) -> bool:
    """Whether numbers of months may be figures: they do not count from one below each cell."""
    if kind != KIND_MONTH_NAME or not all(below[place].isdecimal() for place in columns):
        return False
    numbers = [
        [int(below[place]) for place in columns if above[place] == word] for word in {above[at] for at in columns}
    ]
    return any(own != list(range(1, len(own) + 1)) for own in numbers)


def check_years(sheet: Sheet, found: TwoRows, repeated: bool = False) -> None:
    """Check that the months below each year are of that year, once each unless ``repeated`` for several quantities.

    Raises
    ------
    TableError
        Where months are out of order, as in a year that begins in April, or have no year above them.
    """
    if found.kinds != (KIND_YEAR, KIND_MONTH_NAME):
        return
    for year in dict.fromkeys(found.above[place] for place in found.columns):
        names = [found.below[place] for place in found.columns if found.above[place] == year]
        numbers = [number_of_month(name) for name in names]
        if (list(dict.fromkeys(numbers)) if repeated else numbers) != sorted(set(numbers)):
            seen = f"expected months of one year below {year}, in order, found {names[0]} to {names[-1]}"
            raise TableError(f"{sheet.file}: {seen}. {IN_ONE_ROW}")
    without = [
        word for word, above in zip(found.below, found.above, strict=True) if not above and number_of_month(word)
    ]
    if without:
        raise TableError(
            f"{sheet.file}: expected a year above each month, found none above {listed(without)}. {IN_ONE_ROW}"
        )
