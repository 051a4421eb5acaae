"""The benchmark: `python -m bench`, started by `make bench`. Its figures are reported, never asserted by a test."""
