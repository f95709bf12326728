"""Pure functions over arrays: estimates, verdicts, rank tests, change points."""
