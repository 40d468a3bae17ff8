"""Evidence on effects drawn about a known mean, for tests that ask what is learned of it."""

from __future__ import annotations

import numpy as np

from forecast.design.effect_priors import NOTHING, PLACES, Evidence

STEP = PLACES["licensing_step"]


def drawn_effects(random, products, destinations, noise):
    """Evidence of products whose step effects are drawn about -1 with sd 0.5, and the effects themselves."""
    series, truth = {}, {}
    for product in range(products):
        of_product = random.normal(-1.0, 0.5)
        for destination in range(destinations):
            effect = random.normal(of_product, 0.25)
            precision, shift = np.zeros_like(NOTHING.precision), np.zeros_like(NOTHING.shift)
            precision[STEP, STEP] = 1 / noise**2
            shift[STEP] = random.normal(effect, noise) / noise**2
            key = f"p{product}", f"d{destination}"
            series[key], truth[key] = Evidence(precision, shift), effect
    return series, truth
