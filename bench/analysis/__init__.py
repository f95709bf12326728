"""Statistics over the tables of a study: pure functions from data frames to data frames."""
