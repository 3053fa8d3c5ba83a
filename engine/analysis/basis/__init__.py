"""On what the figures of a run rest: training rows, looks at the test rows, choices and searches made before them."""
