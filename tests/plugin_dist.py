"""A small distribution as an installer leaves it: modules, chip files, and a `.dist-info` with entry points."""

from simulator.store import bundled

NETWORK = """
from simulator.graph.build import NetworkBuilder

def build(image_size: int = 16, width: int = 8):
    print("a builder that talks")
    net = NetworkBuilder("acornet", {"image_size": image_size, "width": width})
    net.conv(net.input(3, image_size, image_size), width, 3, padding=1, name="conv")
    return net.build()

def read(path, at_size: str = "", width: int = 4):
    size = int(at_size or path.read_text())
    net = NetworkBuilder(path.stem)
    net.conv(net.input(3, size, size), width, 3, padding=1, name="conv")
    return net.build()
"""


def install(folder, entry_points, name="acorn", **modules):
    """Put a distribution into a folder that is on sys.path. entry_points: {group: lines}; modules: {file stem: source}."""
    info = folder / f"{name}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    lines = [f"[rooftile.{group}]\n{text}\n" for group, text in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(lines))
    for stem, source in modules.items():
        (folder / f"{stem}.py").write_text(source)


def install_acorn(folder):
    """Chips, a network and a reader of `.acorn` files, in order."""
    chips = folder / "acorn_chips"
    chips.mkdir(parents=True)
    (chips / "__init__.py").write_text("print('a module that talks')\n")
    text = bundled.chips()["example_edge"].read_text(encoding="utf-8")
    more = "variants:\n  fast: {name: Acorn Fast, set: {clock_mhz: 1000}}\n"
    (chips / "acorn_one.yaml").write_text(text.replace("name: ", "name: Acorn ", 1) + more)
    groups = {
        "chips": "acorn = acorn_chips",
        "networks": "acornet = acorn_nets:build",
        "readers": "acorn = acorn_nets:read",
    }
    install(folder, groups, acorn_nets=NETWORK)
