"""The pieces of the Live page."""
