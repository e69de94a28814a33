"""Many files: what is to be read, one after the other or on many cores and machines, and results that survive.

Knows nothing about pages or the command line.
"""
