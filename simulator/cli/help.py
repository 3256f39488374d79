"""What `--help` shows: commands in groups, two examples at the end of each, and what to try first."""

from typing import Any

from typer.core import TyperGroup

GROUPS = {
    "Questions about one chip": (
        "run",
        "generate",
        "explain",
        "cost",
        "sensitivity",
        "lint",
        "batch",
        "memory",
        "serve",
    ),
    "Finding a chip": ("compare", "size", "sweep", "best", "pareto"),
    "Trust and library": ("claim", "validate", "chips", "networks", "mcp", "cache"),
}
"""Commands by what they are for; one that is in none stands at the end."""

EXAMPLES = {
    "run": (
        "run resnet50 --chip inferx_x1",
        "run yolov5s@640x384 --chip example_edge --set sram.capacity_mib=512KiB",
    ),
    "generate": (
        "generate smollm2_135m --chip jetson_agx_orin --prompt 128 --output 32",
        "generate llama3_8b --chip a100 --param layers=2 --batch max --rent 2 --json answer.json",
    ),
    "explain": (
        "explain resnet50 inferx_x1 dpu_b4096",
        "explain squeezenet example_edge example_edge --set-b clock_mhz=1GHz",
    ),
    "cost": (
        "cost inferx_x1",
        "cost example_edge --set process_nm=7 --reference inferx_x1",
    ),
    "sensitivity": (
        "sensitivity resnet50 --chip inferx_x1",
        "sensitivity squeezenet --chip example_edge --json gains.json",
    ),
    "lint": (
        "lint resnet50 --chip inferx_x1",
        "lint squeezenet --chip example_edge --precision int8 --json findings.json",
    ),
    "batch": (
        "batch squeezenet --chip example_edge --batch 1,4",
        "batch resnet50 --chip inferx_x1 --batch 1:4:x2 --json curve.json",
    ),
    "memory": (
        "memory squeezenet --chip example_edge",
        "memory squeezenet --chip example_edge --sram 512KiB:2MiB:x2 --dram 1,2 --json map.json",
    ),
    "serve": (
        "serve --check",
        "serve --check --port 8713",
    ),
    "compare": (
        "compare --network resnet50 --published",
        "compare smollm2_135m l4 ad102 jetson_orin_nano --prompt 128 --output 16 --batch 4",
    ),
    "size": (
        "size squeezenet --at-least 1000/s",
        "size squeezenet --at-least 30fps --max-power 5W --max-cost 25USD --no-bundled --vary sram.capacity_mib=1,2",
    ),
    "sweep": (
        "sweep resnet50 --chip inferx_x1 --vary sram.capacity_mib=1:16:x2 --out points",
        "sweep squeezenet --chip example_edge --vary clock_mhz=500MHz:1GHz --design latin:20 --out drawn",
    ),
    "best": (
        "best points",
        "best points --by throughput_per_usd --max latency=20ms",
    ),
    "pareto": (
        "pareto points",
        "pareto points --of throughput,cost --min throughput=50fps",
    ),
    "claim": (
        "claim goya --network resnet50",
        "claim goya --network resnet50 --throughput 15000/s --batch 10",
    ),
    "validate": (
        "validate eyeriss tpu_v1",
        "validate eyeriss --json errors.json",
    ),
    "chips": (
        "chips",
        "chips --schema",
    ),
    "networks": (
        "networks",
        "run yolov3@608 --chip inferx_x1",
    ),
    "mcp": (
        "mcp --check",
        "mcp --check --allow .",
    ),
    "cache": (
        "cache --clear",
        "run squeezenet --chip example_edge",
    ),
}
"""Two examples a command, as they are typed behind `rooftile`; the tests run them in this order, in one folder."""

FIRST = (
    ("rooftile run resnet50 --chip inferx_x1", "how fast, and where the time goes"),
    ("rooftile compare --network resnet50 --published", "published chips beside each other"),
    ("rooftile size squeezenet --at-least 1000/s", "the cheapest chip that is fast enough"),
)
"""What to try first: a command, and what it answers."""


def examples(command: str) -> tuple[str, ...]:
    """Examples of a command as they are typed."""
    return tuple(f"rooftile {example}" for example in EXAMPLES.get(command, ()))


def epilog(command: str) -> str:
    """The end of a command's help; the mark keeps the lines as they are."""
    lines = examples(command)
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""


def first_steps(version: str) -> str:
    """What the command says without arguments."""
    width = max(len(command) for command, _ in FIRST)
    lines = [f"  {command:<{width}}  {what}" for command, what in FIRST]
    return "\n".join(
        [
            f"rooftile {version}: throughput of inference chips before silicon exists, and where the TOPS went.",
            "",
            "Try",
            *lines,
            "",
            "rooftile chips, rooftile networks: what is bundled. rooftile --help: all commands.",
        ]
    )


class Grouped(TyperGroup):
    """Lists its commands in groups; their own help ends with examples."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, command in self.commands.items():
            command.epilog = command.epilog or epilog(name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 (the parser gives it)
        """Write a section a group."""
        known = {name: command for name, command in self.commands.items() if not command.hidden}
        placed = {name for names in GROUPS.values() for name in names}
        groups = {**GROUPS, "Other commands": tuple(name for name in known if name not in placed)}
        limit = formatter.width - 6 - max(map(len, known), default=0)
        for title, names in groups.items():
            rows = [(name, known[name].get_short_help_str(limit)) for name in names if name in known]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)
