"""Who changed what in a company, append-only."""
