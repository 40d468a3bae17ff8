"""The shipped tables, read as plain text and checked against what their README says of them."""

from __future__ import annotations

import calendar
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

FOLDER = Path(__file__).parents[1] / "data"

TIGHTENING = {"licensing", "ban", "quota", "scrutiny", "tariff", "tax", "listing"}
EASING = {"truce", "general_licence", "approvals", "suspension", "quota_removal", "tariff_cut"}
WITHOUT_REGRESSOR = {"dialogue", "threat", "legal_framework", "procurement", "other"}

# Published totals that the published months do not add up to: product, destination, start, end (see data/README.md).
TOTALS_IN_CONFLICT = {
    ("rare_earth_magnets", "USA", "2025-01", "2025-12"),  # 5,933 t against 5,943 t: a month was revised
}

COLUMNS = {
    "exports.csv": "product,destination,month,volume_t,released,status,precision_t,source",
    "period_totals.csv": "product,destination,start,end,volume_t,released,precision_t,status,source",
    "events.csv": (
        "event,kind,products,destinations,announced,effective,ends,ends_announced,ends_status,source,description,"
        "continues"
    ),
    "destinations.csv": "code,name,iso2,numeric,kind,members",
}

MONTH_NAMES = list(calendar.month_name)[1:]
DATE_TEXT = re.compile(
    rf"(?:(?P<day>\d{{1,2}}) )?(?P<month>{'|'.join(MONTH_NAMES)})(?: (?P<year>\d{{4}}))?|(?P<alone>20\d\d)"
)


def read(name: str) -> pd.DataFrame:
    return pd.read_csv(FOLDER / name, dtype=str, keep_default_na=False)


def volumes(name: str) -> pd.DataFrame:
    return read(name).astype({"volume_t": float, "precision_t": float})


@pytest.fixture(scope="module")
def exports() -> pd.DataFrame:
    return volumes("exports.csv")


@pytest.fixture(scope="module")
def period_totals() -> pd.DataFrame:
    return volumes("period_totals.csv")


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return read("events.csv")


@pytest.fixture(scope="module")
def destinations() -> pd.DataFrame:
    return read("destinations.csv")


def items(cell: str) -> list[str]:
    return cell.split(";") if cell else []


def month_after(month: pd.Period) -> pd.Period:
    """The month in which the figures of ``month`` come out: the next one, but March for January."""
    return month + (2 if month.month == 1 else 1)


# Shape ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COLUMNS)
def test_columns(name: str) -> None:
    """Each file has the columns of the contract, in their order, and rows below them."""
    table = read(name)
    assert ",".join(table.columns) == COLUMNS[name]
    assert len(table) > 0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("exports.csv", ["product", "destination", "month"]),
        ("period_totals.csv", ["product", "destination", "start", "end"]),
        ("events.csv", ["event"]),
        ("destinations.csv", ["code"]),
    ],
)
def test_keys_stand_once(name: str, key: list[str]) -> None:
    """No key stands twice: the shipped files hold one vintage, and one row for each decision."""
    table = read(name)
    assert table[table.duplicated(key, keep=False)].empty


def test_exports_are_in_order(exports: pd.DataFrame) -> None:
    """Rows are sorted by product, destination and month, so that a new figure is a one-line change."""
    key = ["product", "destination", "month"]
    assert exports[key].equals(exports[key].sort_values(key).reset_index(drop=True))


@pytest.mark.parametrize("name", ["exports.csv", "period_totals.csv", "events.csv"])
def test_every_row_has_a_source(name: str) -> None:
    """Every row names an address, a publisher or, where the address is lost, says so in words."""
    sources = read(name)["source"]
    assert sources[sources.str.strip() == ""].empty
    if name != "events.csv":
        addressed = sources.str.contains(r"https?://|address not known|figures of these files", regex=True)
        assert sources[~addressed].tolist() == []


@pytest.mark.parametrize("name", ["exports.csv", "period_totals.csv"])
def test_status_is_known(name: str) -> None:
    """A figure is reported, derived from other figures, in conflict between sources, or quoted second-hand."""
    assert set(read(name)["status"]) <= {"reported", "derived", "conflict", "secondary"}


@pytest.mark.parametrize("name", ["exports.csv", "period_totals.csv"])
def test_volumes_are_tonnes(name: str) -> None:
    """Volumes and their rounding are numbers of zero or more."""
    table = volumes(name)
    assert table[["volume_t", "precision_t"]].notna().all(axis=None)
    assert (table[["volume_t", "precision_t"]] >= 0).all(axis=None)


@pytest.mark.parametrize(("name", "last"), [("exports.csv", "month"), ("period_totals.csv", "end")])
def test_release_days(name: str, last: str) -> None:
    """Figures come out on the 20th of the next month, January's with February's on 20 March.

    Two products of the world alone come earlier in the same month: all rare earths, and rare-earth products.
    """
    for row in read(name).itertuples(index=False):
        month = pd.Period(getattr(row, last), freq="M")
        after = month_after(month)
        released = date.fromisoformat(row.released)
        earlier = row.product in ("rare_earths_total", "rare_earth_products")
        if not earlier or (released.year, released.month) != (after.year, after.month):
            assert released == date(after.year, after.month, 20), row
        assert released.day <= 20, row
        assert released > month.end_time.date(), row


# Volumes agree with one another --------------------------------------------------------------------------------------


def test_magnets_of_2025_add_to_the_published_year(exports: pd.DataFrame) -> None:
    """The twelve months of 2025 add to the 57,392 t published for the year, within their summed rounding."""
    year = exports.query("product == 'rare_earth_magnets' and destination == 'WLD' and month.str.startswith('2025')")
    assert len(year) == 12
    assert abs(year["volume_t"].sum() - 57_392) <= year["precision_t"].sum() + 0.5


def parts_and_whole(exports: pd.DataFrame, whole: str, codes: set[str]) -> pd.DataFrame:
    """Sums of volume and rounding over ``codes`` beside those of ``whole``, where the whole is known."""
    key = ["product", "month"]
    parts = exports[exports["destination"].isin(codes)].groupby(key)[["volume_t", "precision_t"]].sum()
    wholes = exports[exports["destination"] == whole].set_index(key)[["volume_t", "precision_t"]]
    return parts.join(wholes.add_suffix("_whole"), how="inner")


@pytest.mark.parametrize(("whole", "at_least"), [("WLD", 70), ("EU27", 6)])
def test_parts_never_exceed_the_whole(
    exports: pd.DataFrame, destinations: pd.DataFrame, whole: str, at_least: int
) -> None:
    """Countries add to no more than the world, members to no more than their group, within summed rounding."""
    named = destinations.set_index("code")
    countries = set(named.index[named["kind"] == "country"])
    codes = countries if whole == "WLD" else set(items(named.loc[whole, "members"]))
    both = parts_and_whole(exports, whole, codes)
    assert len(both) >= at_least
    over = both["volume_t"] - both["volume_t_whole"] > both["precision_t"] + both["precision_t_whole"] + 1e-9
    assert both[over].empty


def test_groups_never_exceed_the_world(exports: pd.DataFrame) -> None:
    """The EU takes no more than the world does."""
    both = parts_and_whole(exports, "WLD", {"EU27"})
    assert len(both) > 0
    assert (both["volume_t"] <= both["volume_t_whole"]).all()


Span = tuple[str, str]


def tiling(span: Span, known: dict[Span, tuple[float, float]]) -> list[Span] | None:
    """Months and shorter totals that cover ``span`` without overlap, the shortest first; None where there are none."""
    start, end = span
    if start > end:
        return []
    for part in sorted(known, key=lambda part: part[1]):
        if part[0] == start and part[1] <= end:
            rest = tiling((str(pd.Period(part[1], freq="M") + 1), end), known)
            if rest is not None:
                return [part, *rest]
    return None


def known_spans(exports: pd.DataFrame, period_totals: pd.DataFrame) -> dict[tuple[str, str], dict]:
    """For each series: span to (tonnes, rounding), a month being a span of its own."""
    months = exports.assign(start=exports["month"], end=exports["month"])
    spans: dict[tuple[str, str], dict] = {}
    for row in pd.concat([months, period_totals]).itertuples(index=False):
        series = spans.setdefault((row.product, row.destination), {})
        series[row.start, row.end] = (row.volume_t, row.precision_t)
    return spans


def test_period_totals_agree_with_their_parts(exports: pd.DataFrame, period_totals: pd.DataFrame) -> None:
    """A total that months and shorter totals cover is their sum within rounding, but for the known conflicts."""
    checked, apart = 0, set()
    for (product, destination), known in known_spans(exports, period_totals).items():
        for span in [span for span in known if span[0] < span[1]]:
            parts = tiling(span, {part: known[part] for part in known if part != span})
            if parts is None:
                continue
            checked += 1
            volume, rounding = known[span]
            difference = volume - sum(known[part][0] for part in parts)
            if abs(difference) > rounding + sum(known[part][1] for part in parts) + 1e-9:
                apart.add((product, destination, *span))
    assert checked >= 30
    assert apart == TOTALS_IN_CONFLICT


def test_spring_2026_is_known_only_as_a_sum(exports: pd.DataFrame, period_totals: pd.DataFrame) -> None:
    """April to June 2026 stand for the world as one total of 15,504 t and not as months."""
    world = exports.query("product == 'rare_earth_magnets' and destination == 'WLD'")
    assert set(world["month"]).isdisjoint({"2026-04", "2026-05", "2026-06"})
    spring = period_totals.query("destination == 'WLD' and start == '2026-04' and end == '2026-06'")
    assert spring["volume_t"].tolist() == [15_504]


# Destinations --------------------------------------------------------------------------------------------------------


def test_destinations(destinations: pd.DataFrame) -> None:
    """249 countries of ISO 3166-1 and Kosovo, the EU with 27 and with 28 members, and the world; names stand once."""
    countries = destinations.query("kind == 'country'")
    assert len(countries) == 250
    assert countries["code"].str.fullmatch("[A-Z]{3}").all()
    assert countries["iso2"].str.fullmatch("[A-Z]{2}").all()
    assert countries.loc[countries["numeric"] == "", "code"].tolist() == ["XKX"]
    assert countries["numeric"].str.fullmatch("[0-9]{3}|").all()
    for column in ("name", "iso2", "numeric"):
        assert countries[column].is_unique
    groups = destinations.query("kind == 'group'").set_index("code")
    assert list(groups.index) == ["EU27", "EU28"]
    members = items(groups.loc["EU27", "members"])
    assert len(set(members)) == 27
    assert set(items(groups.loc["EU28", "members"])) == {*members, "GBR"}
    assert set(members) <= set(countries["code"])
    assert destinations.query("kind == 'total'")["code"].tolist() == ["WLD"]


def test_every_code_is_listed(
    exports: pd.DataFrame, period_totals: pd.DataFrame, events: pd.DataFrame, destinations: pd.DataFrame
) -> None:
    """Every destination that a file names stands in destinations.csv."""
    codes = set(destinations["code"])
    assert set(exports["destination"]) <= codes
    assert set(period_totals["destination"]) <= codes
    assert {code for cell in events["destinations"] for code in items(cell)} <= codes | {"ALL"}


# Events --------------------------------------------------------------------------------------------------------------


def test_kinds_are_in_the_vocabulary(events: pd.DataFrame) -> None:
    """Every kind is one of those that tighten, ease or carry no regressor."""
    assert set(events["kind"]) <= TIGHTENING | EASING | WITHOUT_REGRESSOR


def test_days_are_in_order(events: pd.DataFrame) -> None:
    """An end is never before the announcement, nor known before it, and only an end can be scheduled."""
    for row in events.itertuples(index=False):
        announced = date.fromisoformat(row.announced)
        date.fromisoformat(row.effective)
        if row.ends:
            assert announced <= date.fromisoformat(row.ends), row.event
        else:
            assert (row.ends_announced, row.ends_status) == ("", ""), row.event
        if row.ends_announced:
            assert announced <= date.fromisoformat(row.ends_announced), row.event
        assert row.ends_status in ("", "scheduled"), row.event


def test_lists_name_nothing_twice(events: pd.DataFrame) -> None:
    """Products and destinations are lists without repetition; ALL stands alone."""
    for cell in [*events["products"], *events["destinations"]]:
        listed = items(cell)
        assert listed
        assert len(set(listed)) == len(listed)
        assert "ALL" not in listed or listed == ["ALL"]


def dates_in(text: str, announced: date) -> set[tuple[int, int, int]]:
    """Dates in a sentence as (year, month, day), 0 for what it leaves out; a year left out is that of announcement."""
    found = set()
    for match in DATE_TEXT.finditer(text):
        year = int(match["year"] or match["alone"] or announced.year)
        month = MONTH_NAMES.index(match["month"]) + 1 if match["month"] else 0
        found.add((year, month, int(match["day"] or 0)))
    return found


def test_descriptions_do_not_tell_the_future(events: pd.DataFrame) -> None:
    """A description names no date after the announcement but the event's own effect and end."""
    named = 0
    for row in events.itertuples(index=False):
        announced = date.fromisoformat(row.announced)
        own = [date.fromisoformat(day) for day in (row.effective, row.ends) if day]
        allowed = {(day.year, day.month, day.day) for day in own} | {(day.year, 0, 0) for day in own}
        said = dates_in(row.description, announced)
        named += len(said)
        later = {day for day in said if day > (announced.year, announced.month, announced.day)}
        assert later <= allowed, row.event
    assert named >= 10


def test_the_reader_of_descriptions_finds_dates() -> None:
    """The search for dates sees a day, a month and a bare year."""
    found = dates_in("From 8 November, again in March 2027 and until 2030.", date(2025, 10, 9))
    assert found == {(2025, 11, 8), (2027, 3, 0), (2030, 0, 0)}


def test_the_truce_has_no_gap(events: pd.DataFrame) -> None:
    """The truce of 2025 and its extensions abut to the day; ends are known once the next is announced, or scheduled."""
    truces = events.query("kind == 'truce'").sort_values("effective")
    assert truces["effective"].tolist() == ["2025-05-14", "2025-08-12", "2025-11-10", "2026-11-10"]
    assert truces["ends"].tolist() == [*truces["effective"].iloc[1:], "2027-01-10"]
    assert truces["ends_announced"].iloc[:2].tolist() == truces["announced"].iloc[1:3].tolist()
    assert truces["ends_announced"].iloc[2:].tolist() == truces["announced"].iloc[2:].tolist()
    assert truces["ends_status"].tolist() == ["", "", "scheduled", "scheduled"]


def test_october_2025_never_acted_on_goods(events: pd.DataFrame) -> None:
    """The October 2025 controls on goods ended before their effect, and none of them names magnets."""
    goods = events.set_index("event").loc[["licensing-2025-10-five-rare-earths", "licensing-2025-10-made-abroad"]]
    assert (goods["ends"] <= goods["effective"]).all()
    october = events[events["event"].str.startswith("licensing-2025-10")]
    assert not october["products"].str.contains("rare_earth_magnets").any()


def test_licensing_of_april_2025(events: pd.DataFrame) -> None:
    """Announcement 18 acts on magnets, dysprosium, terbium, scandium and yttrium at once, on everyone, without end."""
    row = events.set_index("event").loc["licensing-2025-04-ree"]
    assert set(items(row["products"])) == {
        "rare_earth_magnets",
        "dysprosium",
        "dysprosium_oxide",
        "terbium",
        "scandium_yttrium_metal_group",
    }
    assert (row["kind"], row["destinations"]) == ("licensing", "ALL")
    assert (row["announced"], row["effective"], row["ends"]) == ("2025-04-04", "2025-04-04", "")


def test_a_suspension_leaves_the_ban_running(events: pd.DataFrame) -> None:
    """The ban of December 2024 has no end of its own: it runs on below a suspension whose end is only scheduled."""
    rows = events.set_index("event")
    ban = rows.loc["ban-2024-12-usa-gallium-germanium-antimony"]
    suspension = rows.loc["suspension-2025-11-usa-ban"]
    assert ban["ends"] == ""
    assert set(items(ban["products"])) <= set(items(suspension["products"]))
    assert (suspension["ends"], suspension["ends_status"]) == ("2026-11-27", "scheduled")


def test_the_slugs_of_acting_events(exports: pd.DataFrame, events: pd.DataFrame) -> None:
    """Slugs without a shipped volume are those that the README lists, so that a misspelt slug cannot hide."""
    acting = events[events["kind"].isin(TIGHTENING | EASING)]
    named = {slug for cell in acting["products"] for slug in items(cell)} - {"ALL"}
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    listed = readme.split("<!-- slugs without volumes -->")[1].split("<!-- end -->")[0]
    assert named - set(exports["product"]) == set(re.findall(r"`(\w+)`", listed))
