"""Rolling origins: the plan of tasks, one origin, their execution in parallel, and checkpoints."""
