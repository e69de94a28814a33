"""The pieces of the Models page: which ones on which rows, their figures, and what the figures rest on."""
