"""Bad chip files and bad changes: each is one line that says where, what, must be, got, and the nearest right key."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.chip.load import chip_from_text, load_chip
from simulator.errors import ChipError
from simulator.store import bundled

BASE = bundled.chips()["example_edge"].read_text(encoding="utf-8")
DIMENSIONS = (
    "'groups', 'batch', 'out_channels', 'in_channels', 'out_height', 'out_width', 'kernel_height', 'kernel_width', "
    "'reduction' or 'pixels'"
)

EDITS = [
    ("rows: 64\n", "rows: 0\n", "my.yaml:9: array.rows: must be at least 1, got 0"),
    ("rows: 64\n", "rows: -3\n", "my.yaml:9: array.rows: must be at least 1, got -3"),
    ("rows: 64\n", "rows: 64.0\n", "my.yaml:9: array.rows: must be a whole number, got 64.0"),
    ("rows: 64\n", "rows: '64'\n", "my.yaml:9: array.rows: must be a whole number, got '64'"),
    ("rows: 64\n", "rows: null\n", "my.yaml:9: array.rows: must be a whole number, got null"),
    ("rows: 64\n", "rwos: 64\n", "my.yaml:9: array.rwos: unknown key; did you mean 'rows'?"),
    ("rows: 64\n", "rows: 64\n  rows: 3\n", "my.yaml:10: array.rows: given twice; first on line 9"),
    ("  rows: 64\n", "", "my.yaml:7: array.rows: missing"),
    (
        "rows: 64\n",
        f"rows: {'9' * 400}\n",
        "my.yaml:9: array.rows: must be at most 65,536, got a whole number of 1329 bits",
    ),
    ("count: 4\n", "count: 65537\n", "my.yaml:8: array.count: must be at most 65,536, got 65537"),
    (
        "count: 4\n  rows: 64\n",
        "count: 65536\n  rows: 65536\n",
        "my.yaml:8: array.count: count x rows x columns must be at most 1,073,741,824, got 68,719,476,736",
    ),
    ("clock_mhz: 800", "clock_mhz: true", "my.yaml:6: clock_mhz: must be a number, got true"),
    ("clock_mhz: 800", "clock_mhz: 0", "my.yaml:6: clock_mhz: must be at least 0.001, got 0"),
    ("clock_mhz: 800", "clock_mhz: 1e400", "my.yaml:6: clock_mhz: must be a finite number, got inf"),
    ("clock_mhz: 800", "clock_mhz: 12:30", "my.yaml:6: clock_mhz: must be a number, got '12:30'"),
    (
        "clock_mhz: 800",
        f"clock_mhz: {'9' * 5000}",
        f"my.yaml:6: clock_mhz: must be plain text or a number, got '{'9' * 40}'",
    ),
    ("clock_mhz: 800\n", "", "my.yaml: clock_mhz: missing"),
    ("name: Example edge chip", "name: 5", "my.yaml:3: name: must be text, got 5"),
    ("name: Example edge chip", "name: ''", "my.yaml:3: name: must have at least 1 character, got ''"),
    ("name: Example edge chip", "name: &x y", "my.yaml:3: anchors and aliases are not allowed"),
    ("name: Example edge chip", "name: *x", "my.yaml:3: anchors and aliases are not allowed"),
    ("name: Example edge chip", "name: !!int x", "my.yaml:3: tags are not allowed, got !!int"),
    ("name: Example edge chip", "name: [a", "my.yaml:4: not YAML: expected ',' or ']', but got ':'"),
    ("name: Example edge chip", "\tname: a", "my.yaml:3: not YAML: found character '\\t' that cannot start any token"),
    ("name: Example edge chip", "name: a: b", "my.yaml:3: not YAML: mapping values are not allowed here"),
    ("aliases: [example]", "aliases: [3]", "my.yaml:4: aliases[0]: must be text, got 3"),
    ("schema: 1", "schema: 2", "my.yaml:2: schema: must be 1, got 2"),
    ("schema: 1\n", "", "my.yaml: schema: missing"),
    (
        "stationary: weights",
        "stationary: weight",
        "my.yaml:11: array.stationary: must be 'weights', 'outputs', 'inputs' or 'rows', got 'weight'; "
        "did you mean 'weights'?",
    ),
    (
        "[reduction]",
        "[reductio]",
        f"my.yaml:12: array.unroll.rows[0]: must be {DIMENSIONS}, got 'reductio'; did you mean 'reduction'?",
    ),
    ("[reduction]", "reduction", "my.yaml:12: array.unroll.rows: must be a list, got 'reduction'"),
    (
        "[reduction]",
        "[reduction, kernel_width]",
        "my.yaml:12: array.unroll.rows: 'reduction' already runs through in_channels, kernel_height, kernel_width; "
        "must not be unrolled beside 'kernel_width'",
    ),
    (
        "columns: [out_channels]",
        "columns: [out_width]",
        "my.yaml:12: array.unroll.count: 'pixels' already runs through out_height, out_width; "
        "must not be unrolled beside 'out_width'",
    ),
    (
        "columns: [out_channels]",
        "columns: [batch, batch]",
        "my.yaml:12: array.unroll.columns: must name each dimension once, got 'batch' twice",
    ),
    (
        "{int8: 1,",
        "{int7: 1,",
        "my.yaml:13: array.rate.int7: unknown word; did you mean 'int8' or 'int4' or 'int16'?",
    ),
    ("bf16: 0.5", "bf16: -0.5", "my.yaml:13: array.rate.bf16: must be at least 0.001, got -0.5"),
    (
        "rate: {int8: 1, int16: 1, bf16: 0.5}",
        "rate: {}",
        "my.yaml:13: array.rate: must have at least 1 entry, got {}",
    ),
    ("capacity_mib: 8", "capacity_mib: .nan", "my.yaml:16: sram.capacity_mib: must be a finite number, got nan"),
    ("capacity_mib: 8", "capasity_mib: 8", "my.yaml:16: sram.capasity_mib: unknown key; did you mean 'capacity_mib'?"),
    (
        "holds: [inputs, weights, outputs]",
        "holds: []",
        "my.yaml:16: sram.holds: must name at least one of inputs, weights, outputs, got []",
    ),
    (
        "managed: software",
        "managed: software, weight_fifo_kib: 3",
        "my.yaml:16: sram.weight_fifo_kib: must be left out where sram.holds lists weights",
    ),
    (
        "part: lpddr4-4266-x32",
        "part: lpddr4-4267-x32",
        "my.yaml:17: dram.part: unknown DRAM part 'lpddr4-4267-x32'; "
        "did you mean 'lpddr4-4266-x32' or 'lpddr4x-4266-x32' or 'lpddr4-3200-x32'?",
    ),
    (
        "part: lpddr4-4266-x32",
        "part: custom",
        "my.yaml:17: dram.gb_per_s_per_device: missing; a custom part must give its bandwidth",
    ),
    (
        "devices: 1}",
        "devices: 1, gb_per_s_per_device: 17}",
        "my.yaml:17: dram.gb_per_s_per_device: must be left out, lpddr4-4266-x32 has its own; or set part: custom",
    ),
    (
        "devices: 1}",
        "devices: 1, measured_efficiency: 1.2}",
        "my.yaml:17: dram.measured_efficiency: must be at most 1, got 1.2",
    ),
    ("dram: {part: lpddr4-4266-x32, devices: 1}", "dram: [1]", "my.yaml:17: dram: must be a mapping, got [1]"),
    ("multicast: true", "multicast: yes", "my.yaml:18: interconnect.multicast: must be true or false, got 'yes'"),
    (
        "link: pcie3-x4",
        "link: pcie3x4",
        "my.yaml:20: host.link: unknown host link 'pcie3x4'; did you mean 'pcie3-x4' or 'pcie5-x4' or 'pcie4-x4'?",
    ),
    ("overhead_us: 0", "overhead_us: -1", "my.yaml:22: overhead_us: must be at least 0, got -1"),
    ("{all: invented example}", "{all: 3}", "my.yaml:23: sources.all: must be text, got 3"),
    ("{all: invented example}", "hello", "my.yaml:23: sources: must be a mapping, got 'hello'"),
]


@pytest.mark.parametrize(("old", "new", "message"), EDITS, ids=[message[8:60] for _, _, message in EDITS])
def test_a_bad_edit_is_one_line(old, new, message):
    assert old in BASE
    with pytest.raises(ChipError) as caught:
        chip_from_text(BASE.replace(old, new, 1), "my.yaml")
    assert str(caught.value) == message
    assert caught.value.exit_code == 2


SETTINGS = [
    ("sram.capasity=1", "set sram.capasity=1: sram.capasity: unknown key; did you mean 'capacity_mib'?"),
    ("rows=3", "set rows=3: rows: unknown key; did you mean 'array.rows'?"),
    ("sram.capacity_mib=.nan", "set sram.capacity_mib=.nan: sram.capacity_mib: must be a finite number, got nan"),
    ("sram=8", "set sram=8: sram: must be a mapping, got 8"),
    ("array.rate.int8=0", "set array.rate.int8=0: array.rate.int8: must be at least 0.001, got 0"),
    ("name.x=3", "set name.x=3: name: is not a mapping, so nothing below it can be set"),
    ("a.b=[", "set a.b=[: '[' is not a value"),
    ("clock_mhz", "set clock_mhz: must be KEY=VALUE, such as sram.capacity_mib=16"),
    ("=3", "set =3: must be KEY=VALUE, such as sram.capacity_mib=16"),
    ("array..rows=3", "set array..rows=3: must be KEY=VALUE, such as sram.capacity_mib=16"),
    ("clock_mhz=", "set clock_mhz=: clock_mhz: must be a number, got null"),
    ("overhead_us=.inf", "set overhead_us=.inf: overhead_us: must be a finite number, got inf"),
    ("clock_mhz=&x 3", "set clock_mhz=&x 3: '&x 3' is not a value"),
    ("clock_mhz=1\nname: x", "set clock_mhz=1 name: x: '1\\nname: x' is not a value"),
]


@pytest.mark.parametrize(("expression", "message"), SETTINGS, ids=[s for s, _ in SETTINGS])
def test_a_bad_setting_names_itself(expression, message):
    with pytest.raises(ChipError) as caught:
        load_chip("example_edge", [expression])
    assert str(caught.value) == message


def test_settings_reach_every_kind_of_value():
    changes = [
        "sram.capacity_mib=1e1",
        "array.rate.int4=2",
        "array.unroll.rows=[in_channels, kernel_width]",
        "host=null",
    ]
    chip = load_chip("example_edge", changes)
    assert chip.sram.capacity_mib == 10
    assert chip.array.rate["int4"] == 2
    assert chip.array.unroll.rows == ("in_channels", "kernel_width")
    assert chip.host is None


def test_a_mapping_of_settings_takes_plain_values():
    given_text = load_chip("example_edge", ["sram.capacity_mib=16", "dram.part=hbm2-2.4"])
    assert load_chip("example_edge", {"sram.capacity_mib": 16, "dram.part": "hbm2-2.4"}) == given_text
    with pytest.raises(ChipError, match=r"^set sram.capacity_mib='16': sram.capacity_mib: must be a number, got '16'$"):
        load_chip("example_edge", {"sram.capacity_mib": "16"})
    with pytest.raises(ChipError, match=r"^set: keys must be text such as 'sram.capacity_mib', got 3$"):
        load_chip("example_edge", {3: 16})
    with pytest.raises(ChipError, match=r"^set: must be a mapping or a list of key=value texts, got 'a=1'$"):
        load_chip("example_edge", "a=1")


def test_layers_side_by_side_have_all_operands_in_sram():
    with pytest.raises(
        ChipError, match=r"sram\.holds: must be left out where placement is space, .* got \['inputs', 'outputs'\]"
    ):
        load_chip("example_edge", set={"schedule.placement": "space", "sram.holds": ["inputs", "outputs"]})


def test_a_dram_may_be_set_on_a_chip_without_one():
    chip = load_chip("groq_tsp", ["dram.part=hbm2-2.4", "dram.devices=2"])
    assert chip.dram_devices == 2
    with pytest.raises(ChipError, match=r"^set dram\.devices=2: dram\.part: missing$"):
        load_chip("groq_tsp", ["dram.devices=2"])


TEXTS = [
    ("", "my.yaml: empty; must be a mapping of keys such as 'name:' and 'array:'"),
    ("# nothing\n", "my.yaml:1: must be a mapping of keys such as 'name:' and 'array:'"),
    ("- a\n", "my.yaml:1: must be a mapping of keys such as 'name:' and 'array:'"),
    ("hello", "my.yaml:1: must be a mapping of keys such as 'name:' and 'array:'"),
    ("a: 1\n---\nb: 2\n", "my.yaml:2: not YAML: but found another document"),
    ("a: \x00", "my.yaml: not YAML text: unacceptable character #x0000: special characters are not allowed"),
    ("x: " + "[" * 25 + "]" * 25, "my.yaml:1: nested deeper than 20"),
    ("x: " + "[" * 5000 + "]" * 5000, "my.yaml:1: nested deeper than 20"),
    ("? [a]\n: 3\n", "my.yaml:1: file: keys must be plain words"),
    ("x" * 1_000_001, "my.yaml: must be at most 1,000,000 characters, got 1,000,001"),
]


@pytest.mark.parametrize(("text", "message"), TEXTS, ids=[message[8:40] for _, message in TEXTS])
def test_what_is_no_chip_file(text, message):
    with pytest.raises(ChipError) as caught:
        chip_from_text(text, "my.yaml")
    assert str(caught.value) == message


def test_all_faults_at_once_and_no_misspelt_key_twice():
    text = BASE.replace("clock_mhz: 800", "clock_mh: 800").replace("count: 4", "count: 0")
    with pytest.raises(ChipError) as caught:
        chip_from_text(text, "my.yaml")
    assert str(caught.value).splitlines() == [
        "my.yaml:6: clock_mh: unknown key; did you mean 'clock_mhz'?",
        "my.yaml:8: array.count: must be at least 1, got 0",
    ]


def test_a_wrong_file_altogether_is_cut_short():
    with pytest.raises(ChipError) as caught:
        chip_from_text("".join(f"key{i}: {i}\n" for i in range(100)), "my.yaml")
    lines = str(caught.value).splitlines()
    assert len(lines) == 13
    assert lines[-1] == "my.yaml: and 94 more faults"


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    cases = {
        str(tmp_path / "none.yaml"): f"{tmp_path}/none.yaml: no such file",
        f"{tmp_path}/": f"{tmp_path}: must be a file, got a directory",
        "a\0b.yaml": "a\\x00b.yaml: cannot be read: embedded null byte",
        "": "chip: must be a bundled name or a path, got ''",
        "exmple_edge": "unknown chip 'exmple_edge'; did you mean 'example_edge' or 'example' or 'example_mcu'?",
    }
    for name, message in cases.items():
        with pytest.raises(ChipError) as caught:
            load_chip(name)
        assert str(caught.value) == message
    latin = tmp_path / "latin.yaml"
    latin.write_bytes(b"name: caf\xe9\n")
    with pytest.raises(ChipError) as caught:
        load_chip(latin)
    assert str(caught.value) == f"{latin}: must be UTF-8 text, got byte 0xe9 at 9"

    def refuse(path, flags):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(ChipError) as caught:
        load_chip(latin)
    assert str(caught.value) == f"{latin}: may not be read (permission denied)"


def test_a_byte_order_mark_and_windows_lines_are_fine(tmp_path):
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + BASE.replace("\n", "\r\n").encode())
    assert load_chip(path) == load_chip("example_edge")


def test_yaml_scalars_are_read_as_they_look():
    chip = chip_from_text(BASE.replace("clock_mhz: 800", "clock_mhz: 8e2").replace("rows: 64\n", "rows: 0064\n"))
    assert chip.clock_mhz == 800
    assert chip.array.rows == 64
    assert chip_from_text(BASE.replace("name: Example edge chip", "name: no")).name == "no"


@given(st.text(max_size=60))
def test_any_text_is_a_chip_error_or_a_chip(text):
    with pytest.raises(ChipError):
        chip_from_text(text)


@given(st.integers(0, len(BASE) - 1), st.sampled_from(list("0-.:[]{}'\"\t&*!%#\n x9e")))
def test_one_wrong_character_never_ends_in_a_traceback(at, character):
    message = "chip.yaml"
    try:
        chip_from_text(BASE[:at] + character + BASE[at + 1 :])
    except ChipError as error:
        message = str(error)
    assert message.startswith("chip.yaml")


def test_loading_is_quick():
    load_chip("example_edge")
    start = time.perf_counter()
    for _ in range(10):
        load_chip("inferx_x1")
    # Ten files in under two seconds even on a busy machine; 10 to 20 ms each is usual.
    assert time.perf_counter() - start < 2
