"""Accuracy measures, scores by slice and tests of significance."""
