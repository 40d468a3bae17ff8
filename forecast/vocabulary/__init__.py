"""How trade statistics write countries, months, numbers, units and products, and what each writing means."""
