"""The company's crew register."""
