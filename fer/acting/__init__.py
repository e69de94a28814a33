"""The acting practice: expressions on demand, scored against the player's own neutral face. Knows nothing of pages."""
