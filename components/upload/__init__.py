"""The steps of Prepare, Upload: from a file to a task. `draft` is what is kept between them, each step a file.

Imported by `pages/prepare/upload.py` alone.
"""
