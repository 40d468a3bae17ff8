"""Measures as episodes with a course: phases, priors of their paths, the structural model, and what others see of it."""
