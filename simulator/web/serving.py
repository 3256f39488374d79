"""Serving the page on this machine alone."""

import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from simulator.errors import OptionError, RooftileError
from simulator.web.app import application

HOST = "127.0.0.1"
"""The only address that is served: nobody else's machine reaches it."""

STARTS_WITHIN_S = 30.0

STACK_BYTES = 16 * 2**20
"""Of the threads that work."""


def serve(port: int, tell: Callable[[str], None], check: bool = False) -> None:
    """Serve the page until interrupted. port: 0 takes a free one. tell: called with the address.

    check: start, answer one request to itself, and stop. Raises OptionError where the port is taken.
    """
    if check:
        with served(port) as address, urllib.request.urlopen(address, timeout=STARTS_WITHIN_S) as page:
            tell(f"{address} answers: {len(page.read()):,} bytes of page")
        return
    server, listener, address = _server(port)
    tell(f"Rooftile is at {address} (Ctrl-C ends it)")
    server.run(sockets=[listener])


@contextmanager
def served(port: int = 0) -> Iterator[str]:
    """Serve the page from a thread beside the work; yields its address. Raises OptionError where the port is taken."""
    server, listener, address = _server(port)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        begun = time.monotonic()
        while not server.started:
            if time.monotonic() - begun > STARTS_WITHIN_S:
                raise RooftileError("serve: did not start")
            time.sleep(0.02)
        yield address
    finally:
        server.should_exit = True
        thread.join(STARTS_WITHIN_S)
        listener.close()


def _server(port: int) -> tuple[uvicorn.Server, socket.socket, str]:
    """A server that is ready to run, its socket and its address."""
    threading.stack_size(STACK_BYTES)
    listener = _listener(port)
    port = listener.getsockname()[1]
    settings = uvicorn.Config(application(port), log_level="warning", access_log=False, server_header=False, ws="none")
    return uvicorn.Server(settings), listener, f"http://{HOST}:{port}/"


def _listener(port: int) -> socket.socket:
    """The socket, bound here so that a port that is taken is one line."""
    # Named as TCP: else the server does not ask for TCP_NODELAY, and each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except (OSError, OverflowError) as error:
        listener.close()
        raise OptionError(f"{getattr(error, 'strerror', None) or error}", key="port", given=str(port)) from None
    return listener
