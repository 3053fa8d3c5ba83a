"""Language models: the catalog of those that are here, and one folder or file per backend."""
