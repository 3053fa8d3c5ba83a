"""How is a number computed? Scores, intervals, tests, costs: pure functions over plain data."""
