"""What was known on a day: release days, vintages, the calendar of events and their phases."""
