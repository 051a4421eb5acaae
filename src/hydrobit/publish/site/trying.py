"""The form with which an operation is tried from its page; without scripts there is none, and a sample does it."""

import json

from hydrobit.errors import CATALOGUE, Code
from hydrobit.operation import Operation, Parameter
from hydrobit.publish.refusals import codes_by_status, shared_codes
from hydrobit.publish.site.facts import pretty
from hydrobit.publish.site.fields import heading
from hydrobit.publish.site.markup import Html, element, joined

__all__ = ["FAULTS", "MOCK", "form"]

MOCK = "/_mock/spec/openapi"
"""Where the mock server has the operations."""
FAULTS = {
    "": "none",
    "lose-answer": "the answer is lost",
    "slow": "the answer is slow",
    "500-after-commit": "500, though it was stored",
    "duplicate-delivery": "the call arrives twice",
    "clock-skew": "the server's clock is behind",
    "busy": "503, nothing was done",
}
"""The dial of the mock: what its header `x-mock-fault` may say."""


def form(row: Operation, *, has_mock: bool) -> Html:
    """Where to send it, the parameters, the body, and a place for what comes back."""
    parts = [_where(has_mock=has_mock)]
    if row.parameters:
        fields = [_parameter(one) for one in row.parameters]
        parts.append(element("fieldset", element("legend", "Parameters"), *fields))
    if row.request is not None:
        parts.append(_body(row))
    if has_mock:
        parts.append(_of_the_mock(row))
    parts.append(
        element(
            "p",
            element("button", "Send", type="submit", class_="send"),
            element("button", "Start with a fresh mock", type="button", class_="fresh") if has_mock else Html(),
            class_="acts",
        )
    )
    return element(
        "section",
        heading(2, "Try it", "try"),
        element(
            "form",
            *parts,
            data_method=row.http.method,
            data_path=row.http.path,
            data_mock=MOCK,
            data_writes="" if row.http.method in ("GET", "HEAD") else "yes",
        ),
        element("div", element("p", role="status", class_="outcome"), class_="came"),
        class_="try",
    )


def _where(*, has_mock: bool) -> Html:
    mock = element(
        "label",
        element("input", type="radio", name="where", value="mock", checked=True),
        element("span", element("strong", "The mock"), " plays by the same rules and keeps nothing real."),
        class_="choice",
    )
    return element(
        "fieldset",
        element("legend", "Where to"),
        mock if has_mock else Html(),
        element(
            "label",
            element("input", type="radio", name="where", value="live", checked=not has_mock),
            element("span", element("strong", "This server"), " with your token."),
            class_="choice",
        ),
        element(
            "label",
            element("input", type="checkbox", name="sure"),
            element("span", "Yes, change real data on this server."),
            class_="choice sure",
            hidden=True,
        ),
    )


def _parameter(one: Parameter) -> Html:
    name = f"{one.place}:{one.name}"
    needed = element("span", "required", class_="required") if one.required else Html()
    sent = one.example if one.required else ""
    hint = None if one.required else str(one.example)
    return element(
        "label",
        element("span", element("code", one.name), " ", needed),
        element("input", type="text", name=name, value=str(sent), placeholder=hint, spellcheck="false"),
        class_="entry",
    )


def _body(row: Operation) -> Html:
    examples = list(row.request_examples.items()) or [("", {})]
    choice = Html()
    if len(examples) > 1:
        options = [element("option", name, value=json.dumps(value, ensure_ascii=False)) for name, value in examples]
        choice = element(
            "label", element("span", "Example"), element("select", *options, name="example"), class_="entry"
        )
    text = pretty(examples[0][1])
    area = element(
        "textarea", text, name="body", rows=str(min(18, text.count("\n") + 2)), spellcheck="false", aria_label="Body"
    )
    return element("fieldset", element("legend", "Body"), joined([choice, area]))


def _of_the_mock(row: Operation) -> Html:
    faults = [element("option", told, value=name) for name, told in FAULTS.items()]
    preferred = [element("option", "what the rules say", value="")]
    preferred += [
        element("option", f"the published example of {status}", value=f"code={status}")
        for status in row.answer_examples
    ]
    preferred += [
        element("option", f"refused: {CATALOGUE[code].status} {code}", value=f"example={code}") for code in _own(row)
    ]
    return element(
        "fieldset",
        element("legend", "The mock's dial"),
        element("label", element("span", "Fault"), element("select", *faults, name="fault"), class_="entry"),
        element("label", element("span", "Answer"), element("select", *preferred, name="prefer"), class_="entry"),
        class_="dial",
    )


def _own(row: Operation) -> list[Code]:
    """The codes that are the row's own, and not those of any call."""
    return [
        code
        for status, found in codes_by_status(row).items()
        if status not in row.http.statuses
        for code in found
        if code not in shared_codes(status)
    ]
