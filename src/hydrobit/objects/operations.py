"""The job of the objects."""

from hydrobit.job import Job
from hydrobit.objects import service

JOBS = (
    Job(
        name="sweep-objects",
        summary="Deletes photos and media that no row names.",
        interval="sweep_interval_s",
        run=service.sweep,
    ),
)
