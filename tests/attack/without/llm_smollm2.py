"""Stands before the package of the bundled model in the server of random journeys, so that the model is scripted."""
