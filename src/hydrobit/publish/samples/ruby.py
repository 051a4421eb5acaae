"""Samples in Ruby, with its standard library alone."""

import re
from typing import Any

from hydrobit.publish.samples import literals
from hydrobit.publish.samples.language import Language

_SYMBOL = re.compile(r"[a-z_][A-Za-z0-9_]*", re.ASCII)


def quoted(text: str) -> str:
    """A text in double quotes; `#` could begin an expression."""
    return literals.quoted(text).replace("#", "\\#")


def _leaf(value: Any) -> str:
    if value is None:
        return "nil"
    return quoted(value) if isinstance(value, str) else literals.json_leaf(value)


def _pair(name: str, value: str) -> str:
    return f"{name if _SYMBOL.fullmatch(name) else quoted(name)}: {value}"


def _body(example: Any) -> str:
    return literals.laid_out(example, _leaf, _pair)


LANGUAGE = Language(
    key="ruby",
    title="Ruby",
    file_name="sample.rb",
    run="ruby sample.rb",
    program="""\
{{body?}}require "json"
require "net/http"

{{body?}}body = {{body}}
{{body?}}
uri = URI({{url}})
request = Net::HTTP::{{class}}.new(uri)
request["Authorization"] = {{bearer}}
{{body?}}request["Content-Type"] = "application/json"
{{body?}}request.body = JSON.generate(body)

answer = Net::HTTP.start(uri.host, uri.port, use_ssl: uri.scheme == "https") do |http|
  http.request(request)
end

puts answer.code, answer.body
{{no 404?}}exit answer.is_a?(Net::HTTPSuccess)
{{404?}}exit %w[200 404].include?(answer.code)
""",
    handshake="""\
require "net/http"
require "openssl"
require "securerandom"

uri = URI({{url}})
socket = TCPSocket.new(uri.host, uri.port)
if uri.scheme == "https"
  socket = OpenSSL::SSL::SSLSocket.new(socket, OpenSSL::SSL::SSLContext.new.tap(&:set_params))
  socket.hostname = uri.host
  socket.connect
  socket.post_connection_check(uri.host)
end

socket.write [
  "GET #{uri.request_uri} HTTP/1.1",
  "Host: #{uri.host}:#{uri.port}",
  {{tokenheader}},
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: #{SecureRandom.base64(16)}",
  "Sec-WebSocket-Protocol: mqtt",
  "", ""
].join("\\r\\n")
head = socket.gets("\\r\\n\\r\\n")

puts head[/ (\\d{3}) /, 1], head[/^sec-websocket-protocol: (\\w+)/i, 1]
exit head.start_with?("HTTP/1.1 101")
""",
    text=quoted,
    body=_body,
)
