"""Readings, tables and figures -> charts, in the colours of the expressions, filed by what is shown.

Knows nothing about Streamlit, networks or files. Charts fill the width of their container and leave the background,
axes and typeface to the theme of the page that shows them.
"""
