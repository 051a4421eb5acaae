"""Named SQL: each capability keeps its queries in a `.sql` file beside its store.

A block begins with `-- name: some_name`; comment lines under it say what it is for. Parameters are
written `:like_this`. One text serves both engines; where PostgreSQL needs another one, it follows in the same block
under `-- engine: postgres`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.resources import files

SQLITE, POSTGRES = "sqlite", "postgres"
_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
_POSTGRES = f"-- engine: {POSTGRES}\n"
_PARAMETER = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """One statement. `text` has positional marks; `names` are its parameters in the order of the marks.

    PostgreSQL is given `postgres` instead, where there is one; what it is given is put into its words (`translation`).
    """

    name: str
    text: str
    names: tuple[str, ...]
    postgres: "Query | None" = None

    def on(self, engine: str) -> "Query":
        """The statement that this engine is given."""
        return self.postgres if engine == POSTGRES and self.postgres is not None else self

    def values(self, given: dict[str, object]) -> list[object]:
        """The given values in the order of the marks. KeyError when one is missing."""
        return [given[name] for name in self.names]


class Queries:
    """The statements of one file, as attributes."""

    def __init__(self, queries: dict[str, Query]) -> None:
        self._queries = queries

    def __getattr__(self, name: str) -> Query:
        try:
            return self._queries[name]
        except KeyError:
            raise AttributeError(f"there is no query named {name}") from None

    def __iter__(self) -> Iterator[Query]:
        return iter(self._queries.values())


def load(package: str, file: str = "queries.sql") -> Queries:
    """Reads the file beside a package's modules. Raises ValueError when a name stands twice."""
    _, *parts = _NAME.split(files(package).joinpath(file).read_text("utf-8"))
    queries: dict[str, Query] = {}
    for name, block in zip(parts[::2], parts[1::2], strict=True):
        if name in queries:
            raise ValueError(f"{package}/{file} names {name} twice")
        queries[name] = _parse(name, block)
    return Queries(queries)


def _parse(name: str, block: str) -> Query:
    shared, *own = block.split(_POSTGRES)
    return replace(_statement(name, shared), postgres=_statement(name, own[0]) if own else None)


def _statement(name: str, block: str) -> Query:
    lines = [line for line in block.splitlines() if not line.lstrip().startswith("--")]
    text = "\n".join(lines).strip().rstrip(";")
    return Query(name, _PARAMETER.sub("?", text), tuple(_PARAMETER.findall(text)))
