"""The one error of the benchmark: a figure that would not mean what its name says is not given at all."""


class BenchError(Exception):
    """The run cannot go on; the text says what was seen."""
