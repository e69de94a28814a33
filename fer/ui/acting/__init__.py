"""The pieces of the Acting practice page."""
