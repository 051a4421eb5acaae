"""The harvest export: sessions of a span of days, with each worker's share."""
