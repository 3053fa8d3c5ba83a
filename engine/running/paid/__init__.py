"""What is paid for from a run's budget beside its rows: answers of a model, and texts that are embedded."""
