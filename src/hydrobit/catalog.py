"""The one list: every operation and every job of the house."""

from hydrobit.audit import operations as audit
from hydrobit.company_keys import operations as company_keys
from hydrobit.devices import operations as devices
from hydrobit.forms import operations as forms
from hydrobit.harvest import operations as harvest
from hydrobit.identity import operations as identity
from hydrobit.job import Job
from hydrobit.objects import operations as objects
from hydrobit.operation import Operation
from hydrobit.phytosanitary import operations as phytosanitary
from hydrobit.projects import operations as projects
from hydrobit.records import operations as records
from hydrobit.sessions import operations as sessions
from hydrobit.workers import operations as workers

OPERATIONS: tuple[Operation, ...] = (
    *projects.OPERATIONS,
    *sessions.OPERATIONS,
    *records.OPERATIONS,
    *workers.OPERATIONS,
    *forms.OPERATIONS,
    *harvest.OPERATIONS,
    *phytosanitary.OPERATIONS,
    *devices.OPERATIONS,
    *identity.OPERATIONS,
    *company_keys.OPERATIONS,
    *audit.OPERATIONS,
)

JOBS: tuple[Job, ...] = (*sessions.JOBS, *objects.JOBS, *devices.JOBS)
