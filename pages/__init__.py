"""Screens, one file each, in a folder per section of the menu. They may import `components` and `engine`.

Only folders lie beside this file: Streamlit's old page discovery would take up flat ones (it leaves this one out).
"""
