"""Projects (ranches) and their sectors (lots)."""
