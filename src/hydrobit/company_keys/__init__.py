"""Keys of machines: `<keyId>.<token>` with scopes, for one company."""
