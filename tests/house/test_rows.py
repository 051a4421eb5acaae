"""The table of operations: every row is whole, and no two stand in each other's way."""

import re

import msgspec
import pytest

from hydrobit.catalog import JOBS, OPERATIONS
from hydrobit.job import Job
from hydrobit.operation import Operation, Repeat
from hydrobit.settings import Settings

every_row = pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)


def test_names_and_places_are_unique() -> None:
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)
    assert len({(row.http.method, re.sub(r"{\w+}", "{}", row.http.path)) for row in OPERATIONS}) == len(OPERATIONS)


@every_row
def test_the_path_names_the_rows_path_parameters(row: Operation) -> None:
    told = [parameter.name for parameter in row.parameters if parameter.place == "path"]
    assert re.findall(r"{(\w+)}", row.http.path) == told


@every_row
def test_what_reads_needs_no_body_and_changes_nothing(row: Operation) -> None:
    reads = row.http.method in ("GET", "HEAD")
    assert reads == (row.repeat is Repeat.reads) == (row.request is None)


@every_row
def test_a_row_says_what_it_is_for(row: Operation) -> None:
    assert row.summary
    assert row.description.endswith(".")
    assert row.http.statuses
    assert all(row.http.statuses.values())


@every_row
def test_the_examples_of_a_row_are_read_by_its_own_shape(row: Operation) -> None:
    assert row.request is not None or not row.request_examples
    if row.request is not None:
        for example in row.request_examples.values():
            _, ignored = row.request.decode(msgspec.json.encode(example))
            assert ignored == ()


@every_row
def test_a_body_that_has_to_be_sent_has_an_example(row: Operation) -> None:
    assert row.request_examples or row.request is None or not row.http.body_required


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_pause_between_two_runs_of_a_job_is_a_setting(job: Job) -> None:
    assert getattr(Settings(), job.interval) >= 1
