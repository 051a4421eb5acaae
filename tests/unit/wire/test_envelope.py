"""The error envelope carries the code's own sentence, the detail and what may stand beside it."""

import msgspec
import pytest

from hydrobit.errors import CATALOGUE, Code, Refused
from hydrobit.wire import envelope


@pytest.mark.parametrize("code", list(Code))
def test_every_code_has_a_status_a_sentence_and_a_remedy(code: Code) -> None:
    meaning = CATALOGUE[code]
    assert 400 <= meaning.status <= 599
    assert meaning.message.endswith(".")
    assert meaning.remedy.endswith(".")
    assert 0x80 <= meaning.mqtt_reason <= 0xFF, "an MQTT reason code that tells a failure"


@pytest.mark.parametrize("code", list(Code))
def test_an_error_says_what_happened_and_where_to_ask(code: Code) -> None:
    body = msgspec.json.decode(envelope.encode(envelope.error(Refused(code, "What to do."), "r-1")))
    assert body == {
        "status": "error",
        "message": CATALOGUE[code].message,
        "error": "What to do.",
        "code": code.value,
        "requestId": "r-1",
    }


def test_what_a_refusal_knows_beside_its_sentence_is_shown() -> None:
    refused = Refused(Code.session_closed, "Closed.", held=True, heldId="held_0", field="sessionId")
    body = msgspec.json.decode(envelope.encode(envelope.error(refused, "r-1")))
    assert (body["held"], body["heldId"], body["field"]) == (True, "held_0", "sessionId")
