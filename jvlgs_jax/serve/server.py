"""The web view as a server: until when it serves."""

import socket

import uvicorn

from jvlgs_jax.serve.app import AppConfig, make_app
from jvlgs_jax.serve.station import Station

_PATIENCE_S = 3  # for connections that are open when the server ends


def serve(listener: socket.socket, station: Station, config: AppConfig) -> None:
    """Serves until Ctrl-C or SIGTERM, which are raised again once all has ended and every file is removed."""
    try:
        make_server(station, config).run(sockets=[listener])
    finally:
        station.close()


def make_server(station: Station, config: AppConfig) -> uvicorn.Server:
    """Returns the server, which runs until its `should_exit` is set."""
    settings = uvicorn.Config(
        make_app(station, config),
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE_S,
    )
    return uvicorn.Server(settings)
