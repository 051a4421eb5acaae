"""Devices in the field: their register and tokens, what they read, and what their road has to keep."""
