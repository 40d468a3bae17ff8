"""What keeps files whole and text inert: atomic writes, locks, and one treatment of hostile text for every sink."""
