"""Samples in Java 17, with the client of its own library."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import ascii_json, ascii_quoted

_INDENT = " " * 12


def _body(example: Any) -> str:
    """A text block; its lines lose the indentation that they have together."""
    lines = ascii_json(example).replace("\\", "\\\\").splitlines()
    return '"""\n' + "\n".join(_INDENT + line for line in lines) + '"""'


LANGUAGE = Language(
    key="java",
    title="Java",
    file_name="Sample.java",
    run="java Sample.java",
    program="""\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;

public class Sample {
    public static void main(String[] args) throws Exception {
        {{body?}}var body = {{body}};
        {{body?}}
        var request = HttpRequest.newBuilder(URI.create({{url}}))
            {{body?}}.method({{method}}, BodyPublishers.ofString(body))
            {{no body?}}.method({{method}}, BodyPublishers.noBody())
            .header("Authorization", {{bearer}})
            {{body?}}.header("Content-Type", "application/json")
            .build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());

        System.out.println(answer.statusCode());
        System.out.println(answer.body());
        {{no 404?}}System.exit(answer.statusCode() < 400 ? 0 : 1);
        {{404?}}System.exit(answer.statusCode() == 200 || answer.statusCode() == 404 ? 0 : 1);
    }
}
""",
    handshake="""\
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;

public class Sample {
    public static void main(String[] args) {
        var address = {{url}}.replaceFirst("^http", "ws");
        var socket = HttpClient.newHttpClient().newWebSocketBuilder()
            .header("x-iot-token", {{token}})
            .subprotocols("mqtt")
            .buildAsync(URI.create(address), new WebSocket.Listener() {})
            .join(); // fails unless the server answers 101

        System.out.println(101);
        System.out.println(socket.getSubprotocol());
        System.exit(0);
    }
}
""",
    text=ascii_quoted,
    body=_body,
)
