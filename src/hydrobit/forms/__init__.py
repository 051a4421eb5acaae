"""Forms: their versions, the tasks to fill them in, and what was handed in."""
