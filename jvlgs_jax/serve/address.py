"""Where a server listens and what it goes by there; nothing here waits for JAX."""

import ipaddress
import socket

from jvlgs_jax.errors import UserError
from jvlgs_jax.serve.guards import LOOPBACK_NAMES, OwnNames

_LARGEST_PORT = 65_535
_EVERYWHERE = ("0.0.0.0", "::")


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens there; port 0 is any free one. UserError where that cannot be."""
    if not 0 <= port <= _LARGEST_PORT:
        raise UserError(f"--port is {port}, ports are 0 (any free one) to {_LARGEST_PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UserError(f"--host={host}: no address of a machine ({error}): leave it out for this one") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else a server that just ended holds the port
        listener.bind(address)
        listener.listen()
    except OSError as error:
        listener.close()
        raise UserError(
            f"{host} port {port}: cannot listen there ({error.strerror}): choose another --port; 0 takes a free one"
        ) from error
    return listener


def address_of(listener: socket.socket, host: str) -> str:
    """Returns what to open in a browser."""
    shown = "localhost" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/"


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def names_of(host: str, more: tuple[str, ...] = ()) -> OwnNames:
    """Returns what a server at `host` goes by, with `more` names."""
    everywhere = host in _EVERYWHERE
    own = socket.gethostname() if everywhere else host
    return OwnNames(names=(*LOOPBACK_NAMES, own, *more), addresses=everywhere)
