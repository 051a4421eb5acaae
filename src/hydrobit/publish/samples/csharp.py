"""Samples in C# 7, for .NET and for Mono."""

from typing import Any

from hydrobit.publish.samples.language import Language
from hydrobit.publish.samples.literals import ascii_json, ascii_quoted


def _body(example: Any) -> str:
    """A verbatim text, in which only a double quote is written in another way: twice."""
    return '@"' + ascii_json(example).replace('"', '""') + '"'


LANGUAGE = Language(
    key="csharp",
    title="C#",
    file_name="Sample.cs",
    run="mcs -r:System.Net.Http Sample.cs && mono Sample.exe",
    program="""\
using System;
using System.Net.Http;
{{body?}}using System.Text;

public static class Sample
{
    {{body?}}const string Body = {{body}};
    {{body?}}
    public static int Main()
    {
        var request = new HttpRequestMessage(new HttpMethod({{method}}), {{url}});
        request.Headers.Add("Authorization", {{bearer}});
        {{body?}}request.Content = new StringContent(Body, Encoding.UTF8, "application/json");
        var answer = new HttpClient().SendAsync(request).Result;

        Console.WriteLine((int)answer.StatusCode);
        Console.WriteLine(answer.Content.ReadAsStringAsync().Result);
        {{no 404?}}return answer.IsSuccessStatusCode ? 0 : 1;
        {{404?}}return answer.IsSuccessStatusCode || (int)answer.StatusCode == 404 ? 0 : 1;
    }
}
""",
    handshake="""\
using System;
using System.Net.WebSockets;
using System.Threading;

public static class Sample
{
    public static void Main()
    {
        var address = new UriBuilder({{url}});
        address.Scheme = address.Scheme.Replace("http", "ws");

        var socket = new ClientWebSocket();
        socket.Options.SetRequestHeader("x-iot-token", {{token}});
        socket.Options.AddSubProtocol("mqtt");
        socket.ConnectAsync(address.Uri, CancellationToken.None).Wait(); // fails unless the server answers 101

        Console.WriteLine(101);
        Console.WriteLine(socket.SubProtocol);
    }
}
""",
    text=ascii_quoted,
    body=_body,
)
