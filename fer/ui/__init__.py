"""What pages share: navigation, cached loaders, controls and the pieces of a reading.

The only room that knows Streamlit.
"""
