"""The long tables that everything flows through: their columns, their checks, and the folder of a run."""
