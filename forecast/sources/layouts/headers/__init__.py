"""Headers of several rows: what they are, and how three become two."""
