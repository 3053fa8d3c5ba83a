"""The border for tables and documents of a user: each file is parsed in a process of its own, and nowhere else.

A file becomes a value or a typed error. What a parser of native code does to its process, and what a small file that
unpacks to very much costs, ends there: limits of time and memory are kept by both sides.
"""
