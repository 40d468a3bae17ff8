"""A cache of origins changes no number, whatever is in it, and misses when anything changes that a row depends on."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from simulated import GROUPS, calendar, exports, steady

import forecast as fc
from forecast.backtest import origin, origin_cache, whole_days
from forecast.backtest.origin import RunContext
from forecast.backtest.origin_cache import (
    OFF,
    OriginCache,
    _checksum,
    answer_name,
    default_folder,
    fingerprints,
    is_cacheable,
    is_switched_off,
)
from forecast.backtest.parts import as_part
from forecast.backtest.plan import Request, Settings, by_day, fitted_models
from forecast.episodes.alone import Alone, as_numbers, forget, from_numbers
from forecast.episodes.path_priors import LagPaths, PathPrior
from forecast.realtime.data import Data
from forecast.tables.frames import as_text
from forecast.tables.run import Forecasts
from forecast.vocabulary.products import Headline

MODELS = ["seasonal_naive", "theta", "pooled", "naive", "combination"]
EVENT = {"kind": "licensing", "announced": date(2023, 9, 10)}
EVENTS = calendar(EVENT)
LAST = date(2024, 7, 20)
BEFORE = date(2024, 6, 20)


def world() -> pd.DataFrame:
    """Three countries and their total over 54 months: enough earlier origins for weights and widths to be learned."""
    countries = {name: steady(54, level, 0.1, level) for name, level in {"USA": 100, "JPN": 40, "DEU": 60}.items()}
    return exports(countries | {"WLD": sum(countries.values())})


def run(cache: OriginCache | None = None, issued: date = LAST, **changed: object) -> fc.Forecasts:
    options = {"exports": world(), "events": EVENTS, "groups": GROUPS, "models": MODELS, **changed}
    tables = [options.pop(name) for name in ("exports", "events", "groups")]
    return fc.forecast_all(*tables, issued=issued, engine="compiled", cache=cache, **options)


def as_bytes(result: fc.Forecasts) -> dict[str, bytes]:
    return {name: as_text(table).to_csv(index=False).encode() for name, table in result}


@pytest.fixture(scope="module")
def plain() -> fc.Forecasts:
    """A run without a cache."""
    return run()


@pytest.fixture(scope="module")
def without(plain: fc.Forecasts) -> dict[str, bytes]:
    """Its tables."""
    return as_bytes(plain)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the entries of one run."""
    folder = tmp_path_factory.mktemp("filled")
    run(OriginCache(folder))
    return folder


@pytest.fixture
def folder(filled: Path, tmp_path: Path) -> Path:
    """A copy of that folder."""
    for path in filled.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def answer_of(folder: Path) -> Path:
    """The entry of the whole answer: it alone has more than forecasts."""
    [path] = [path for path in folder.glob("*.part") if len(OriginCache(folder).read(path.stem).parts)]
    return path


class Fitted:
    """Counts the days on which the structural model is fitted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.days: list[date] = []
        inner = origin.taught_on

        def counted(context: RunContext, day: object, *chunked: object) -> object:
            self.days.append(day.issued)
            return inner(context, day, *chunked)

        for module in (origin, whole_days):
            monkeypatch.setattr(module, "taught_on", counted)


@pytest.fixture
def fitted(monkeypatch: pytest.MonkeyPatch) -> Fitted:
    return Fitted(monkeypatch)


def names_of(table: pd.DataFrame, events: pd.DataFrame = EVENTS, settings: Settings | None = None) -> Iterator[str]:
    """The fingerprints of the last two origins."""
    context = RunContext(Data(table, events, GROUPS), settings or Settings(tuple(MODELS)))
    yield from fingerprints(context, by_day({"magnets": [BEFORE, LAST]})).values()


# Numbers -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_run_with_every_entry_is_that_without_a_cache_to_the_last_digit(
    folder: Path, plain: fc.Forecasts, without: dict[str, bytes], fitted: Fitted
) -> None:
    """All tables are the same bytes and of the same types, and nothing is fitted."""
    found = run(OriginCache(folder))
    assert as_bytes(found) == without
    assert not fitted.days
    types = {name: table.dtypes.to_dict() for name, table in found if len(table)}
    assert types == {name: table.dtypes.to_dict() for name, table in plain if len(table)}


def test_without_the_answer_the_day_asked_for_alone_is_fitted(
    folder: Path, without: dict[str, bytes], fitted: Fitted
) -> None:
    """What earlier origins taught is kept day by day, the whole answer as one entry more."""
    entries = [*folder.glob("*.part")]
    answer_of(folder).unlink()
    assert as_bytes(run(OriginCache(folder))) == without
    assert fitted.days == [LAST]
    assert {*folder.glob("*.part")} == {*entries}


def test_an_answer_depends_on_all_its_days_and_on_what_was_requested() -> None:
    """Another figure on an earlier day, another series, another day or headline is another answer."""
    data, request = Data(world(), EVENTS, GROUPS), Request({"magnets": [LAST]}, [("magnets", "USA")])
    days = {BEFORE: "a", LAST: "b"}
    known = answer_name(days, request, MODELS, data)
    assert known == answer_name(dict(reversed(days.items())), request, MODELS, data)
    headline = Headline("magnets", "earths")
    others = [
        answer_name({**days, BEFORE: "c"}, request, MODELS, data),
        answer_name(days, replace(request, series=[("magnets", "JPN")]), MODELS, data),
        answer_name(days, replace(request, days={"magnets": [BEFORE]}), MODELS, data),
        answer_name(days, request, ["combination"], data),
        answer_name(days, request, MODELS, replace(data, headlines=(headline,))),
    ]
    revised = world()
    revised.loc[0, "volume_t"] += 1.0
    others.append(answer_name(days, request, MODELS, replace(data, exports=revised)))
    assert len({known, *others}) == 7


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_entries_removed_at_random_change_no_number(
    folder: Path, without: dict[str, bytes], fitted: Fitted, seed: int
) -> None:
    """Whichever days are left, the tables are the same bytes; those removed are fitted again and kept again."""
    entries, answer = sorted(folder.glob("*.part")), answer_of(folder)
    days = [path for path in entries if path != answer]
    gone = np.random.default_rng(seed).random(len(days)) < 0.5
    for path in (answer, *np.array(days)[gone]):
        path.unlink()
    [alone] = folder.glob("*.alone")
    if seed:
        kept = from_numbers(alone.read_bytes()[32:])
        left = as_numbers({key: kept[key] for place, key in enumerate(sorted(kept)) if (place * seed) % 3})
        alone.write_bytes(_checksum(alone.stem, left) + left)
    forget()
    assert as_bytes(run(OriginCache(folder))) == without
    assert len(set(fitted.days)) in (gone.sum(), gone.sum() + 1)  # the day asked for is fitted whether kept or not
    assert sorted(folder.glob("*.part")) == entries


@pytest.mark.slow
def test_next_month_one_origin_is_fitted(tmp_path: Path, without: dict[str, bytes], fitted: Fitted) -> None:
    """What this month's run kept serves the next one: its own day is then an earlier origin like the others."""
    known = world()[world()["released"] <= BEFORE]
    run(OriginCache(tmp_path), BEFORE, exports=known)
    fitted.days.clear()
    found = as_bytes(run(OriginCache(tmp_path)))
    assert fitted.days == [LAST]
    assert found == without


@pytest.mark.slow
def test_the_combination_alone_and_beside_its_members_are_two_answers(tmp_path: Path, fitted: Fitted) -> None:
    """Both rest on the same forecasts of the same days; each shows the models that were asked for."""
    beside = [*fitted_models(["combination"]), "combination"]
    alone = run(OriginCache(tmp_path), models=["combination"])
    fitted.days.clear()
    both = run(OriginCache(tmp_path), models=beside)
    assert fitted.days == [LAST]
    assert {*alone.forecasts["model"]} == {"combination"}
    assert {*both.forecasts["model"]} > {"combination"}
    assert as_bytes(run(OriginCache(tmp_path), models=["combination"])) == as_bytes(alone)


@pytest.mark.slow
def test_an_answer_without_a_total_is_served_too(tmp_path: Path, fitted: Fitted) -> None:
    """Parts whose sum is reconciled though nobody asked for a total."""
    parts = world()[world()["destination"] != "WLD"]
    first = as_bytes(run(OriginCache(tmp_path), exports=parts))
    fitted.days.clear()
    assert as_bytes(run(OriginCache(tmp_path), exports=parts)) == first
    assert not fitted.days


@pytest.mark.slow
def test_a_series_less_is_served_by_the_same_entries(folder: Path, fitted: Fitted) -> None:
    """Entries hold every series of a product, whatever was asked for."""
    found = run(OriginCache(folder), destinations=["USA"])
    assert fitted.days == [LAST]
    assert as_bytes(found) == as_bytes(run(destinations=["USA"]))


# What misses ---------------------------------------------------------------------------------------------------------


def test_the_same_again_has_the_same_fingerprint_and_other_days_another() -> None:
    """A fingerprint depends on nothing but its arguments, and tells two days apart."""
    assert [*names_of(world())] == [*names_of(world())]
    assert len({*names_of(world())}) == 2


def test_a_figure_that_was_out_misses_and_one_that_came_later_does_not() -> None:
    """A revised figure changes the days from its release on; the next month's figures change none before."""
    before, last = names_of(world())
    revised = world()
    revised.loc[0, "volume_t"] += 1e-9
    assert not {*names_of(revised)} & {before, last}
    known = world()[world()["released"] <= BEFORE]
    assert next(names_of(known)) == before
    late = pd.concat([world(), world().iloc[[0]].assign(released=LAST, volume_t=1.0)], ignore_index=True)
    same, other = names_of(late)
    assert (same, other != last) == (before, True)


@pytest.mark.parametrize("field", ["kind", "effective", "ends", "destinations"])
def test_another_calendar_misses(field: str) -> None:
    """An event that is another in any respect, or one more, changes the days on which it was known."""
    other = {"kind": "ban", "effective": date(2023, 9, 11), "ends": date(2024, 1, 1), "destinations": ("USA",)}
    assert not {*names_of(world(), calendar({**EVENT, field: other[field]}))} & {*names_of(world())}


def test_an_event_announced_later_changes_no_day_before() -> None:
    """A calendar is compared as it stood on the day."""
    before, last = names_of(world())
    later = [*names_of(world(), calendar(EVENT, {"kind": "ban", "announced": LAST}))]
    assert later[0] == before
    assert later[1] != last


@pytest.mark.parametrize(
    "changed", [{"horizon": 2}, {"window": 36}, {"learn": False}, {"seed": 1}, {"engine": "reference"},
                {"experience": "none"}, {"models": ("theta", "combination")}]
)  # fmt: skip
def test_another_setting_misses(changed: dict[str, object]) -> None:
    """Every argument that numbers depend on is in the fingerprint."""
    other = Settings(**{"models": tuple(MODELS), "engine": "compiled", **changed})
    plain = Settings(tuple(MODELS), engine="compiled")
    assert not {*names_of(world(), settings=other)} & {*names_of(world(), settings=plain)}


@pytest.mark.parametrize("what", ["_package", "_processor", "library_versions"])
def test_other_sources_libraries_or_processors_miss(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers that another version or machine made are not taken for one's own."""
    known = {*names_of(world())}
    monkeypatch.setattr(origin_cache, what, lambda: ["another"])
    assert not known & {*names_of(world())}


def test_the_digest_of_the_package_is_that_of_its_sources() -> None:
    """A changed line of a module is another package: a development tree never reads what its former self kept."""
    read: list[Path] = []
    with pytest.MonkeyPatch.context() as patch:
        plain = Path.read_bytes
        patch.setattr(Path, "read_bytes", lambda path: read.append(path) or plain(path) + b"#")
        changed = origin_cache._package.__wrapped__()
    assert changed != origin_cache._package()
    assert {Path(origin_cache.__file__), Path(fc.__file__)} <= {*read}


def test_what_is_no_function_of_its_day_is_not_kept(tmp_path: Path) -> None:
    """Parameters held since an earlier day, a plain combination, and models of other packages are always fitted."""
    assert is_cacheable(Settings(tuple(MODELS)))
    assert not is_cacheable(Settings(tuple(MODELS), refit=3))
    assert not is_cacheable(Settings(tuple(MODELS), calibrate=False))
    assert not is_cacheable(Settings(("theta", "of_another_package", "combination")))
    run(OriginCache(tmp_path), calibrate=False)
    assert not [*tmp_path.iterdir()]


def test_what_series_say_by_themselves_is_kept_and_not_fitted_again(
    folder: Path, without: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A later process fits no series by itself again, and its tables are the same bytes."""
    forget()
    answer_of(folder).unlink()
    monkeypatch.setattr("forecast.episodes.alone.fit_structural", None)
    assert as_bytes(run(OriginCache(folder))) == without


def test_what_a_series_says_by_itself_is_kept_with_every_bit() -> None:
    """Bytes and back: the same numbers; a number that is none is left out; anything else is nothing."""
    rng = np.random.default_rng(0)

    def said(lags: tuple[int, ...], seen: tuple[int, ...], weights: tuple[float, ...]) -> Alone:
        roots = [rng.normal(size=(len(seen), len(seen))) for _ in lags]
        paths = {
            lag: PathPrior(rng.normal(size=len(seen)), np.triu(one) + np.triu(one, 1).T)
            for lag, one in zip(lags, roots, strict=True)
        }
        return Alone(seen, LagPaths(rng.random(4), paths), rng.normal(size=4), weights)

    one, two = said((0, 1, 2, 3), (0, 1, 13), (0.25, 1.0)), said((2,), (4,), (1.0,))
    none = Alone(one.seen, one.paths, np.full(4, np.nan), one.weights)
    content = as_numbers({"a" * 64: one, "b" * 64: none, "c" * 64: two})
    found = from_numbers(content)
    assert as_numbers(found) == content
    assert [*found] == ["a" * 64, "c" * 64]
    read = found["a" * 64]
    assert (read.seen, read.weights) == (one.seen, one.weights)
    np.testing.assert_array_equal(read.lag_likelihood, one.lag_likelihood)
    np.testing.assert_array_equal(read.paths.weights, one.paths.weights)
    for lag, path in one.paths.paths.items():
        np.testing.assert_array_equal(read.paths.paths[lag].mean, path.mean)
        np.testing.assert_array_equal(read.paths.paths[lag].covariance, path.covariance)
    spoilt = [b"", b"{}\n", b"null\n", b"[[1]]\n", b"[" * 100_000, content[:-8], content + b"12345678", content[:-1]]
    lags = (b"[4]", b"[]", b"[-1]", b'["2"]', b"[1e9]", b"[2, 2]", b"2", b"[0, 2]", b"[true]")
    spoilt += [content.replace(b"[2]", each) for each in lags]
    knots = (b"[0, 1, 22]", b"[0, 1]", b"[1, 0, 13]", b"[0, 1, -1]", b"{}", b"[0, 1, 1e1]")
    spoilt += [content.replace(b"[0, 1, 13]", each) for each in knots]
    spoilt += [
        content.replace(b"[0, 1, 13], 2", b"[0, 1, 13], " + each) for each in (b"3", b"0", b"-1", b"true", b"null")
    ]
    assert [from_numbers(each) for each in spoilt] == [{}] * len(spoilt)


# What lies there -----------------------------------------------------------------------------------------------------


class Bomb:
    """Unpickled, it makes a file."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, ("exploded",)


def spoilt(content: bytes, fingerprint: str, kind: str) -> bytes:
    """An entry that somebody or the disk has made into something else."""
    payload = content[32:]
    bomb = np.array([Bomb()], dtype=object)
    return {
        "empty": b"",
        "cut": content[:-7],
        "a bit": content[:100] + bytes([content[100] ^ 1]) + content[101:],
        "pickle": pickle.dumps(Bomb()),
        "signed pickle": _checksum(fingerprint, pickle.dumps(Bomb())) + pickle.dumps(Bomb()),
        "array of objects": _checksum(fingerprint, _npz(bomb)) + _npz(bomb),
        "of another day": _checksum("0" * 64, payload) + payload,
    }[kind]


def _npz(array: np.ndarray) -> bytes:
    from io import BytesIO

    archive = BytesIO()
    np.savez(archive, labels=array)
    return archive.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", ["empty", "cut", "a bit", "pickle", "signed pickle", "array of objects", "of another day"]
)
def test_damaged_and_poisoned_entries_are_not_there(
    folder: Path, kind: str, without: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in an entry is run, and one that is not whole is made again: the tables are the same bytes."""
    monkeypatch.chdir(folder)
    for path in {*sorted(folder.glob("*.part"))[::8], answer_of(folder), *folder.glob("*.alone")}:
        path.write_bytes(spoilt(path.read_bytes(), path.stem, kind))
    forget()
    assert as_bytes(run(OriginCache(folder))) == without
    assert not Path("exploded").exists()


@pytest.mark.slow
def test_an_entry_of_other_rows_is_not_there(folder: Path, without: dict[str, bytes]) -> None:
    """A whole entry, rightly signed, whose rows are of another day, product or model says nothing of this day."""
    cache = OriginCache(folder)
    kept = {path.stem: cache.read(path.stem) for path in folder.glob("*.part")}
    del kept[answer_of(folder).stem]
    in_order = sorted(kept, key=lambda name: max(kept[name].forecasts["issued"].unique()))
    for source in (in_order[0], in_order[-1]):  # an earlier day, and the day that is asked for
        part = as_part(kept[source])
        for name in (path.stem for path in folder.glob("*.part")):
            if name != source:
                (folder / f"{name}.part").write_bytes(_checksum(name, part) + part)
        assert as_bytes(run(cache)) == without


@pytest.mark.skipif(not hasattr(os, "O_NOFOLLOW"), reason="the system has no such flag")
def test_a_link_is_not_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """An entry that is a link is not read, and is replaced itself: what it pointed to stays as it was."""
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "kept"
    path = sorted(folder.glob("*.part"))[0]
    content = path.read_bytes()
    path.rename(elsewhere)
    path.symlink_to(elsewhere)
    cache = OriginCache(folder)
    assert cache.read(path.stem) is None
    cache.write({path.stem: Forecasts()})
    assert not path.is_symlink()
    assert elsewhere.read_bytes() == content


def test_the_folder_stays_small(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond so many entries or bytes those not used for longest go, and what a killed writer left; nothing else."""
    [alone] = folder.glob("*.alone")
    paths = [*sorted(folder.glob("*.part")), alone]
    for age, path in enumerate(paths):
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    paths.pop()
    stray, young = (folder / f".forecast-0123456789ab-{digit * 16}.new" for digit in "01")
    foreign = folder / "thesis.docx"
    for path in (stray, young, foreign):
        path.write_bytes(b"")
    os.utime(stray, (1, 1))
    monkeypatch.setattr(origin_cache, "MOST_ENTRIES", 5)
    assert OriginCache(folder).read(paths[-1].stem) is not None  # used just now, so it stays
    OriginCache(folder).write({})
    assert {*folder.iterdir()} == {paths[-1], *paths[:4], young, foreign}
    monkeypatch.setattr(origin_cache, "MOST_BYTES", paths[-1].stat().st_size + 1)
    OriginCache(folder).write({})
    assert [*folder.glob("*.part")] == [paths[-1]]


def test_an_entry_that_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would not be read is not written."""
    monkeypatch.setattr(origin_cache, "LARGEST_ENTRY", 100)
    OriginCache(tmp_path).write({"0" * 64: Forecasts()})
    assert not [*tmp_path.iterdir()]


@pytest.mark.slow
def test_a_disk_that_refuses_is_named_and_changes_no_number(tmp_path: Path, without: dict[str, bytes]) -> None:
    """A file stands where the folder should be: the run is as without a cache, and the reason is kept."""
    (tmp_path / "file").write_bytes(b"")
    cache = OriginCache(tmp_path / "file")
    assert as_bytes(run(cache)) == without
    assert cache.refused == "file exists"


def test_clear_removes_entries_alone(folder: Path) -> None:
    """Whatever else lies in the folder stays."""
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    OriginCache(folder).clear()
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize(("word", "off"), [("", False), ("0", False), ("no", False), ("1", True), ("yes", True)])
def test_the_environment_switches_it_off(word: str, off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty variable, and a plain no, switch nothing off."""
    monkeypatch.setenv(OFF, word)
    assert is_switched_off() == off
    assert default_folder().parts[-2:] == ("export-forecast", "origins")


def test_an_entry_read_is_marked_as_used(folder: Path) -> None:
    """The age of an entry is the time since it served."""
    path = sorted(folder.glob("*.part"))[0]
    os.utime(path, (1, 1))
    OriginCache(folder).read(path.stem)
    assert path.stat().st_mtime > time.time() - 600
