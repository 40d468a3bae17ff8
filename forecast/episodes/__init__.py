"""Measures as episodes with a course: phases, priors of paths, the structural model, and what others see of it."""
