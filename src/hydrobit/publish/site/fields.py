"""Tables of fields, and what else several pages print alike."""

from collections.abc import Sequence

from hydrobit.errors import CATALOGUE, Code
from hydrobit.publish.site.addresses import DOCS
from hydrobit.publish.site.facts import Field
from hydrobit.publish.site.markup import Html, element, joined, said

__all__ = ["anchor", "code_link", "codes_table", "fields_table", "heading", "path_of"]


def heading(level: int, text: str, anchor: str) -> Html:
    """A heading that can be linked to."""
    mark = element("a", "#", class_="anchor", href=f"#{anchor}", aria_label=f"Link to {text}")
    return element(f"h{level}", text, " ", mark, id=anchor)


def path_of(path: str) -> Html:
    """A path or topic, which may break before each slash."""
    return joined([*path.split("/")], Html("<wbr>/"))


def fields_table(fields: Sequence[Field], caption: str, prefix: str) -> Html:
    """A table of fields; `prefix` begins the anchors of its lines."""
    head = element("thead", element("tr", element("th", "Field", scope="col"), element("th", "Meaning", scope="col")))
    lines = element("tbody", *(_line(field, prefix) for field in fields))
    return element("table", element("caption", caption, class_="hidden"), head, lines, class_="fields")


def anchor(prefix: str, field: Field) -> str:
    """Where a field stands on its page."""
    return f"{prefix}-{field.path.replace('[]', '')}"


def code_link(code: Code) -> Html:
    """A code that leads to its place in the catalogue."""
    return element("a", element("code", code.value), href=f"{DOCS}/errors#{code}")


def codes_table(codes: Sequence[Code], caption: str) -> Html:
    """A table of codes: what happened, and what to do."""
    head = element(
        "thead",
        element("tr", *(element("th", name, scope="col") for name in ("Code", "What happened, what to do"))),
    )
    lines = (
        element(
            "tr",
            element("th", code_link(code), scope="row"),
            element("td", said(CATALOGUE[code].message), " ", element("strong", said(CATALOGUE[code].remedy))),
        )
        for code in codes
    )
    return element(
        "table", element("caption", caption, class_="hidden"), head, element("tbody", *lines), class_="codes"
    )


def _line(field: Field, prefix: str) -> Html:
    above, dot, name = field.path.rpartition(".")
    way = [element("span", above + dot, class_="above")] if above else []
    needed = element("span", "required", class_="required") if field.required else Html()
    place = element("span", f"in the {field.place}", class_="place") if field.place else Html()
    told = [element("p", said(field.description))] if field.description else []
    limits = element("p", joined(map(said, field.limits), " "), class_="limits") if field.limits else Html()
    return element(
        "tr",
        element(
            "th",
            element("code", *way, name),
            element("span", element("span", field.kind, class_="kind"), " ", place, " ", needed, class_="about"),
            scope="row",
        ),
        element("td", *told, limits),
        id=anchor(prefix, field),
        class_=f"depth-{field.depth}" if field.depth else None,
    )
