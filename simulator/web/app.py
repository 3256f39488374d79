"""The page and what it asks, as an application that a server serves."""

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.resources import files
from typing import Any, Literal, TypeVar

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response

from simulator import __version__
from simulator.errors import InputError, StoppedError
from simulator.graph.build import Graph
from simulator.report.page import drawing, require_charts
from simulator.store.foreign import printable
from simulator.web import answers, controls, forms, work
from simulator.web.guard import MOST_WAIT_S, UPLOAD, Guard, TooLargeError, TooSlowError
from simulator.web.jobs import Jobs, fault_lines
from simulator.web.uploads import Shelf, sizes_of

Answer = TypeVar("Answer")

Lane = Literal["quick", "slow", "ahead"]
"""Which threads work on a question."""

LOOK_EVERY_S = 0.05
"""How often a long answer looks whether somebody still waits for it."""

QUICK_LANES = 4
"""Questions of sliders that are worked on at a time, where there are as many cores: the compiled part runs beside others."""

MOST_LINES = 12
"""Of what is wrong with a question."""

PAGES = {"/": ("web/static/index.html", "text/html"), "/page.css": ("web/static/page.css", "text/css"),
         "/page.js": ("web/static/page.js", "text/javascript"), "/draw.js": ("web/static/draw.js", "text/javascript"),
         "/ask.js": ("web/static/ask.js", "text/javascript"),
         "/work.js": ("web/static/work.js", "text/javascript"),
         "/cards.css": ("report/cards.css", "text/css"),
         "/fit.js": ("report/fit.js", "text/javascript"), "/sort.js": ("report/sort.js", "text/javascript")}  # fmt: skip
"""All files that are served: their addresses, places in the package and kinds."""

FAULTS: dict[int | str, dict[str, Any]] = {422: {"model": forms.Faults}, 413: {"model": forms.Faults}}


def application(port: int) -> Guard:
    """The application, behind its door. port: where it is served.

    Raises OptionError when the extra `charts` is not installed.
    """
    require_charts()
    app = FastAPI(title="Rooftile", version=__version__, docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    shelf = Shelf()
    _faults(app)
    _pages(app)
    _choices(app, shelf)
    _runs(app, shelf, Lanes())
    _works(app, shelf)
    return Guard(app, port)


class Lanes:
    """Threads: some for what a slider waits for, one for what takes longer, one for what nobody waits for yet."""

    def __init__(self) -> None:
        many: dict[Lane, int] = {"quick": min(QUICK_LANES, os.cpu_count() or 1), "slow": 1, "ahead": 1}
        self._lanes = {lane: ThreadPoolExecutor(most, thread_name_prefix="rooftile-web") for lane, most in many.items()}

    async def work(self, request: Request, lane: Lane, task: Callable[[Callable[[str], None]], Answer]) -> Answer:
        """Work in a thread; work that nobody waits for any more is not begun, or ends at its next step."""
        gone = threading.Event()

        def tell(_: str) -> None:
            if gone.is_set():
                raise StoppedError("nobody waits for it")

        def begin() -> Answer:
            tell("")
            return task(tell)

        future = asyncio.get_running_loop().run_in_executor(self._lanes[lane], begin)
        while not (await asyncio.wait({future}, timeout=LOOK_EVERY_S))[0]:
            if await request.is_disconnected():
                gone.set()
        return future.result()


def _checked(shelf: Shelf, asked: forms.ChipAsked) -> None:
    """Have the text of a chip file read by the process for it, the first time."""
    if asked.chip_text is not None:
        shelf.check_chip(asked.chip_text)


def _choices(app: FastAPI, shelf: Shelf) -> None:
    """Answer what there is to choose from, and take files."""

    @app.get("/api/library")
    def library() -> forms.Library:
        return answers.listed()

    @app.post("/api/chip", responses=FAULTS)
    def chip(asked: forms.ChipAsked) -> forms.ChipAnswer:
        _checked(shelf, asked)
        return answers.chip_answer(asked)

    @app.post("/api/network", responses=FAULTS)
    def network(asked: forms.NetworkAsked) -> forms.NetworkAnswer:
        return controls.network_answer(asked.network, shelf.graph(asked.network, asked.params))

    @app.post(UPLOAD, responses=FAULTS)
    async def upload(request: Request, name: str, sizes: str = "") -> forms.NetworkAnswer:
        params = sizes_of(sizes)
        data = await request.body()
        sent = shelf.put(name, data)
        graph = await asyncio.to_thread(shelf.graph, sent, params)
        return controls.network_answer(sent, graph)


def _runs(app: FastAPI, shelf: Shelf, lanes: Lanes) -> None:
    """Answer what a run gives, as sections of the page and as files."""

    def graph(asked: forms.RunAsked) -> Graph:
        _checked(shelf, asked)
        return shelf.graph(asked.network, asked.params)

    def file(kind: str, body: str | bytes, **headers: str) -> Response:
        return Response(body, media_type=kind, headers=headers)

    @app.post("/api/run", responses=FAULTS, response_model=forms.RunAnswer)
    async def run(asked: forms.RunAsked, request: Request) -> Response:
        lane: Lane = "ahead" if asked.ahead else "quick" if {*asked.show} <= {*answers.QUICK} else "slow"
        # Written here: left to the framework, the answer would be checked against its own form once more.
        body = answers.kept_body(asked)  # without a thread: most stops of sliders were asked for before
        if body is None:
            body = await lanes.work(request, lane, lambda tell: answers.run_body(asked, lambda: graph(asked), tell))
        return file("application/json", body)

    @app.post("/api/json", responses=FAULTS, response_class=Response)
    async def document(asked: forms.RunAsked, request: Request) -> Response:
        body = await lanes.work(request, "slow", lambda _: answers.document(asked, graph(asked)))
        return file("application/json", body)

    @app.post("/api/csv", responses=FAULTS, response_class=Response)
    async def layers(asked: forms.RunAsked, request: Request) -> Response:
        return file("text/csv", await lanes.work(request, "slow", lambda _: answers.table(asked, graph(asked))))

    @app.post("/api/picture", responses=FAULTS, response_class=Response)
    async def picture(asked: forms.RunAsked, request: Request, kind: forms.Picture = "svg") -> Response:
        body = await lanes.work(request, "slow", lambda _: answers.picture(asked, graph(asked), f".{kind}"))
        return file("image/png" if kind == "png" else "image/svg+xml", body)

    @app.post("/api/report", responses=FAULTS, response_class=Response)
    async def report(asked: forms.RunAsked, request: Request) -> Response:
        page = await lanes.work(request, "slow", lambda tell: answers.report(asked, graph(asked), tell))
        return file("text/html", page, **{"content-disposition": 'attachment; filename="rooftile.html"'})


def _works(app: FastAPI, shelf: Shelf) -> None:
    """Take questions over many chips, tell how far each is, and give it up."""
    jobs = Jobs(fault_lines, forms.Polled)

    @app.post("/api/work", responses=FAULTS)
    def submit(asked: forms.WorkAsked) -> forms.Submitted:
        _checked(shelf, asked.work)
        answers.chip_of(asked.work)  # a fault of the chip is told at once
        graph = shelf.graph(asked.work.network, asked.work.params)
        return jobs.submit(partial(work.answer, asked.work, graph))

    @app.post("/api/poll", responses=FAULTS)
    def poll(asked: forms.TicketAsked) -> forms.Polled:
        return jobs.poll(asked.ticket)

    @app.post("/api/cancel", responses=FAULTS)
    def cancel(asked: forms.TicketAsked) -> forms.Polled:
        return jobs.cancel(asked.ticket)


def _pages(app: FastAPI) -> None:
    """Serve the files of the page, and no others."""
    for address, (place, kind) in PAGES.items():
        content = files("simulator").joinpath(*place.split("/")).read_bytes()
        app.add_api_route(address, _constant(content, kind), include_in_schema=False)
    app.add_api_route("/vega.js", lambda: Response(drawing(), media_type="text/javascript"), include_in_schema=False)


def _constant(content: bytes, kind: str) -> Callable[[], Response]:
    """What answers with a file."""
    return lambda: Response(content, media_type=f"{kind}; charset=utf-8")


def _faults(app: FastAPI) -> None:
    """Answer what is wrong with lines, as the command does."""

    @app.exception_handler(InputError)
    async def _input(_: Request, error: InputError) -> JSONResponse:
        return JSONResponse({"errors": fault_lines(error)}, 422)

    @app.exception_handler(RequestValidationError)
    async def _form(_: Request, error: RequestValidationError) -> JSONResponse:
        lines = [printable(f"{'.'.join(map(str, one['loc']))}: {one['msg']}") for one in error.errors()[:MOST_LINES]]
        return JSONResponse({"errors": lines}, 422)

    @app.exception_handler(StoppedError)
    async def _stopped(_: Request, error: StoppedError) -> JSONResponse:
        return JSONResponse({"errors": [str(error)]}, 499)

    @app.exception_handler(TooLargeError)
    async def _large(_: Request, __: TooLargeError) -> JSONResponse:
        return JSONResponse({"errors": ["body: must be smaller"]}, 413)

    @app.exception_handler(TooSlowError)
    async def _slow(_: Request, __: TooSlowError) -> JSONResponse:
        return JSONResponse({"errors": [f"body: must come within {MOST_WAIT_S:g} s a piece"]}, 408)
