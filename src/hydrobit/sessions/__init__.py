"""Production sessions: one day's work in one sector, opened and closed by its owner."""
