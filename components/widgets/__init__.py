"""Custom components drawn by JavaScript, and charts: each updates in place."""
