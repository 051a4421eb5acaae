"""What a test of an upgrade says, on each engine."""

from tests.each_engine import tmp_path_factory as tmp_path_factory
