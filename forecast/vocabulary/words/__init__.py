"""Words of the languages of trade statistics: names of months, of currencies, and those that tell encodings."""
