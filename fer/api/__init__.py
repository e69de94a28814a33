"""What the server answers to programs: whether it is well, and pictures in, readings out.

Plain ASGI applications over the package, which know nothing of Streamlit; `fer.ui.server` puts them beside the pages.
"""
