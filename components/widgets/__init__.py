"""The parts that JavaScript draws, and charts: each updates in place."""
