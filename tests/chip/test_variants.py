"""Variants of a chip file: boards with the same silicon."""

import pytest

from simulator.chip.library import entry, with_variants
from simulator.chip.load import bundled_chip, chip_digest, load_chip
from simulator.errors import ChipError
from simulator.store import bundled
from simulator.store.data import parsed

VARIANTS = [name for name, (_, variant) in bundled.places().items() if variant]
MINE = """
variants:
  turbo:
    name: Faster
    set: {clock_mhz: 1000, dram.devices: 2}
    sources: {clock_mhz: "guess"}
"""


def test_what_differs_differs_and_nothing_else():
    base, wide = load_chip("a100"), load_chip("a100-sxm-80")
    assert (wide.name, wide.dram_peak_bytes_per_s, wide.dram.capacity_gib) == ("Nvidia A100 SXM 80 GB", 5 * 409.6e9, 80)
    assert (base.dram.part, base.dram.capacity_gib, base.power_limit_w) == ("hbm2-2.4", 40, 400)
    assert (wide.array, wide.sram) == (base.array, base.sram)
    assert load_chip("h100-sxm").model_copy(update={"name": load_chip("h100").name}).dram == load_chip("h100").dram
    assert chip_digest(load_chip("h100-sxm")) == chip_digest(load_chip("h100"))
    assert load_chip("h100-pcie").array.count == 114


def test_names_however_they_are_written():
    for name in ("a100_sxm_80", "A100 SXM 80", "a100-sxm-80"):
        assert bundled_chip(name) == "a100-sxm-80"
        assert load_chip(name).name == "Nvidia A100 SXM 80 GB"
    with pytest.raises(ChipError, match=r"unknown chip 'a100-sxm-90'; did you mean .*'a100-sxm-80'\?"):
        load_chip("a100-sxm-90")


def test_a_card_of_blackwell_by_hand():
    """RTX 5090: 170 SM at 2.407 GHz, 419 TFLOPS with sums of 16 bits and half of it with 32; 16 GDDR7 of 28 Gbit/s."""
    chip = load_chip("rtx5090")
    assert chip.peak_tops("fp16") == pytest.approx(419 / 2, rel=2e-3)
    assert chip.peak_tops("fp4") == pytest.approx(1676, rel=2e-3)
    assert chip.dram_peak_bytes_per_s == pytest.approx(16 * 32 * 28e9 / 8)


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_has_sources_for_what_it_changes(name):
    path, variant = bundled.places()[name]
    data = parsed(path.read_text(encoding="utf-8"))
    own = data["variants"][variant]
    sources = own.get("sources", {})
    assert [key for key in own.get("set", {}) if not any(f"{key}.".startswith(f"{one}.") for one in sources)] == []
    facts = {key: value for key, value in own.get("published", {}).items() if key not in ("provenance", "sources")}
    assert set(facts) <= set(own.get("published", {}).get("provenance", {}))
    listed = with_variants()[name]
    assert (listed.title, listed.published.results) == (own["name"], ())
    assert bundled.variants(path) == data["variants"]  # the section that is read alone is what the file has
    assert load_chip(name) == listed.architecture


def test_a_file_of_the_user(tmp_path):
    path = tmp_path / "mine.yaml"
    text = bundled.chips()["example_edge"].read_text(encoding="utf-8")
    path.write_text(text + MINE, encoding="utf-8")
    chip = load_chip(f"{path}:turbo")
    assert (chip.clock_mhz, chip.dram.devices, chip.name) == (1000, 2, "Faster")
    assert (load_chip(path).clock_mhz, entry(f"{path}:turbo").title) == (800, "Faster")
    with pytest.raises(ChipError, match=r"variants: unknown variant 'turb'; did you mean 'turbo'\?"):
        load_chip(f"{path}:turb")
    with pytest.raises(ChipError, match=r"example_edge\.yaml: variants: unknown variant 'x'; the file has none"):
        load_chip(f"{bundled.chips()['example_edge']}:x")
    path.write_text(text + MINE.replace("clock_mhz: 1000", "clock_mh: 1000"), encoding="utf-8")
    with pytest.raises(ChipError, match=r"mine\.yaml:\d+: clock_mh: unknown key; did you mean 'clock_mhz'\?"):
        load_chip(f"{path}:turbo")
    path.write_text(text + MINE.replace("name: Faster", "nam: Faster"), encoding="utf-8")
    with pytest.raises(ChipError, match=r"mine\.yaml:\d+: .*nam: unknown key; did you mean 'name'\?"):
        load_chip(f"{path}:turbo")
