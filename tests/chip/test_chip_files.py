"""Bundled chips: they load, every number has a source, and what follows from them is right by hand."""

import functools
import json

import pytest
import yaml
from profiles import THOROUGH

from simulator.chip import load, yaml_places
from simulator.chip.load import chip_digest, chip_from_text, chip_schema, load_chip, simulable
from simulator.chip.parts import dram_part, dram_parts, host_link, host_links
from simulator.chip.schema import Architecture
from simulator.errors import ChipError
from simulator.reading.names import plain_name
from simulator.store import bundled

FILES = sorted(bundled.chips())
NAMES = simulable()


@functools.cache
def plain(name):
    """What a file says to any reader of YAML."""
    text = bundled.chips()[name].read_text(encoding="utf-8")
    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def test_both_yaml_parsers_read_the_same(monkeypatch):
    """By day of every fourth file: the slow parser takes a tenth of a second for each."""
    chips = list(bundled.chips().items())[:: 1 if THOROUGH else 4]
    texts = {name: path.read_text(encoding="utf-8") for name, path in chips}
    fast = {name: yaml_places.read_yaml(text, name) for name, text in texts.items()}
    monkeypatch.setattr(yaml_places, "_Fast", yaml_places._Loader)
    for name, text in texts.items():
        data, places = yaml_places.read_yaml(text, name)
        assert repr(data) == repr(fast[name][0]), name
        assert places == fast[name][1], name


def numbers(data, path=()):
    """Dotted keys of all numbers of plain data, list positions left out."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from numbers(value, (*path, key))
    elif isinstance(data, list):
        for value in data:
            yield from numbers(value, path)
    elif isinstance(data, (int, float)) and not isinstance(data, bool):
        yield ".".join(path)


def uncovered(data):
    """Numbers of a chip file that no entry of its `sources` covers."""
    sources = data.get("sources", {})
    if "all" in sources:
        return []
    covered = [key for key, text in sources.items() if text.strip()]
    return [
        number
        for number in numbers({k: v for k, v in data.items() if k not in ("schema", "sources", "variants")})
        if not any(number == key or number.startswith(f"{key}.") for key in covered)
    ]


@pytest.mark.parametrize("name", FILES)
def test_every_number_has_a_source(name):
    assert uncovered(plain(name)) == []


def test_a_number_without_a_source_is_found():
    data = {"clock_mhz": 1, "array": {"rows": 2, "columns": 3, "winograd": True}, "sources": {"array.rows": "x"}}
    assert uncovered(data) == ["clock_mhz", "array.columns"]


@pytest.mark.parametrize("name", FILES)
def test_every_source_belongs_to_a_key(name):
    data = plain(name)
    for key in data["sources"]:
        at = data
        for part in key.split(".") if key != "all" else ():
            assert part in at, f"{name}: sources.{key} covers nothing"
            at = at[part]


@pytest.mark.parametrize("name", NAMES)
def test_round_trip(name):
    chip = load_chip(name)
    data = json.loads(chip.model_dump_json(by_alias=True))
    text = yaml.dump(data, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    again = chip_from_text(text)
    assert again == chip
    assert chip_digest(again) == chip_digest(chip)


@pytest.mark.parametrize("name", NAMES)
def test_bundled_chips_can_run(name):
    chip = load_chip(name)
    assert chip.array is not None
    assert chip.outer_bytes_per_s > 0
    assert all(chip.peak_tops(precision) > 0 for precision in chip.array.rate)


def test_names_and_aliases_are_unique():
    """Those of variants too, however they are written: a file named as an alias would hide the variant behind it."""
    meant = {}
    for short, (path, variant) in bundled.places().items():
        own = plain(path.stem)
        aliases = (own["variants"][variant] if variant else own).get("aliases", [])
        for word in (short, *aliases):
            assert meant.setdefault(plain_name(word), short) == short
        assert len(set(aliases)) == len(aliases)


def test_the_graphics_of_two_meteor_lakes_are_told_apart():
    assert load_chip("meteor_lake_igpu").dram_peak_bytes_per_s == pytest.approx(90e9)
    assert load_chip("meteor_lake_185h_igpu").dram_peak_bytes_per_s == pytest.approx(119.5e9)


def test_an_alias_is_the_chip():
    assert load_chip("x1") == load_chip("inferx_x1")
    assert load_chip("nvdla").name == "NVDLA 2048 MACs"


def test_inferx_x1_by_hand():
    chip = load_chip("inferx_x1")
    assert chip.macs == 4096
    assert chip.peak_tops("int8") == pytest.approx(7.64, abs=0.005)
    assert chip.peak_tops("bf16") == pytest.approx(7.64 / 2, abs=0.005)
    assert chip.dram_peak_bytes_per_s == pytest.approx(17.07e9, rel=1e-3)
    assert chip.dram_bytes_per_s == pytest.approx(0.8 * 17.064e9)
    assert chip.outer_bytes_per_s == chip.dram_bytes_per_s
    assert chip.sram.capacity_bytes == 8 * 2**20
    assert chip.dram_devices == 1
    assert chip.clock_hz == 933e6
    # PCIe 3.0 x4: 4 lanes x 8 GT/s x 128/130 / 8, and 0.91 of it payload.
    assert chip.host_bytes_per_s == pytest.approx(4 * 8e9 * 128 / 130 / 8 * 0.91, rel=1e-5)


def test_tpu_v1_by_hand():
    chip = load_chip("tpu_v1")
    assert chip.macs == 65_536
    assert chip.peak_tops("int8") == pytest.approx(92, abs=0.5)
    assert chip.dram_peak_bytes_per_s == pytest.approx(34e9, rel=0.005)
    # DDR3 has no efficiency of its own: the model's default.
    assert chip.dram_bytes_per_s == pytest.approx(0.86 * 34.128e9)
    assert chip.array.load_cycles == 256
    assert chip.array.accumulator_capacity_bytes == 4 * 2**20
    assert chip.sram.weight_fifo_bytes == 4 * 64 * 1024


def test_dpu_is_bound_by_its_ports():
    assert load_chip("dpu_b4096").dram_bytes_per_s == pytest.approx(7.2e9)
    # Two cores: the ports would carry 14.4 GB/s, of DDR4-2133 the controller was measured to give 0.75 x 17.064.
    assert load_chip("dpu_b4096_x2").dram_bytes_per_s == pytest.approx(12.798e9)
    assert load_chip("dpu_b4096").overhead_s == pytest.approx(10e-6)


@pytest.mark.parametrize(
    ("macs", "kib", "gb_per_s"),
    [(2048, 512, 20), (1024, 256, 15), (512, 256, 10), (256, 256, 5), (128, 256, 2), (64, 128, 1), (32, 128, 0.5)],
)
def test_nvdla_sizings(macs, kib, gb_per_s):
    chip = load_chip(f"nvdla_{macs}")
    assert chip.macs == macs
    assert chip.sram.capacity_bytes == kib * 1024
    assert chip.dram_bytes_per_s == pytest.approx(gb_per_s * 1e9)


def test_a_chip_without_dram_has_its_link():
    chip = load_chip("groq_tsp")
    assert chip.dram_devices == 0
    assert chip.dram_bytes_per_s is None
    assert chip.dram_peak_bytes_per_s is None
    assert chip.dram_capacity_bytes == 0
    assert chip.outer_bytes_per_s == chip.host_bytes_per_s == pytest.approx(28.67e9, rel=1e-3)


def test_weight_load_cycles_follow_the_array():
    assert load_chip("example_edge").array.load_cycles == 0
    assert load_chip("example_edge", {"array.systolic": True}).array.load_cycles == 64
    assert load_chip("example_edge", {"array.systolic": True, "array.weight_load_cycles": 7}).array.load_cycles == 7


def test_a_chip_without_array_is_for_comparison():
    chip = load_chip("example_edge", ["array=null"])
    assert chip.macs == 0
    with pytest.raises(
        ChipError, match=r"^Example edge chip: array: missing; this chip can be compared, not simulated$"
    ):
        chip.peak_tops("int8")


def test_a_precision_that_the_chip_lacks():
    with pytest.raises(ChipError, match=r"^Flex Logix InferX X1: array.rate: no fp16; did you mean 'bf16'\?$"):
        load_chip("inferx_x1").peak_tops("fp16")


@pytest.mark.parametrize("name", sorted(dram_parts()))
def test_dram_parts(name):
    part = dram_part(name)
    assert part.bytes_per_s == pytest.approx(part.width_bits / 8 * part.rate_mt_per_s * 1e6)
    assert part.gb_per_s == pytest.approx(part.bytes_per_s / 1e9)
    assert 0.5 < part.efficiency <= 1
    assert part.capacity_bytes > 0
    assert part.source


@pytest.mark.parametrize(
    ("name", "gb_per_s"),
    [
        ("lpddr4-3200-x32", 12.8),
        ("lpddr4-4266-x32", 17.07),
        ("lpddr5-6400-x32", 25.6),
        ("ddr3-1600-x64", 12.8),
        ("ddr4-3200-x16", 6.4),
        ("ddr5-4800-x64", 38.4),
        ("gddr6-14-x32", 56),
        ("hbm2-2.4", 307.2),
        ("hbm2e-3.2", 409.6),
        ("hbm3-6.4", 819.2),
    ],
)
def test_dram_bandwidths_as_printed_in_data_sheets(name, gb_per_s):
    assert dram_part(name).gb_per_s == pytest.approx(gb_per_s, rel=5e-4)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("pcie2-x1", 0.4, 0.5),
        ("pcie3-x16", 14, 15.76),
        ("pcie5-x4", 14, 15.76),
        ("usb2", 0.05, 0.06),
        ("gige", 0.11, 0.125),
    ],
)
def test_host_links_are_below_their_line_rate(name, low, high):
    assert low < host_link(name).bytes_per_s / 1e9 < high
    assert all(link.source for link in host_links().values())


def test_unknown_parts_name_the_nearest():
    with pytest.raises(ChipError, match=r"^unknown DRAM part 'hbm2-2\.5'; did you mean 'hbm2-2\.4'"):
        dram_part("hbm2-2.5")
    with pytest.raises(ChipError, match=r"^unknown host link 'pcie3x4'; did you mean 'pcie3-x4'"):
        host_link("pcie3x4")


def test_the_digest_follows_the_model_only():
    chip = load_chip("example_edge")
    assert chip_digest(load_chip("example_edge", {"name": "Another", "sources.all": "elsewhere"})) == chip_digest(chip)
    assert chip_digest(load_chip("example_edge", {"clock_mhz": 801})) != chip_digest(chip)


def check_against(schema, defs, data, where):
    """Keys, required keys and enumerations of `data` against a JSON schema (the subset that pydantic writes for us)."""
    if "$ref" in schema:
        return check_against(defs[schema["$ref"].rsplit("/", 1)[1]], defs, data, where)
    if "anyOf" in schema:
        choices = [s for s in schema["anyOf"] if s.get("type") != "null"]
        return None if data is None else check_against(choices[0], defs, data, where)
    if schema.get("type") == "object" and "properties" in schema:
        assert set(data) <= set(schema["properties"]), where
        assert set(schema.get("required", ())) <= set(data), where
        for key, value in data.items():
            check_against(schema["properties"][key], defs, value, f"{where}.{key}")
    elif schema.get("type") == "array":
        for value in data:
            check_against(schema["items"], defs, value, where)
    elif "enum" in schema:
        assert data in schema["enum"], where
    return None


@pytest.fixture(scope="module")
def schema():
    return chip_schema()


@pytest.mark.parametrize("name", FILES)
def test_the_json_schema_accepts_bundled_files(schema, name):
    check_against(schema, schema["$defs"], plain(name), name)


def test_the_json_schema_explains_every_key(schema):
    assert json.loads(json.dumps(schema)) == schema
    for owner in (schema, *schema["$defs"].values()):
        if "properties" in owner:
            assert owner["additionalProperties"] is False
            for key, entry in owner["properties"].items():
                assert entry.get("description"), key
    assert "[MHz]" in schema["properties"]["clock_mhz"]["description"]
    assert "[MiB]" in schema["$defs"]["Sram"]["properties"]["capacity_mib"]["description"]


def test_a_text_is_read_once_and_what_is_changed_is_the_callers(monkeypatch):
    read = []
    monkeypatch.setattr(load, "read_yaml", lambda *given: read.append(given) or yaml_places.read_yaml(*given))
    text = bundled.chips()["example_edge"].read_text(encoding="utf-8") + "# mine\n"
    own = chip_from_text(text)
    changed = chip_from_text(text, set={"clock_mhz": 1, "sram.capacity_mib": 3, "sram.holds": ["weights"]})
    assert (changed.clock_mhz, changed.sram.capacity_mib, changed.sram.holds) == (1, 3, ("weights",))
    assert chip_from_text(text) == own
    assert chip_from_text(text, "other.yaml") == own  # whose lines have another name in messages
    assert [file for _, file in read] == ["chip.yaml", "other.yaml"]


def test_a_long_text_is_kept_as_it_was_read(tmp_path, monkeypatch):
    monkeypatch.setenv("ROOFTILE_CACHE_DIR", str(tmp_path))
    text = bundled.chips()["a100"].read_text(encoding="utf-8")
    assert len(text) > load.LONG
    want = {file: yaml_places.read_yaml(text, file) for file in ("a.yaml", "b.yaml")}
    read = []
    monkeypatch.setattr(load, "read_yaml", lambda *given: read.append(given) or yaml_places.read_yaml(*given))
    for file, (data, places) in want.items():
        load._texts.clear()
        got = load._read(text, file)
        assert repr(got) == repr((data, places))
    assert len(read) == 1
    slip = text.replace("clock_mhz:", "clock_mhx:")
    for file in want:
        load._texts.clear()
        line = 1 + slip[: slip.index("\nclock_mhx:")].count("\n") + 1
        with pytest.raises(ChipError, match=f"^{file}:{line}: clock_mhx: "):
            chip_from_text(slip, file)


def test_chips_are_frozen():
    chip = load_chip("example_edge")
    with pytest.raises(ValueError, match="frozen"):
        chip.clock_mhz = 1
    assert isinstance(chip, Architecture)
