"""The demo company, and a harvest morning played through the public API."""
