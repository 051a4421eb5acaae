"""Samples in Go, with its standard library alone."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import json_text, quoted


def _body(example: Any) -> str:
    """A raw text; a backtick, which would end it, stands in a text of its own."""
    return "`" + json_text(example).replace("`", '` + "`" + `') + "`"


LANGUAGE = Language(
    key="go",
    title="Go",
    file_name="sample.go",
    run="go run sample.go",
    program="""\
package main

import (
\t"fmt"
\t"io"
\t"log"
\t"net/http"
\t"os"
\t{{body?}}"strings"
)

{{body?}}const body = {{body}}
{{body?}}
func main() {
\t{{body?}}request, err := http.NewRequest({{method}}, {{url}}, strings.NewReader(body))
\t{{no body?}}request, err := http.NewRequest({{method}}, {{url}}, nil)
\tif err != nil {
\t\tlog.Fatal(err)
\t}
\trequest.Header.Set("Authorization", {{bearer}})
\t{{body?}}request.Header.Set("Content-Type", "application/json")

\tanswer, err := http.DefaultClient.Do(request)
\tif err != nil {
\t\tlog.Fatal(err)
\t}
\ttext, err := io.ReadAll(answer.Body)
\tif err != nil {
\t\tlog.Fatal(err)
\t}

\tfmt.Println(answer.StatusCode)
\tfmt.Println(string(text))
\t{{no 404?}}if answer.StatusCode >= 400 {
\t{{404?}}if answer.StatusCode != 200 && answer.StatusCode != 404 {
\t\tos.Exit(1)
\t}
}
""",
    handshake="""\
package main

import (
\t"crypto/rand"
\t"encoding/base64"
\t"fmt"
\t"log"
\t"net/http"
)

func main() {
\tkey := make([]byte, 16)
\tif _, err := rand.Read(key); err != nil {
\t\tlog.Fatal(err)
\t}
\trequest, err := http.NewRequest("GET", {{url}}, nil)
\tif err != nil {
\t\tlog.Fatal(err)
\t}
\trequest.Header.Set("x-iot-token", {{token}})
\trequest.Header.Set("Connection", "Upgrade")
\trequest.Header.Set("Upgrade", "websocket")
\trequest.Header.Set("Sec-WebSocket-Version", "13")
\trequest.Header.Set("Sec-WebSocket-Key", base64.StdEncoding.EncodeToString(key))
\trequest.Header.Set("Sec-WebSocket-Protocol", "mqtt")

\tanswer, err := http.DefaultClient.Do(request)
\tif err != nil {
\t\tlog.Fatal(err)
\t}
\tif answer.StatusCode != 101 {
\t\tlog.Fatal(answer.Status)
\t}
\tfmt.Println(answer.StatusCode)
\tfmt.Println(answer.Header.Get("Sec-WebSocket-Protocol"))
}
""",
    text=quoted,
    body=_body,
)
