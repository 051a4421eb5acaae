"""Bytes to `Call`, `Reply` to bytes; nothing else. The table of operations is handed to it."""
