"""Samples in JavaScript, as a browser runs it: a module with `fetch`."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import json_leaf, json_pair, laid_out, quoted


def body(example: Any) -> str:
    """An object of JavaScript, which is what JSON is."""
    return laid_out(example, json_leaf, json_pair, last=",")


LANGUAGE = Language(
    key="javascript",
    title="JavaScript",
    file_name="sample.mjs",
    run="node sample.mjs",
    program="""\
{{body?}}const body = {{body}};
{{body?}}
const answer = await fetch({{url}}, {
  method: {{method}},
  headers: {
    "Authorization": {{bearer}},
    {{body?}}"Content-Type": "application/json",
  },
  {{body?}}body: JSON.stringify(body),
});

console.log(answer.status);
console.log(await answer.text());
{{no 404?}}if (!answer.ok) {
{{404?}}if (![200, 404].includes(answer.status)) {
  throw new Error(`The server answered ${answer.status}.`);
}
""",
    handshake="""\
const url = new URL({{url}});
url.protocol = url.protocol.replace("http", "ws");

// A page cannot set headers here. The token ({{token}}) goes into
// MQTT's CONNECT, as the password.
const socket = new WebSocket(url, "mqtt");
await new Promise((resolve, reject) => {
  socket.onopen = resolve;
  socket.onerror = () => reject(new Error("The server refused the WebSocket."));
});

console.log(101);
console.log(socket.protocol);
socket.close();
""",
    text=quoted,
    body=body,
)
