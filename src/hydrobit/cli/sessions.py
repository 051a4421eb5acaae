"""Commands for sessions: what only the operator may do with them."""

import cyclopts

from hydrobit.cli import app
from hydrobit.cli.common import Company, Data, authored, checked_id

session = cyclopts.App(name="session", help="Production sessions.")
app.command(session)


@session.command(name="erase")
def erase_session(session_id: str, *, company: Company, data: Data = None) -> None:
    """Erase what was written in a session about people: notes, number plate, driver. Units and totals stay."""
    from hydrobit.sessions import service

    with authored(data, company) as (store, author):
        store.overwrite_erased()
        erased = store.write(service.erase_texts, author, checked_id(session_id))
    print(f"erased {erased} texts of session {session_id}")
