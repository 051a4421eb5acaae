"""`hydrobit demo`: a harvest morning that is played through the public API."""
