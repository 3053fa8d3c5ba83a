"""What if rows, inputs or context change? Series of ordinary runs, and what they show."""
