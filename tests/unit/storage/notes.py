"""Units over a table of notes: what the tests of storage write and read."""

from hydrobit.storage import translation
from hydrobit.storage.engine import Transaction
from hydrobit.storage.queries import Query

TABLE = """\
create table note (
    number integer primary key,
    text text not null unique check (text <> 'forbidden')
) strict"""
CREATE = Query("create_note", TABLE, (), postgres=Query("create_note", translation.schema(TABLE), ()))
ADD = Query("add_note", "insert into note (number, text) values (?, ?)", ("number", "text"))
ALL = Query("all_notes", "select text from note order by number", ())


def add(tx: Transaction, number: object, text: object) -> int:
    return tx.run(ADD, number=number, text=text)


def texts(tx: Transaction) -> list[str]:
    return [row[0] for row in tx.all(ALL)]
