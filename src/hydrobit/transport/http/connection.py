"""A connection of uvicorn under guard: bounded heads, requests that arrive in time, answers in their order.

uvicorn writes what it thinks of a broken request at once, also while an earlier request of the connection waits for
its answer; the client would take the one for the other. Here the earlier answers come first.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from hydrobit.errors import Code, Refused
from hydrobit.settings import Settings
from hydrobit.transport.http.shell import CUT, SAFE_HEADERS, Answer

PIPELINE_LENGTH_MAX = 16
"""Requests that may wait on one connection before no more of it is read."""


class Guard:
    """The limits of connections, and the answers of those that break them."""

    def __init__(self, settings: Settings, refuse: Callable[[Refused, str], Answer], *, connections_max: int) -> None:
        self.header_bytes_max = settings.header_bytes_max
        self.request_read_s_max = settings.request_read_s_max
        self.request_bytes_per_s_min = settings.request_bytes_per_s_min
        self.keep_alive_s = settings.keep_alive_s
        self.connections_max = connections_max
        self.pace = (
            f"A request may take {self.request_read_s_max} s, "
            f"and one second more for every {self.request_bytes_per_s_min} bytes that have come; "
            f"its body may pause for {self.request_read_s_max} s."
        )
        self._refuse = refuse
        self._headers = [*SAFE_HEADERS, (b"content-type", b"application/json"), (b"connection", b"close")]
        if "*" in settings.cors_origins:
            self._headers.append((b"access-control-allow-origin", b"*"))

    def answer(
        self, code: Code, detail: str, headers: Sequence[tuple[bytes, bytes]], *, has_body: bool = True
    ) -> bytes:
        """A whole HTTP answer, for a request that never reached the application. The connection ends after it."""
        answer = self._refuse(Refused(code, detail), "")
        body = answer.body if has_body else b""
        lines = [*headers, *self._headers, *answer.headers, (b"content-length", b"%d" % len(body))]
        return b"".join([STATUS_LINE[answer.status], *(b"%b: %b\r\n" % line for line in lines), b"\r\n", body])

    def allowed_s(self, received: int) -> float:
        """How long a request may take of which so many bytes have come: a slow line may send a large body."""
        return self.request_read_s_max + received / self.request_bytes_per_s_min


class PatientFlow(FlowControl):
    """Reads on only while few requests wait: who sends far ahead waits in the network, not in this memory."""

    def __init__(self, transport: asyncio.Transport, waiting: "deque[Any]") -> None:
        super().__init__(transport)
        self._waiting = waiting

    def resume_reading(self) -> None:
        if self.read_paused and len(self._waiting) < PIPELINE_LENGTH_MAX:
            super().resume_reading()


class GuardedProtocol(HttpToolsProtocol):
    """One connection. Between `on_message_begin` and `on_message_complete` a request is on its way."""

    guard: Guard

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = PatientFlow(transport, self.pipeline)
        self.app_state = {CUT: transport.close}  # uvicorn hands a copy to each request
        self._since: float | None = time.monotonic()
        """Since when the client owes us the rest of a request; None while it owes nothing."""
        self._received = self._received_with_head = 0
        self._swept, self._swept_since = 0, 0.0
        """What had come at the last sweeps, and since when that has not changed."""
        self._chunk_bytes = 0
        self._head_bytes = self._head_bytes_more = 0
        """What the present head has at least, and how much more it can have: it began within a chunk."""
        self._beside_body = 0
        """Bytes of chunk extensions and trailers since the last byte of a body."""
        self._in_message = self._in_head = self._in_body = False
        self._is_ending = False
        self._unsent, self._unsent_since = 0, 0.0
        self._served: RequestResponseCycle | None = None
        self._last_words: bytes | None = None
        if len(self.connections) > self.guard.connections_max:
            self._turn_away(Code.too_many_connections, "Try again in a moment.")

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._take(data)

    def _take(self, data: bytes) -> bytes:
        """Reads what came; returns what is to be read anew, behind a request for a protocol that is not spoken."""
        if self._last_words is not None:
            return b""
        if self._since is None:
            self._since = time.monotonic()
        self._chunk_bytes = chunk_bytes = len(data)
        if not self._in_body:
            self._head_bytes += chunk_bytes
        self._received += chunk_bytes
        self._beside_body += chunk_bytes
        self._unset_keepalive_if_required()
        again = b""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self.parser.get_method() != b"CONNECT":  # it is answered like any method that its path does not take
                if self._should_upgrade():
                    self.handle_websocket_upgrade()
                    return b""
                again = self._without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._turn_away(Code.invalid_value, "These bytes are not a request of HTTP/1.1.")
        most = self.guard.header_bytes_max
        if (self._in_head and self._head_bytes > most) or (self._in_body and self._beside_body > most):
            self._refuse_head()
        return b"" if self._is_over() else again

    # What the parser tells.

    def on_message_begin(self) -> None:
        if self._since is None:
            self._since = time.monotonic()
        self._in_message = self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        if self.parser.should_upgrade() and self._is_unwanted_upgrade():
            return
        most = self.guard.header_bytes_max
        if self._head_bytes + self._head_bytes_more > most and self._head_size() > most:
            self._refuse_head()
            raise httptools.HttpParserCallbackError("the head is too large")
        super().on_headers_complete()
        if self.parser.should_upgrade() and self._should_upgrade():
            return  # `data_received` hands the connection over
        self._in_head, self._in_body, self._head_bytes, self._beside_body = False, True, 0, 0
        if not self.pipeline:
            self._served = self.cycle
        if self.expect_100_continue:
            self._received_with_head = self._received
        if self._is_ending or self.parser.should_upgrade():
            self.cycle.keep_alive = False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_body:  # a trailer comes too late to change what was asked
            super().on_header(name, value)

    def on_body(self, body: bytes) -> None:
        self._beside_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._in_head:
            return  # The parser says so of a request that asked for another protocol; `data_received` goes on with it.
        self._in_message = self._in_body = False
        self._since, self._received, self._head_bytes, self._head_bytes_more = None, 0, 0, self._chunk_bytes
        super().on_message_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # It was answered before its body was whole; uvicorn's clock of an idle connection starts anew.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    # What the server tells.

    def on_response_complete(self) -> None:
        next_served = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if next_served is not None:
            self._served = next_served
        elif self._last_words is not None:
            self._end(self._last_words)
        elif self._in_body and self.expect_100_continue and self._received == self._received_with_head:
            # The client will not send the body that it asked about, and the parser would take what follows for it.
            self.transport.close()

    def handle_websocket_upgrade(self) -> None:
        """Java says that its request has a body of no bytes; who reads it next takes no word of a body."""
        self.scope["headers"] = [one for one in self.scope["headers"] if one != (b"content-length", b"0")]
        super().handle_websocket_upgrade()

    def shutdown(self) -> None:
        """Ends once everything that was sent so far is answered; a head that is on its way may still arrive."""
        self._is_ending = True
        if not self._in_head:
            super().shutdown()

    def sweep(self, now: float) -> None:
        """Ends a connection whose request has been arriving for too long; quietly where no request was begun.

        One that takes nothing of its answer is ended like an idle one.
        """
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        elif unsent and now - self._unsent_since > self.guard.keep_alive_s:
            self.transport.abort()
            return
        if self._since is None or self._is_over() or not self._is_late(now, self._since):
            return
        if not self._in_message:
            self.transport.close()
        elif self._has_earlier():
            self._since = now  # We did not read on; that is not the client's delay.
        else:
            self._turn_away(Code.slow_request, self.guard.pace)

    def _is_late(self, now: float, since: float) -> bool:
        """Whether the whole request takes too long, or its body has paused for too long."""
        if self._received != self._swept or self.flow.read_paused:
            self._swept, self._swept_since = self._received, now
        pause_s = now - max(since, self._swept_since) if self._in_body else 0
        return now - since > self.guard.allowed_s(self._received) or pause_s > self.guard.request_read_s_max

    # How a connection ends.

    def _turn_away(self, code: Code, detail: str) -> None:
        """Answers the request that is on its way, after the answers of earlier ones, and ends the connection."""
        if self._is_over():
            return
        is_head = self._in_message and self.parser.get_method() == b"HEAD"
        words = self.guard.answer(code, detail, self.server_state.default_headers, has_body=not is_head)
        if self._has_earlier():
            self._last_words = words
            if self._in_body and self.pipeline and self.pipeline[0][0] is self.cycle:
                self.pipeline.popleft()
        else:
            was_answered = self._in_body and self.cycle.response_started
            self._end(b"" if was_answered else words)

    def _end(self, words: bytes) -> None:
        if not self.transport.is_closing():
            self.transport.write(words)
            self.transport.close()

    def _is_over(self) -> bool:
        return self._last_words is not None or self.transport.is_closing()

    def _has_earlier(self) -> bool:
        """Whether a request before the one on its way still waits for its answer."""
        served = self._served
        return served is not None and not served.response_complete and not (self._in_body and served is self.cycle)

    # Heads.

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _refuse_head(self) -> None:
        self._turn_away(Code.headers_too_large, f"It may have at most {self.guard.header_bytes_max} bytes.")

    def _should_upgrade(self) -> bool:
        """Not while an earlier answer is outstanding: it would come as a part of the other protocol."""
        return self.parser.get_method() == b"GET" and not self._has_earlier() and super()._should_upgrade()

    def _is_unwanted_upgrade(self) -> bool:
        return not self._should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _without_upgrade(self, rest: bytes) -> bytes:
        """A request as if it had not asked for another protocol (RFC 9110, 7.8), and what came behind its head.

        Java's HttpClient asks for h2c with every first call; the parser leaves the body of such a request unread.
        """
        head = [b"%b %b HTTP/%b" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._in_message = self._in_head = False
        return b"\r\n".join([*head, b"", rest])
