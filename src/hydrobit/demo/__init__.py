"""The demo companies: what tests, documents, the demo and the mock server name."""
