"""Who is calling: tokens and the keys that they are checked with, users, companies and roles.

A token's way: `compact` reads what it says without believing it, `verify` finds its issuer and checks it with that
issuer's keys alone, which come from `signing` (our own) or `jwks` (an OIDC issuer's).
"""
