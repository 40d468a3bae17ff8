"""Events that may happen, and forecasts under them."""
