"""The store: vintages of figures, issued forecasts and how they turned out, in one file that is only ever added to."""
