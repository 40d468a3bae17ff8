"""Words of the languages of trade statistics: names of months, and of currencies."""
