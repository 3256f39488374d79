"""The server of `rooftile mcp`: its tools, and the door to them over standard input and output."""

import signal
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from pydantic import BaseModel, ValidationError

from simulator import __version__
from simulator.errors import nearest
from simulator.report.document import plain, to_json
from simulator.store.foreign import printable
from simulator.web.agents import answers, forms, questions
from simulator.web.agents.library import Library
from simulator.web.forms import Submitted, TicketAsked
from simulator.web.jobs import LONGEST_LINE, MOST_LINES, Jobs, fault_lines

STACK_BYTES = 16 * 2**20
"""Of the threads that work."""

INSTRUCTIONS = (
    "Rooftile predicts what inference chips deliver on neural networks, what they cost and what to change. Every answer has "
    "numbers and the same in words: what binds, where the time goes, what the next dollar buys, how far it can be trusted; "
    "repeat the band and what is approximated. Begin with list_chips and list_networks; a chip changed by settings is run "
    "like any other. Questions over many chips go to submit and poll. Nothing is ever written."
)


@dataclass(frozen=True)
class Tool:
    """One tool: what it is asked, what it answers, and the function between."""

    name: str
    asked: type[BaseModel]
    answer: type[BaseModel]
    task: Callable[[Any], BaseModel]
    words: str
    alone: bool = True
    """Whether it works out something, one at a time; others answer at once."""

    def described(self) -> types.Tool:
        """As agents see it."""
        return types.Tool(
            name=self.name,
            description=self.words,
            input_schema=self.asked.model_json_schema(),
            output_schema=self.answer.model_json_schema(mode="serialization"),
            annotations=types.ToolAnnotations(read_only_hint=True, destructive_hint=False, open_world_hint=False),
        )


def tools_of(library: Library) -> list[Tool]:
    """All tools, over what a server lets agents read."""
    jobs = Jobs(fault_lines, forms.Polled)

    def at_once(task: Callable[..., BaseModel]) -> Callable[[Any], BaseModel]:
        return lambda asked: task(library, asked, lambda _: None)

    def submit(asked: forms.SubmitAsked) -> BaseModel:
        return jobs.submit(partial(questions.answer, library, asked.work))

    def poll(asked: forms.PollAsked) -> BaseModel:
        return jobs.poll(asked.ticket, asked.wait_s)

    def cancel(asked: TicketAsked) -> BaseModel:
        return jobs.cancel(asked.ticket)

    rows: list[tuple[str, type[BaseModel], type[BaseModel], Callable[[Any], BaseModel], str | None]] = [
        ("list_chips", forms.ListAsked, forms.ChipList, at_once(answers.list_chips), answers.list_chips.__doc__),
        ("list_networks", forms.ListAsked, forms.NetworkList, at_once(answers.list_networks), answers.list_networks.__doc__),
        ("run", forms.OneRunAsked, forms.RunAnswer, at_once(answers.run), answers.run.__doc__),
        ("explain", forms.ExplainAsked, forms.ExplainAnswer, at_once(answers.explain_two), answers.explain_two.__doc__),
        ("cost", forms.CostAsked, forms.CostAnswer, at_once(answers.cost), answers.cost.__doc__),
        ("sensitivity", forms.RunAsked, forms.SensitivityAnswer, at_once(answers.sensitivity_of), answers.sensitivity_of.__doc__),
    ]  # fmt: skip
    waiting: list[tuple[str, type[BaseModel], type[BaseModel], Callable[[Any], BaseModel], str]] = [
        ("submit", forms.SubmitAsked, Submitted, submit,
         "Submit a question over many chips: compare (rank chips), size (the cheapest chip for targets), sweep (vary keys)."),
        ("poll", forms.PollAsked, forms.Polled, poll, "Where a submitted question stands: progress, or its answer."),
        ("cancel", TicketAsked, forms.Polled, cancel, "Give a submitted question up; it ends at its next step."),
    ]  # fmt: skip
    return [
        *(Tool(name, asked, found, task, words or "") for name, asked, found, task, words in rows),
        *(Tool(name, asked, found, task, words, False) for name, asked, found, task, words in waiting),
    ]


def form_lines(tool: Tool, error: ValidationError) -> list[str]:
    """What is wrong with the arguments of a tool, one line a fault, with the nearest name of one that is not known."""
    lines = []
    for one in error.errors(include_url=False, include_context=False)[:MOST_LINES]:
        where = ".".join(map(str, one["loc"])) or tool.name
        if one["type"] == "extra_forbidden" and len(one["loc"]) == 1:
            lines.append(
                f"{where}: unknown argument of {tool.name}{nearest(str(one['loc'][0]), tool.asked.model_fields)}"
            )
        else:
            lines.append(f"{where}: {one['msg'][:1].lower()}{one['msg'][1:]}")
    return [printable(line)[:LONGEST_LINE] for line in lines]


def application(allowed: Sequence[Path] = ()) -> Server[Any]:
    """The server. allowed: folders, absolute and without links, whose chip and model files may be read."""
    tools = {tool.name: tool for tool in tools_of(Library(allowed))}
    lane = anyio.CapacityLimiter(1)

    async def listed(_: Any, __: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[tool.described() for tool in tools.values()])

    async def called(_: Any, asked: types.CallToolRequestParams) -> types.CallToolResult:
        tool = tools.get(asked.name)
        if tool is None:
            return _failed([f"{printable(asked.name)[:LONGEST_LINE]}: unknown tool{nearest(asked.name, tools)}"])
        try:
            form = tool.asked.model_validate(asked.arguments or {})
            work = partial(tool.task, form)
            limiter = lane if tool.alone else None
            found = await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
        except ValidationError as error:
            return _failed(form_lines(tool, error))
        except Exception as error:  # a defect of ours is a line to an agent too
            return _failed(fault_lines(error))
        data = plain(found.model_dump(mode="json"))
        return types.CallToolResult(
            content=[types.TextContent(type="text", text=to_json(data))], structured_content=data
        )

    return Server(
        "rooftile", version=__version__, instructions=INSTRUCTIONS, on_list_tools=listed, on_call_tool=called
    )  # fmt: skip


def _failed(lines: list[str]) -> types.CallToolResult:
    """A question that cannot be answered: one line a fault."""
    return types.CallToolResult(content=[types.TextContent(type="text", text="\n".join(lines))], is_error=True)


def serve(allowed: Sequence[Path], leave: Callable[[int], None]) -> None:
    """Serve agents over standard input and output until the input is closed. leave: ends the process with a code.

    A thread that reads, or is inside a kernel, ends for no signal: so the process is left at once.
    """
    threading.stack_size(STACK_BYTES)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: leave(130))
    anyio.run(_serve, application(allowed))
    leave(0)


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())


def tool_names(allowed: Sequence[Path] = ()) -> list[str]:
    """Names of the tools that would be served."""
    return [tool.name for tool in tools_of(Library(allowed))]
