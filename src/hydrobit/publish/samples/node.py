"""Samples in Node.js, with its own modules `http` and `https`."""

from hydrobit.publish.samples import javascript
from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import quoted

LANGUAGE = Language(
    key="node",
    title="Node.js",
    file_name="sample.mjs",
    run="node sample.mjs",
    program="""\
import http from "node:http";
import https from "node:https";

const url = new URL({{url}});
const options = {
  method: {{method}},
  headers: {
    "Authorization": {{bearer}},
    {{body?}}"Content-Type": "application/json",
  },
};
{{body?}}const body = {{body}};

const { request } = url.protocol === "https:" ? https : http;
const call = request(url, options, (answer) => {
  console.log(answer.statusCode);
  answer.pipe(process.stdout);
  {{no 404?}}process.exitCode = answer.statusCode < 400 ? 0 : 1;
  {{404?}}process.exitCode = [200, 404].includes(answer.statusCode) ? 0 : 1;
});
{{body?}}call.end(JSON.stringify(body));
{{no body?}}call.end();
""",
    handshake="""\
import { randomBytes } from "node:crypto";
import http from "node:http";
import https from "node:https";

const url = new URL({{url}});
const options = {
  headers: {
    "x-iot-token": {{token}},
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Protocol": "mqtt",
  },
};

const { request } = url.protocol === "https:" ? https : http;
const call = request(url, options, (answer) => {
  console.log(answer.statusCode);
  answer.pipe(process.stdout);
  process.exitCode = 1;
});
call.on("upgrade", (answer, socket) => {
  console.log(answer.statusCode);
  console.log(answer.headers["sec-websocket-protocol"]);
  socket.destroy();
});
call.end();
""",
    text=quoted,
    body=javascript.body,
)
