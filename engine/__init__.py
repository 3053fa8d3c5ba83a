"""What an experiment is and how it runs: nouns, pure verbs, the runner, and the ports adapters fulfil.

Imports nothing of this project's other packages, and no UI, model or database library.
"""
