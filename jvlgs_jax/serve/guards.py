"""What every request must pass, and what every answer says to the browser."""

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

READING = ("GET", "HEAD")
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

# The page and its script come from here alone; what they show too. Nothing may put the page into a frame.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# report.html has its styles and pictures within itself, and no script.
REPORT_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; sandbox"

_HEADERS = {
    "Content-Security-Policy": PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True, kw_only=True)
class OwnNames:
    """What a server goes by.

    Attributes:
        names: host names and addresses, without ports.
        addresses: whether it also goes by any IP address; no name of a page's can stand for one of these.
    """

    names: tuple[str, ...] = LOOPBACK_NAMES
    addresses: bool = False

    def include(self, host: str) -> bool:
        """Whether a Host header, with or without a port, names the server."""
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in (known.lower() for known in self.names) or (self.addresses and _is_address(name))


class Guards:
    """Lets only requests through that name this server and come from its own page.

    - The Host must be a name of this server: a name of an attacker's that suddenly leads here (DNS rebinding) is none.
    - What changes something must come from the same origin, as browsers state in Origin or Sec-Fetch-Site. A program
      that states neither is no browser, and nobody's page can make it call.
    """

    def __init__(self, app: ASGIApp, names: OwnNames) -> None:
        """Guards `app`, which goes by `names`."""
        self._app, self._names = app, names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        problem = self._problem(scope["method"], headers)
        answer = self._app if problem is None else JSONResponse({"error": problem}, status_code=403)
        await answer(scope, receive, send_with_headers)

    def _problem(self, method: str, headers: Headers) -> str | None:
        host = headers.get("host", "")
        if not self._names.include(host):
            return f"{host[:80]!r} is no name of this server: open it at the address it printed, or see --allow-host"
        if method in READING:
            return None
        origin = headers.get("origin")
        same = origin is None or _netloc(origin) == host.lower()
        if not same or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "the request comes from another site's page"
        return None


def _netloc(origin: str) -> str:
    """Host and port of an origin, in small letters; "" where it has none."""
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
