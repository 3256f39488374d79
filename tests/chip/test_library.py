"""The chip library: every fact and result has a source, and the chips that must be there are."""

import math
import subprocess
import sys

import pytest
import yaml

from simulator import load_chip
from simulator.chip import library as library_module
from simulator.chip.library import bundled_entries, entry
from simulator.chip.load import simulable
from simulator.chip.published import Published
from simulator.chip.yaml_places import read_yaml
from simulator.errors import ChipError
from simulator.store import bundled

FACTS = set(Published.model_fields) - {"vendor", "deployment", "year", "provenance", "results", "sources"}
NAMED = [
    "groq_tsp",
    "goya",
    "hanguang800",
    "t4",
    "v100",
    "jetson_agx_xavier",
    "jetson_xavier_nx",
    "jetson_tx2",
    "jetson_nano",
    "inferx_x1",
    "hailo8",
    "edge_tpu",
    "nnpi_1100",
    "myriad_x",
    "cloud_ai_100",
    "ncore",
    "tpu_v1",
    "tpu_v3",
    "tpu_v4i",
    "nvdla_2048",
    "a100",
    "h100",
]


def unsourced(published):
    """Facts and results that do not say where they come from."""
    given = published.model_dump(exclude_none=True)
    faults = [fact for fact in sorted(FACTS & set(given)) if fact not in published.provenance]
    return faults + [f"results[{i}]" for i, row in enumerate(published.results) if not (row.source and row.confidence)]


def test_the_library_is_whole():
    assert len(bundled_entries()) >= 55
    assert not [name for name in NAMED if name not in bundled_entries()]
    assert sum(len(chip.published.results) for chip in bundled_entries().values()) >= 600


@pytest.mark.parametrize("name", sorted(bundled.chips()))
def test_every_figure_has_a_source(name):
    assert unsourced(bundled_entries()[name].published) == []


def test_a_figure_without_a_source_is_found():
    bare = Published.model_validate({"tdp_w": 5, "results": [{"network": "resnet50", "throughput_per_s": 1}]})
    assert unsourced(bare) == ["tdp_w", "results[0]"]


def test_the_fast_reader_reads_what_the_careful_one_does():
    # Bundled files go through another YAML reader than a user's: words such as `no` must not differ.
    for name, path in bundled.chips().items():
        text = path.read_text(encoding="utf-8")
        if len(text) < 20_000:
            assert yaml.safe_load(text) == read_yaml(text, name)[0], name


def test_some_figures_by_hand():
    chips = bundled_entries()
    assert (chips["t4"].peak_tops, chips["t4"].dram_devices, chips["t4"].sram_mb) == (130.25, 8, 4)
    assert chips["goya"].dram_devices == 4  # only the bus of 128 bits is published
    assert chips["goya"].counts_bus
    assert chips["groq_tsp"].dram_devices == 0
    assert chips["groq_tsp"].dram_gb_per_s == 0
    assert chips["example_edge"].peak_tops == pytest.approx(6.5536)  # nothing published: the file's own
    assert chips["rk3562"].sram_mb is None


def test_peaks_agree_with_the_arrays_that_are_described():
    beside = {"jetson_agx_xavier", "jetson_xavier_nx", "jetson_agx_orin", "jetson_orin_nx"}  # published with two DLA
    for name in set(simulable()) - beside:
        chip = bundled_entries()[name]
        if chip.published.peak_tops_int8 is not None and chip.published.clock_mhz is not None:
            at_published = chip.architecture.peak_tops("int8") * chip.published.clock_mhz / chip.architecture.clock_mhz
            assert math.isclose(at_published, chip.published.peak_tops_int8, rel_tol=0.03), (
                name
            )  # 4 and 32 TOPS are round figures


def test_a_chip_without_an_array_says_so():
    with pytest.raises(ChipError, match=r"goya\.yaml: array: missing; this chip can be compared, not simulated$"):
        load_chip("goya")
    with pytest.raises(ChipError, match=r"goya\.yaml: array: missing"):
        load_chip("habana_goya")
    assert "goya" not in simulable()
    with pytest.raises(ChipError, match=r"not simulated; did you mean 'wormhole'\?$"):
        load_chip("wormhole_t3k")


def test_files_of_the_user(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "schema: 1\nname: Mine\npublished:\n  peak_tops_int8: 20\n  list_price_usd: 50\n  results:\n"
        "    - {network: resnet50, batch: 1, precision: int8, throughput_per_s: 900}\n",
        encoding="utf-8",
    )
    mine = entry(path)
    assert (mine.name, mine.title, mine.peak_tops, mine.architecture) == ("mine", "Mine", 20, None)
    assert mine.published.results[0].throughput_per_s == 900
    path.write_text("schema: 1\nname: Mine\npublished: {peak_tops_int: 20}\n", encoding="utf-8")
    with pytest.raises(ChipError, match=r"mine\.yaml:3: published\.peak_tops_int: unknown key; did you mean"):
        entry(path)
    path.write_text(
        "schema: 1\nname: M\npublished:\n  tdp_w: 5\n  provenance: {tdp_w: {source: x, confidence: low}}\n",
        encoding="utf-8",
    )
    with pytest.raises(ChipError, match=r"mine\.yaml:5: published\.provenance\.tdp_w\.source: must be a key"):
        entry(path)


def test_a_bundled_chip_by_path_or_name_is_the_same():
    assert entry("t4") is entry(bundled.chips()["t4"])
    assert entry("x1").name == "inferx_x1"


def test_all_chips_are_read_once_and_kept(tmp_path, monkeypatch):
    from_yaml = {name: library_module.entry(name) for name in ("t4", "a100-sxm-80", "inferx_x1", "hailo8")}
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    for known in (library_module._plain, library_module._bundled_entry, bundled._listed, bundled.networks):
        known.cache_clear()
    first = library_module.with_variants()
    for known in (library_module._plain, library_module._bundled_entry, bundled._listed, bundled.networks):
        known.cache_clear()
    monkeypatch.setattr(library_module, "parsed", _never)
    monkeypatch.setattr(bundled, "_networks", _never)
    again = library_module.with_variants()
    assert again == first
    assert {name: again[name] for name in from_yaml} == from_yaml
    for kept in tmp_path.glob("*.chips.rooftile"):  # a damaged file counts as missing
        kept.write_bytes(kept.read_bytes()[:-1] + b"?")
    library_module._plain.cache_clear()
    with pytest.raises(AssertionError, match="read anew"):
        library_module._plain()


def _never(*_):
    raise AssertionError("read anew")


def test_a_list_of_chips_imports_no_network():
    code = "import sys; from simulator.chip.library import with_variants; with_variants(); print('networkx' in sys.modules)"
    ran = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True) for _ in range(2)]
    assert ran[1].stdout == "False\n"  # the first may have to read the names
