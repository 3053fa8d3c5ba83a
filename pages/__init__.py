"""Screens, one file each, in a folder per section of the menu. They may import `components` and `engine`.

Only folders are next to this file: Streamlit's old page discovery would pick up flat files (it skips this one).
"""
