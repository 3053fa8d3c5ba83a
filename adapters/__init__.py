"""Adapters to the outside world, one folder per kind: models, retrieval, training, storage, tabular.

Only `wiring.py` and tests import from here; adapters import the engine and each other's `processes`.
"""
