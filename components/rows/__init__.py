"""What pages share to read the rows of runs: the grid with its filters, and everything about one row."""
