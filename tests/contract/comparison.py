"""What a published OpenAPI document promises and another one does not keep, as sentences that name the place.

The rules are the contract's. What is published must be there unchanged. Beyond it the derived document may add
operations, statuses, optional parameters, optional request fields, and fields of answers; its answers may promise more
(`required`). A request field may not demand more than the published one, unless `limits` has it: what was decided.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]

METHODS = ("get", "head", "post", "patch", "put", "delete")
BOUNDS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "const"),
)
KEPT = ("type", "format", "enum", "default", "examples", "example", "if", "then", "else", *BOUNDS)
"""Members of a schema that must be the same where the published document has them."""
NARROWING = ("format", "enum", "additionalProperties", *BOUNDS)
"""Members that make a request refused; the derived document may not add one on its own."""
SETS = ("enum", "type")
"""Members whose order says nothing."""


def operations(document: Json) -> dict[str, tuple[str, str]]:
    """Method and path of every operation, by its id."""
    return {
        operation["operationId"]: (method, path)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }


def resolve(document: Json, node: Json) -> Json:
    """The node with its reference followed; what stands beside the reference wins."""
    while "$ref" in node:
        target: Any = document
        for part in node["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        node = {**target, **{name: value for name, value in node.items() if name != "$ref"}}
    return node


class Comparison:
    """Two documents, and for each request field by what the derived one may be narrower than the published one."""

    def __init__(self, published: Json, derived: Json, limits: Mapping[str, Json]) -> None:
        self.published, self.derived, self._limits = published, derived, limits
        self.limits_met: set[tuple[str, str]] = set()

    def differences(self, not_built: frozenset[str]) -> list[str]:
        """Every difference; an empty list says that the derived document keeps the published one."""
        ours, theirs = operations(self.derived), operations(self.published)
        found = [f"{name}: listed as not built, and yet it is there" for name in sorted(not_built & ours.keys())]
        found += [f"{name}: listed as not built, and not published" for name in sorted(not_built - theirs.keys())]
        for name, place in theirs.items():
            if name in not_built:
                continue
            if ours.get(name) != place:
                found.append(f"{name}: {' '.join(place)} is missing")
                continue
            found += [f"{name}: {difference}" for difference in self._operation(*place)]
        return found

    def _operation(self, method: str, path: str) -> Iterator[str]:
        published, derived = self.published["paths"][path][method], self.derived["paths"][path][method]
        if not set(published["tags"]) <= set(derived["tags"]):
            yield f"tags: {published['tags']} became {derived['tags']}"
        yield from self._security(published, derived)
        yield from self._parameters(method, path)
        yield from self._request(published.get("requestBody"), derived.get("requestBody"))
        yield from self._responses(published, derived["responses"])

    def _security(self, published: Json, derived: Json) -> Iterator[str]:
        wanted = _schemes(self.published, published)
        given = _schemes(self.derived, derived)
        for name in wanted:
            if name not in given:
                yield f"security: {name} is missing"
                continue
            theirs, ours = (side["components"]["securitySchemes"][name] for side in (self.published, self.derived))
            for member in ("type", "scheme", "bearerFormat", "in", "name"):
                if theirs.get(member) != ours.get(member):
                    yield f"security {name}: {member} {theirs.get(member)!r} became {ours.get(member)!r}"

    def _parameters(self, method: str, path: str) -> Iterator[str]:
        theirs, ours = (
            {(one["in"], one["name"]): one for one in _parameters(side, method, path)}
            for side in (self.published, self.derived)
        )
        for key, published in theirs.items():
            place = f"parameter {key[1]} in {key[0]}"
            derived = ours.get(key)
            if derived is None:
                yield f"{place} is missing"
                continue
            for member, otherwise in (("required", False), ("example", None)):
                if not _equal(published.get(member, otherwise), derived.get(member, otherwise)):
                    yield f"{place}: {member} {published.get(member)!r} became {derived.get(member)!r}"
            yield from self._schema(place, published["schema"], derived["schema"], in_request=True)
        for key, derived in ours.items():
            if key not in theirs and derived.get("required"):
                yield f"parameter {key[1]} in {key[0]} is required, and not published"

    def _request(self, published: Json | None, derived: Json | None) -> Iterator[str]:
        if published is None or derived is None:
            if published is not derived:
                yield f"request body: {'published' if published else 'not published'}, but not so here"
            return
        if published.get("required", False) != derived.get("required", False):
            yield f"request body: required {published.get('required')} became {derived.get('required')}"
        yield from self._content("request body", published, derived, in_request=True)

    def _responses(self, published: Json, derived: Json) -> Iterator[str]:
        split = published.get("x-source-responses", {"published": [], "inferred": []})
        for status in dict.fromkeys([*published["responses"], *split["published"], *split["inferred"]]):
            if status not in derived:
                yield f"status {status} is missing"
                continue
            theirs, ours = published["responses"][status], derived[status]
            if "$ref" in theirs and ours.get("$ref") != theirs["$ref"]:
                yield f"status {status}: {theirs['$ref']} became {ours.get('$ref')}"
            theirs, ours = resolve(self.published, theirs), resolve(self.derived, ours)
            yield from self._content(f"status {status}", theirs, ours, in_request=False)

    def _content(self, place: str, published: Json, derived: Json, *, in_request: bool) -> Iterator[str]:
        theirs, ours = published.get("content", {}), derived.get("content", {})
        if theirs.keys() != ours.keys():
            yield f"{place}: content types {sorted(theirs)} became {sorted(ours)}"
            return
        for kind, media in theirs.items():
            yield from self._schema(place, media["schema"], ours[kind]["schema"], in_request=in_request)
            yield from _examples(place, media, ours[kind])

    def _schema(self, place: str, published: Json, derived: Json, *, in_request: bool) -> Iterator[str]:
        name = published.get("$ref", "").removeprefix("#/components/schemas/")
        if name and name not in self.derived["components"]["schemas"]:
            yield f"{place}: the schema {name} is missing"
        published, derived = resolve(self.published, published), resolve(self.derived, derived)
        wanted = published | {k: v for k, v in published.get("x-inferred", {}).items() if k in BOUNDS}
        for member in KEPT:
            if member in wanted and not _same(member, wanted[member], derived.get(member)):
                yield f"{place}: {member} {wanted[member]!r} became {derived.get(member)!r}"
        if derived.get("additionalProperties") is False:
            yield f"{place}: unknown members would be refused"
        if in_request:
            yield from self._narrowing(place, wanted, derived)
        yield from self._required(place, published, derived, in_request=in_request)
        for field, inner in published.get("properties", {}).items():
            if field not in derived.get("properties", {}):
                yield f"{place}.{field} is missing"
                continue
            yield from self._schema(f"{place}.{field}", inner, derived["properties"][field], in_request=in_request)
        if "items" in published:
            if "items" not in derived:
                yield f"{place}[]: items are missing"
                return
            yield from self._schema(f"{place}[]", published["items"], derived["items"], in_request=in_request)

    def _narrowing(self, place: str, published: Json, derived: Json) -> Iterator[str]:
        for member in NARROWING:
            if member not in derived or member in published or derived[member] is True:
                continue
            field = place.rpartition(".")[2]
            if self._limits.get(field, {}).get(member) == derived[member]:
                self.limits_met.add((field, member))
            else:
                yield f"{place}: {member} {derived[member]!r} is not published"

    def _required(self, place: str, published: Json, derived: Json, *, in_request: bool) -> Iterator[str]:
        theirs, ours = set(published.get("required", ())), set(derived.get("required", ()))
        for field in sorted(theirs - ours):
            yield f"{place}.{field}: no longer required"
        if in_request:
            for field in sorted(ours - theirs):
                yield f"{place}.{field}: required, and not so published"


def _schemes(document: Json, operation: Json) -> list[str]:
    """The names of the ways to authenticate, the document's own where the operation names none."""
    choices: list[Json] = operation["security"] if "security" in operation else document["security"]
    return [name for choice in choices for name in choice]


def _parameters(document: Json, method: str, path: str) -> list[Json]:
    item = document["paths"][path]
    return [resolve(document, one) for one in (*item.get("parameters", ()), *item[method].get("parameters", ()))]


def _examples(place: str, published: Json, derived: Json) -> Iterator[str]:
    if "example" in published and not _equal(published["example"], derived.get("example")):
        yield f"{place}: the example became {derived.get('example')!r}"
    for name, example in published.get("examples", {}).items():
        ours = derived.get("examples", {}).get(name, {}).get("value")
        if not _equal(example["value"], ours):
            yield f"{place}: the example {name} became {ours!r}"


def _same(member: str, published: Any, derived: Any) -> bool:
    if member in SETS and isinstance(published, list) and isinstance(derived, list):
        return sorted(map(repr, published)) == sorted(map(repr, derived))
    return _equal(published, derived)


def _equal(published: Any, derived: Any) -> bool:
    """Equal as JSON, where true is not 1."""
    return json.dumps(published, sort_keys=True) == json.dumps(derived, sort_keys=True)
