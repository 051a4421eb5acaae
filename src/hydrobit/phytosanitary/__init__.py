"""Crop health: figures of pests and diseases from the forms that were handed in."""
