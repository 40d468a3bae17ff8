"""Totals and their parts: draws that add up, headlines published before the detail, months known only together."""
