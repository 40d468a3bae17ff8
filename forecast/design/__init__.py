"""From a calendar to regressors, and the priors of their effects."""
