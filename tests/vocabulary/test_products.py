"""Products of a calendar that may be slips for those of the exports."""

from __future__ import annotations

import pandas as pd
import pytest

from forecast.vocabulary.products import misspelt


def calendar(*products: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame({"event": [f"event-{place}" for place in range(len(products))], "products": list(products)})


@pytest.mark.parametrize(
    ("named", "meant"),
    [("grains", "grain"), ("Grain", "grain"), ("hydrogen flouride", "hydrogen_fluoride"), ("nickle", "nickel")],
)
def test_a_product_spelt_nearly_as_one_of_the_exports_is_asked_about(named: str, meant: str):
    """Letters too many, in another order, capitals and spaces: with the event that acts on nothing as it is."""
    found = misspelt(calendar(("grain",), (named, "steel")), ["grain", "hydrogen_fluoride", "nickel"])
    assert found == [
        f"Event event-1 names the product {named!r}, of which there are no exports, so it acts on none. "
        f"Did you mean {meant}?"
    ]


@pytest.mark.parametrize(
    ("named", "exported"),
    [
        (("grain", "ALL"), "grain"),
        (("rice",), "grain"),
        (("antimony_total",), "antimony_metal"),
        (("850519",), "850511"),
        (("steel_2",), "steel_1"),
        (("rice_white", "rice_whites"), "rice_white"),
    ],
    ids=["exported", "another", "of the shipped calendar", "code", "numbered", "beside it"],
)
def test_a_product_that_may_rightly_be_there_is_not_asked_about(named: tuple[str, ...], exported: str):
    """A calendar has products without exports; only what looks like a slip is worth a line."""
    assert misspelt(calendar(named), [exported]) == []
