"""The road on each engine; what needs no store runs once."""

from tests.each_engine import tmp_path_factory as tmp_path_factory
