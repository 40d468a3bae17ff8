"""Layouts of a table of one's own: months in one place or two, and what titles and names say of years and destinations."""
