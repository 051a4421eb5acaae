"""Samples in curl, for a shell."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import json_text


def quoted(text: str) -> str:
    """One word of the shell, in which nothing has a meaning."""
    return "'" + text.replace("'", "'\\''") + "'"


def _body(example: Any) -> str:
    return quoted(json_text(example))


LANGUAGE = Language(
    key="curl",
    title="curl",
    file_name="sample.sh",
    run="sh sample.sh",
    program="""\
{{no 404?}}curl --include --fail-with-body --request {{verb}} {{url}} \\
{{404?}}curl --silent --head {{url}} \\
{{404?}}  --header {{authorization}} |
{{404?}}  grep -E '^HTTP/[0-9.]+ (200|404)'
{{no 404?}}{{no body?}}  --header {{authorization}}
{{body?}}  --header {{authorization}} \\
{{body?}}  --header 'Content-Type: application/json' \\
{{body?}}  --data {{body}}
""",
    handshake="""\
curl --silent --head --request GET --http1.1 {{url}} \\
  --header {{tokenheader}} \\
  --header 'Connection: Upgrade' \\
  --header 'Upgrade: websocket' \\
  --header 'Sec-WebSocket-Version: 13' \\
  --header "Sec-WebSocket-Key: $(head -c 16 /dev/urandom | base64)" \\
  --header 'Sec-WebSocket-Protocol: mqtt' |
  grep -i -E '^HTTP/1.1 101|^sec-websocket-protocol: mqtt'
""",
    text=quoted,
    body=_body,
)
