"""Embedding, indexes and the small classifier, in a worker process; and the chunking of documents.

Import `retriever.LanceRetriever` and `chunking`: both are light. The other modules run in the worker alone.
"""
