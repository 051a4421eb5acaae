"""From a topic to the row it reaches: the path of the row under HTTP without `/api/`, or a device's own branch."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from starlette.routing import compile_path

from hydrobit.errors import Code, Refused
from hydrobit.operation import BRANCH, BY_MESSAGE, Operation

REPLIES = "replies"


class Target(NamedTuple):
    """A row, and what its path template took from the topic."""

    operation: Operation
    path: Mapping[str, str]


class Topics:
    """The rows of the table by topic. Built once; `find` is asked for every message."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self._fixed: dict[str, dict[str, Operation]] = {}
        self._branch: dict[str, Operation] = {row.branch: row for row in operations if row.branch}
        templates: dict[str, dict[str, Operation]] = {}
        for row in operations:
            if row.topic is not None:
                rows = templates if "{" in row.topic else self._fixed
                rows.setdefault(row.topic, {})[row.http.method] = row
        self._templates = [(compile_path(topic)[0], methods) for topic, methods in templates.items()]

    def find(self, topic: str, branch: str | None, method: str | None = None) -> Target:
        """The row that a topic reaches, with or without a leading `/` or `api/`.

        Where a path takes several methods, the one that writes is meant; the first that reads, where none writes;
        another one where the message names it. `branch` is that of the sender's device.

        Raises Refused: unknown_path, method_not_allowed, device_mismatch.
        """
        place = topic.removeprefix("/").removeprefix("api/")
        methods = self._fixed.get(place)
        if methods is not None:
            return Target(_of(methods, method), {})
        if place.startswith(f"{BRANCH}/"):
            return self._below(place, branch, method)
        for pattern, methods in self._templates:
            match = pattern.fullmatch(place)
            if match is not None:
                return Target(_of(methods, method), match.groupdict())
        raise Refused(Code.unknown_path, f"There is nothing at the topic {topic[:200]}.")

    def _below(self, topic: str, branch: str | None, method: str | None) -> Target:
        """The row of a topic in a device's branch, which must be the sender's own."""
        if branch is None:
            raise Refused(Code.device_mismatch, "Only a device has a branch; connect with its token, or its deviceId.")
        rest = topic.removeprefix(f"{branch}/")
        if rest == topic:
            raise Refused(Code.device_mismatch, f"The sender's own branch is {branch}/.")
        row = self._branch.get(rest)
        if row is not None:
            return Target(row, {})
        if rest.startswith(f"{BRANCH}/"):
            raise Refused(Code.unknown_path, "A branch holds no other branch.")
        return self.find(rest, None, method)


def _of(methods: Mapping[str, Operation], method: str | None) -> Operation:
    if method is None:
        return next(methods[name] for name in BY_MESSAGE if name in methods)
    if method not in methods:
        raise Refused(Code.method_not_allowed, f"{method[:20]} is not one of: {', '.join(sorted(methods))}.")
    return methods[method]


def replies_of(client_id: str) -> str:
    """The topic under which a client finds its answers."""
    return f"{REPLIES}/{client_id}"
