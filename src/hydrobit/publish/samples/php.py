"""Samples in PHP, with its extension curl."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import json_text


def quoted(text: str) -> str:
    """A text in single quotes, in which `$` has no meaning."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _body(example: Any) -> str:
    """A nowdoc, in which nothing has a meaning. No line of JSON begins with its mark."""
    return f"<<<'JSON'\n{json_text(example)}\nJSON"


LANGUAGE = Language(
    key="php",
    title="PHP",
    file_name="sample.php",
    run="php sample.php",
    program="""\
<?php

{{body?}}$body = {{body}};
{{body?}}
$call = curl_init({{url}});
curl_setopt_array($call, [
    CURLOPT_CUSTOMREQUEST => {{method}},
    CURLOPT_HTTPHEADER => [
        {{authorization}},
        {{body?}}'Content-Type: application/json',
    ],
    {{body?}}CURLOPT_POSTFIELDS => $body,
    {{404?}}CURLOPT_NOBODY => true,
    CURLOPT_RETURNTRANSFER => true,
]);
$answer = curl_exec($call);
$status = curl_getinfo($call, CURLINFO_RESPONSE_CODE);

echo $status, "\\n", $answer === false ? curl_error($call) : $answer, "\\n";
{{no 404?}}exit($status >= 200 && $status < 400 ? 0 : 1);
{{404?}}exit(in_array($status, [200, 404]) ? 0 : 1);
""",
    handshake="""\
<?php

$call = curl_init({{url}});
curl_setopt_array($call, [
    CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
    CURLOPT_CUSTOMREQUEST => 'GET',
    CURLOPT_HTTPHEADER => [
        {{tokenheader}},
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: ' . base64_encode(random_bytes(16)),
        'Sec-WebSocket-Protocol: mqtt',
    ],
    CURLOPT_HEADERFUNCTION => function ($call, $line) use (&$protocol) {
        if (preg_match('/^sec-websocket-protocol: (\\w+)/i', $line, $found)) {
            $protocol = $found[1];
        }
        return strlen($line);
    },
    CURLOPT_NOBODY => true, // what follows the handshake is MQTT
]);
curl_exec($call);
$status = curl_getinfo($call, CURLINFO_RESPONSE_CODE);

echo $status, "\\n", $protocol ?? '', "\\n";
exit($status === 101 ? 0 : 1);
""",
    text=quoted,
    body=_body,
)
