"""The benchmark: Hydrobit beside an echo, beside the service a team would usually write, and beside the bare store.

Run it by `make bench` or `python -m bench`. It is reported, never asserted in a test: see bench/results/README.md.
"""
