"""Where tables come from: one file for each source, foreign format in, checked table out."""
