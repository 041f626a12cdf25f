"""The addresses of the web view: the page, what it asks for, and what it may download."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from jvlgs_jax import __version__
from jvlgs_jax.errors import UserError
from jvlgs_jax.inference.output_folder import REPORT
from jvlgs_jax.sample import CLIP
from jvlgs_jax.serve.guards import REPORT_POLICY, Guards, OwnNames
from jvlgs_jax.serve.station import Station
from jvlgs_jax.serve.uploads import (
    MAX_UPLOAD_MIB,
    MIB,
    NoRoomError,
    StalledError,
    TooLargeError,
    receive_video,
    shown_name,
)

_WISH_BYTES = 256 << 10  # thousands of corners

_PAGE = Path(__file__).parent / "page"
_PAGE_PARTS = ("page.css", "page.js", "regions.js", "timeline.js")
_SAMPLE = CLIP / "leak.mp4"
_STATUS: dict[type[UserError], int] = {StalledError: 408, TooLargeError: 413, NoRoomError: 507}


@dataclass(frozen=True, kw_only=True)
class AppConfig:
    """What may come in.

    Attributes:
        names: what the server goes by.
        max_upload_mib: the largest video that is taken, in MiB.
    """

    names: OwnNames = field(default_factory=OwnNames)
    max_upload_mib: int = MAX_UPLOAD_MIB


def make_app(station: Station, config: AppConfig) -> Starlette:
    """Returns the application that shows `station`, which it closes when it ends."""
    view = _View(station, config)
    routes = [
        Route("/", _page_file("index.html")),
        *(Route(f"/{name}", _page_file(name)) for name in _PAGE_PARTS),
        Route("/api/about", view.about),
        Route("/api/state", view.state),
        Route("/api/picture.jpg", view.picture),
        Route("/api/video", view.take_video, methods=["POST"]),
        Route("/api/sample", view.take_sample, methods=["POST"]),
        Route("/api/camera", view.take_camera, methods=["POST"]),
        Route("/api/watch", view.watch, methods=["POST"]),
        Route("/api/stop", view.stop, methods=["POST"]),
        Route("/results/{name}", view.result),
    ]

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        yield
        await run_in_threadpool(station.close)

    return Starlette(
        routes=routes,
        middleware=[Middleware(Guards, names=config.names)],
        exception_handlers={UserError: _tell_error, HTTPException: _tell_refusal, ClientDisconnect: _tell_nobody},
        lifespan=lifespan,
    )


class _View:
    """Answers to requests. Those that wait for files or threads are plain functions, which run in threads."""

    def __init__(self, station: Station, config: AppConfig) -> None:
        self._station, self._config = station, config
        self._arriving = asyncio.Lock()

    def about(self, request: Request) -> Response:
        limits = {"max_upload_mib": self._config.max_upload_mib}
        return JSONResponse({"version": __version__, **limits, **self._station.about()})

    def state(self, request: Request) -> Response:
        return JSONResponse(self._station.state())

    def picture(self, request: Request) -> Response:
        jpeg = self._station.picture()
        if jpeg is None:
            raise HTTPException(404, "no video yet")
        return Response(jpeg, media_type="image/jpeg")

    async def take_video(self, request: Request) -> Response:
        """The body is the file itself, `?name=` what it is called."""
        if self._arriving.locked():
            raise HTTPException(409, "another video is arriving: wait for it")
        name = request.query_params.get("name", "")
        length = request.headers.get("content-length", "")
        async with self._arriving:
            folder = self._station.new_folder()
            try:
                path = await receive_video(
                    request.stream(),
                    name,
                    folder,
                    limit=self._config.max_upload_mib * MIB,
                    announced=int(length) if length.isdecimal() else None,
                )
            except asyncio.CancelledError as error:
                folder.rmdir()
                raise HTTPException(503, "the server ends: the video was not taken") from error
            except BaseException:
                folder.rmdir()
                raise
            await run_in_threadpool(self._station.show, path, shown_name(name), folder)
        return JSONResponse({})

    def take_sample(self, request: Request) -> Response:
        self._station.show(_SAMPLE, _SAMPLE.name, self._station.new_folder())
        return JSONResponse({})

    async def take_camera(self, request: Request) -> Response:
        """The body is an object: "address", and "frames_per_second" unless they are the camera's own."""
        wish = await _read_json(request)
        if not isinstance(wish, dict) or not isinstance(wish.get("address"), str):
            raise UserError('camera: must be an object with "address", a number or URL as text')
        rate = wish.get("frames_per_second")
        if rate is not None and (isinstance(rate, bool) or not isinstance(rate, int | float)):
            raise UserError(f"camera: frames_per_second is {rate!r}, it must be a number")
        own = None if rate is None else float(rate)
        await run_in_threadpool(self._station.show_camera, wish["address"].strip(), own)
        return JSONResponse({})

    async def watch(self, request: Request) -> Response:
        wish = await _read_json(request)
        await run_in_threadpool(self._station.watch, wish)
        return JSONResponse({})

    def stop(self, request: Request) -> Response:
        self._station.stop()
        return JSONResponse({})

    def result(self, request: Request) -> Response:
        name = request.path_params["name"]
        path = self._station.result(name)
        if path is None:
            raise HTTPException(404, "no such result")
        headers = {"Content-Security-Policy": REPORT_POLICY} if name == REPORT else {}
        shown = "inline" if "show" in request.query_params else "attachment"
        return FileResponse(path, headers=headers, filename=name, content_disposition_type=shown)


def _page_file(name: str) -> Any:
    def answer(request: Request) -> Response:
        return FileResponse(_PAGE / name)

    return answer


async def _read_json(request: Request) -> Any:
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HTTPException(415, "settings must be sent as application/json")
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _WISH_BYTES:
            raise TooLargeError(f"settings: larger than {_WISH_BYTES >> 10} KiB: draw fewer corners")
    try:
        wish = json.loads(body)
        json.dumps(wish, ensure_ascii=False).encode()  # else no answer could repeat it
        return wish
    except (ValueError, RecursionError) as error:
        raise UserError(f"settings: not JSON ({error})") from error


async def _tell_error(request: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 400)
    return JSONResponse({"error": str(error)}, status_code=status)


async def _tell_refusal(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, status_code=error.status_code, headers=error.headers)


async def _tell_nobody(request: Request, error: Exception) -> Response:
    return Response(status_code=400)  # who asked went away before the end of the request
