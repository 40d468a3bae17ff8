"""Layouts of tables of any maker: months in one place or two, and what titles and names say of a table."""
