"""What a page says, on each engine."""

from tests.each_engine import tmp_path_factory as tmp_path_factory
