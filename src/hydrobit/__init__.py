"""Hydrobit, the open server: a ledger of farm work."""
