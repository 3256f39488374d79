"""Number formats: the table, the words for them, and in what an array multiplies two."""

import pytest

from simulator.errors import NetworkError
from simulator.formats import format_of, formats_of, is_in, product_of, table
from simulator.reading.precision import formats_said, precision_text
from simulator.store.data import read_data
from simulator.vocabulary import BITS, PRECISIONS, ROLES


def names(word, rates=("fp16", "int8")):
    return tuple(formats_of(precision_text(word), rates).names().values())


def test_the_table_has_the_formats_of_arrays_and_a_source_for_each():
    data = read_data("formats.yaml")
    assert {name: table()[name].bits for name in PRECISIONS} == BITS
    assert all(table()[name].multiplies == name for name in PRECISIONS)
    assert all(row["source"] in data["sources"] and row["multiplies"] in BITS for row in data["formats"].values())


@pytest.mark.parametrize(("name", "block", "bits"), [
    ("q4_0", 32, 32 * 4 + 16), ("q8_0", 32, 32 * 8 + 16), ("q6_k", 256, 256 * 6 + 16 * 8 + 16),
    ("q4_k", 256, 256 * 4 + 12 * 8 + 32), ("mxfp4", 32, 32 * 4 + 8), ("nvfp4", 16, 16 * 4 + 8), ("bfp8", 16, 16 * 8 + 8),
    ("int4_g128", 128, 128 * 4 + 32), ("awq", 128, 128 * 4 + 16 + 4),
])  # fmt: skip
def test_bits_of_an_element_are_those_of_its_block(name, block, bits):
    assert table()[name].bits == bits / block


@pytest.mark.parametrize(("word", "found"), [
    ("int8", ("int8",) * 5),
    (" FP16 ", ("fp16",) * 5),
    ("w4a16", ("int4", "fp16", "fp16", "int4", "int4")),
    ("w4a8kv16", ("int4", "int8", "fp16", "int4", "int4")),
    ("w4.5a16", ("4.5 bits", "fp16", "fp16", "4.5 bits", "4.5 bits")),
    ("q4_k_m", ("q4_k_m", "fp16", "fp16", "q6_k", "q4_k")),
    ("weights=awq", ("awq", "fp16", "fp16", "fp16", "fp16")),
    ("weights=int4, activations=int8, cache=fp8, head=fp16, embedding=q8_0", ("int4", "int8", "fp8", "fp16", "q8_0")),
    ({"activations": "bf16", "weights": {"ffn": "bfp4", "all": "bfp8"}}, ("bfp8, bfp4 (ffn)", "bf16", "bf16", "bfp8", "bfp8")),
    ("weights={ffn:bfp4,gate:bfp8},activations=bf16", ("bfp8, bfp4 (ffn), bfp8 (gate)", "bf16", "bf16", "bfp8", "bfp8")),
    ({"weights": 4.5, "activations": 16}, ("4.5 bits", "fp16", "fp16", "4.5 bits", "4.5 bits")),
])  # fmt: skip
def test_a_word_gives_each_role_its_format(word, found):
    assert names(word) == found


def test_sixteen_bits_are_what_the_chip_has():
    assert [names("w4a16", rates)[1] for rates in (("int8", "bf16"), ("bf16", "fp16"), ("int8",))] == [
        "bf16",
        "fp16",
        "fp16",
    ]


@pytest.mark.parametrize(("word", "fault"), [
    ("q4_km", "precision: unknown format 'q4_km'; did you mean 'q4_k'"),
    ("weight=int4", "precision: weight: must be a role of operands; did you mean 'weights'?"),
    ("weights=int4,weights=int8", "precision: weights: given twice"),
    ("cache=fp8", "precision: weights: must be given, got 'cache=fp8'"),
    ("w4a", "precision: unknown format 'w4a'"),
    ("w64a16", "precision: bits: must be from 1 to 32, got 64"),
    ("weights=,activations=fp16", "precision: must be a format, w4a16 or w4a16kv8, or role=format,..."),
    ("weights.=int4", "precision: must be a format"),
    ("w" * 3000, "precision: must have at most 2,000 characters, got 3,000"),
])  # fmt: skip
def test_what_is_no_format_is_told_in_one_line(word, fault):
    with pytest.raises(NetworkError) as found:
        formats_of(precision_text(word))
    assert str(found.value).startswith(fault)
    assert "\n" not in str(found.value)


def test_a_mapping_and_its_text_are_one_word():
    text = precision_text({"cache": "fp8", "weights": {"ffn": "int4", "all": "int8"}, "activations": "fp16"})
    assert text == "weights=int8,weights.ffn=int4,activations=fp16,cache=fp8"
    assert precision_text(text) == text
    assert {said.role for said in formats_said(text)} == {*ROLES} - {"head", "embedding"}


@pytest.mark.parametrize(("layer", "part", "found"), [
    ("layer3_query", "attention", True), ("layer3_attention1_scores", "attention", True), ("layer3_ffn_up", "ffn", True),
    ("layer3_ffn_up", "attention", False), ("layer3_experts1_up", "experts", True), ("stage2_conv1", "stage2", True),
    ("stage2_conv1", "stage", True), ("stage2_conv1", "stage2_*", True), ("conv10", "conv1", False),
])  # fmt: skip
def test_layers_of_a_part(layer, part, found):
    assert is_in(layer, part) is found


@pytest.mark.parametrize(("inputs", "weights", "rates", "found"), [
    ("int8", "int8", {"int8": 1.0}, ("int8", 1.0, False, False)),
    ("fp16", "int4", {"int4": 4.0, "int8": 2.0, "fp16": 1.0}, ("fp16", 1.0, False, True)),
    ("int8", "int4", {"int4": 4.0, "int8": 2.0, "fp16": 1.0}, ("int8", 2.0, False, True)),
    ("int4", "int4", {"int8": 2.0, "fp16": 1.0}, ("int8", 2.0, True, True)),  # the next wider
    ("fp8", "fp8", {"int8": 2.0, "bf16": 1.0}, ("bf16", 1.0, True, True)),  # no integer holds a float
    ("int8", "fp8", {"int8": 2.0, "fp8": 2.0, "bf16": 1.0}, ("bf16", 1.0, True, True)),
    ("fp16", "int4", {"fp16": 1.0, "int4*fp16": 2.0}, ("int4*fp16", 2.0, False, False)),  # a pair that the chip lists
    ("fp16", "awq", {"fp16": 1.0, "int4*fp16": 2.0}, ("int4*fp16", 2.0, False, False)),
    ("fp16", "int4", {"fp16": 1.0, "fp16*int4": 2.0}, ("fp16", 1.0, False, True)),  # weights first
    ("fp16", "fp16", {"bf16": 1.0, "fp32": 0.5}, ("fp32", 0.5, True, True)),
    ("fp32", "int4", {"bf16": 1.0}, None),
])  # fmt: skip
def test_an_array_multiplies_in_what_holds_both(inputs, weights, rates, found):
    assert product_of(format_of(inputs), format_of(weights), tuple(rates.items()), ()) == found


def test_a_load_path_may_widen_weights():
    rates = (("fp16", 1.0),)
    assert product_of(format_of("fp16"), format_of("awq"), rates, ("int4",)) == ("fp16", 1.0, False, False)
    assert product_of(format_of("fp16"), format_of("int8"), rates, ("int4",)).widens_weights
