"""Forms of a company: their versions, who fills them in, and what was handed in."""
