"""The Video page's own pieces."""
