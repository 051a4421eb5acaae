"""A proxy on TCP that loses answers: the request goes through, and then the connection is cut. Seeded."""

import selectors
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from random import Random
from urllib.parse import urlsplit

RECEIVED_AT_ONCE = 262_144
ACCEPT_AGAIN_S = 0.1


class LosingProxy:
    """Between a client and a server. Of the answers it loses a share; `lost` and `passed` count them."""

    def __init__(self, address: str, share: float, seed: int) -> None:
        place = urlsplit(address)
        self._server = (place.hostname or "", place.port or 80)
        self._share, self._random = share, Random(seed)
        self._turn = threading.Lock()
        self.lost = self.passed = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(ACCEPT_AGAIN_S)
        self._is_over = threading.Event()
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def end(self) -> None:
        self._is_over.set()
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        carrying = []
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                client, _ = self._listener.accept()
                carrying.append(threading.Thread(target=self._carry, args=(client,)))
                carrying[-1].start()
        for thread in carrying:
            thread.join()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server, selectors.DefaultSelector() as selector:
            other = {client: server, server: client}
            for end in other:
                selector.register(end, selectors.EVENT_READ)
            is_answering = False
            while not self._is_over.is_set():
                for key, _ in selector.select(ACCEPT_AGAIN_S):
                    end = client if key.fileobj is client else server
                    with suppress(ConnectionError):
                        received = end.recv(RECEIVED_AT_ONCE)
                        if end is server and not is_answering and received and self._is_lost():
                            return
                        is_answering = end is server
                        if received:
                            other[end].sendall(received)
                            continue
                    return

    def _is_lost(self) -> bool:
        with self._turn:
            is_lost = self._random.random() < self._share
            self.lost += is_lost
            self.passed += not is_lost
            return is_lost


@contextmanager
def losing(address: str, share: float, seed: int) -> Iterator[LosingProxy]:
    """A proxy that is gone at the end of the block."""
    proxy = LosingProxy(address, share, seed)
    try:
        yield proxy
    finally:
        proxy.end()
