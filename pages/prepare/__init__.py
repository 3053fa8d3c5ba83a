"""Prepare: models and tasks."""
