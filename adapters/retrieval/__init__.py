"""Embedding, indexes and the small classifier, in a worker process; and the chunking of documents.

Import `retriever.LanceRetriever` and `chunking`: both are lightweight. The other modules run only in the worker.
"""
