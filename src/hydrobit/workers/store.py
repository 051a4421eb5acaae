"""Queries of the crew register in, values out."""

from hydrobit.storage import queries
from hydrobit.storage.engine import Transaction

sql = queries.load("hydrobit.workers")


def add_worker(
    tx: Transaction, company: int, worker_id: str, first_name: str, last_name: str, hire_date: str, now: int
) -> None:
    """Raises Duplicate when the id is taken."""
    tx.run(
        sql.add_worker,
        company=company,
        worker_id=worker_id,
        first_name=first_name,
        last_name=last_name,
        hire_date=hire_date,
        now=now,
    )
