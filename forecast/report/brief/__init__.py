"""The briefing of a `next` run: one self-contained HTML page."""
