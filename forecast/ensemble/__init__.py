"""Forecast combination, calibration from earlier forecast errors, and aggregates over months."""
