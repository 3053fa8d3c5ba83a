"""Data types: tasks, variants, models, limits, and the ports that adapters fulfil. Imports no other package."""
