"""How does a table become a task? Reading, columns, checks, splits, leaks, and the task itself."""
