"""Models of log volume: one file a model, loaded only when it is asked for by name (`forecast.registry`)."""
