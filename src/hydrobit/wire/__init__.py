"""Request and answer shapes, shared by server and client; the names are the published ones."""
