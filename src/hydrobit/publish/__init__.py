"""Documents that are derived from the table of operations and never written by hand; the table is handed in."""
