"""The steps of Prepare, Upload: from a file to a task. Each step is a file; `draft` holds what is kept between them.

Only `pages/prepare/upload.py` imports them.
"""
