"""Layouts in which a month is said in two places, and what titles and names say of a table: years, destinations."""
