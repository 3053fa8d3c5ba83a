"""What an experiment is and how it runs: data types, pure functions, the runner, and ports for adapters.

Imports nothing of this project's other packages, and no UI, model or database library.
"""
