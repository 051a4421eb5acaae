"""Samples in R, with the package httr."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import ascii_json, ascii_quoted


def _body(example: Any) -> str:
    """A raw text, with as many dashes in its marks as the JSON makes necessary."""
    text, dashes = ascii_json(example), ""
    while f'){dashes}"' in text:
        dashes += "-"
    return f'r"{dashes}({text}){dashes}"'


LANGUAGE = Language(
    key="r",
    title="R",
    file_name="sample.R",
    run="Rscript sample.R",
    program="""\
library(httr)

{{body?}}body <- {{body}}
{{body?}}
answer <- {{verb}}(
  {{url}},
  {{body?}}content_type_json(),
  {{body?}}body = body,
  add_headers(Authorization = {{bearer}})
)

cat(status_code(answer), content(answer, "text", encoding = "UTF-8"), sep = "\\n")
{{no 404?}}quit(status = if (http_error(answer)) 1 else 0)
{{404?}}quit(status = if (status_code(answer) %in% c(200, 404)) 0 else 1)
""",
    handshake="""\
library(curl)

call <- new_handle(
  http_version = 2, # curl's number of HTTP/1.1
  customrequest = "GET",
  nobody = TRUE
)
handle_setheaders(
  call,
  "x-iot-token" = {{token}},
  "Connection" = "Upgrade",
  "Upgrade" = "websocket",
  "Sec-WebSocket-Version" = "13",
  "Sec-WebSocket-Key" = jsonlite::base64_enc(as.raw(sample(0:255, 16, replace = TRUE))),
  "Sec-WebSocket-Protocol" = "mqtt"
)
# What follows the handshake is MQTT; to curl it is an answer that never comes.
try(curl_fetch_memory({{url}}, call), silent = TRUE)
answer <- handle_data(call)

cat(answer$status_code, parse_headers_list(answer$headers)[["sec-websocket-protocol"]], sep = "\\n")
quit(status = if (answer$status_code == 101) 0 else 1)
""",
    text=ascii_quoted,
    body=_body,
)
