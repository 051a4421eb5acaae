"""What Hydrobit is measured against. Each peer is started as a process of its own: `python -m bench.peers.<name>`."""
