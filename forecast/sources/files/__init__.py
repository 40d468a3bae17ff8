"""Containers: what is in a file of text, a workbook, JSON or Parquet, as sheets of text cells."""
