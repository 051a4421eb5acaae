"""The schema, as numbered texts. A released one is never edited; a change is a new number."""
