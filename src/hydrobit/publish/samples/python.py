"""Samples in Python, with its standard library alone."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import json_pair, laid_out, quoted

_NAMES = {None: "None", True: "True", False: "False"}


def _leaf(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return _NAMES[value]
    return quoted(value) if isinstance(value, str) else repr(value)


def _body(example: Any) -> str:
    return laid_out(example, _leaf, json_pair, step=4, last=",")


LANGUAGE = Language(
    key="python",
    title="Python",
    file_name="sample.py",
    run="python3 sample.py",
    program="""\
{{body?}}import json
import sys
import urllib.error
import urllib.request

{{body?}}body = {{body}}
{{body?}}
request = urllib.request.Request(
    {{url}},
    method={{method}},
    headers={
        "Authorization": {{bearer}},
        {{body?}}"Content-Type": "application/json",
    },
    {{body?}}data=json.dumps(body).encode(),
)
try:
    answer = urllib.request.urlopen(request, timeout=30)
except urllib.error.HTTPError as refusal:
    answer = refusal

print(answer.status)
print(answer.read().decode())
{{no 404?}}sys.exit(answer.status >= 400)
{{404?}}sys.exit(answer.status not in (200, 404))
""",
    handshake="""\
import base64
import http.client
import os
import sys
import urllib.parse

url = urllib.parse.urlsplit({{url}})
kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
connection = kind(url.netloc, timeout=30)
connection.request(
    "GET",
    f"{url.path}?{url.query}",
    headers={
        "x-iot-token": {{token}},
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Protocol": "mqtt",
    },
)
answer = connection.getresponse()

print(answer.status)
print(answer.getheader("Sec-WebSocket-Protocol") or answer.read().decode())
sys.exit(answer.status != 101)
""",
    text=quoted,
    body=_body,
)
