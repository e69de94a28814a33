"""The pieces of the Datasets page: which one, its faces, its faults, its map."""
