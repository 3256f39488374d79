"""The files that are judged, and the tests that judge them.

Kernels are judged without the compiler, which would take longer than the tests: theirs are small cases. All others run with
kernels as compiled before. Tests are found by name, wherever in tests/ they stand; which of them run a line is found out.
"""

from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """A part of the model, its files, and whether it runs with compiled kernels."""

    name: str
    files: tuple[str, ...]
    compiled: bool = True


ROOMS = (
    Room(
        "kernels",
        tuple(
            f"simulator/kernels/{name}*.py"
            for name in ("schedule_", "space_", "grid_", "array_steps", "layout", "stairs")
        ),
        False,
    ),
    Room("frontier", ("simulator/frontier/*.py", "simulator/frontier/grid/*.py")),
    Room("schedule", ("simulator/schedule/*.py", "simulator/schedule/space/*.py")),
    Room("result", ("simulator/result/*.py",)),
    Room("cost", ("simulator/cost/*.py",)),
    Room("lower", ("simulator/lower/*.py",)),
)
"""jit.py and warm.py of the kernels are none's."""

PLAIN = """
    test_ahead_search_by_hand test_alike_by_hand test_few_by_hand test_flow_by_hand test_frontier test_frontier_brute
    test_frontier_unrollings test_grid_envelope test_grid_feeds test_grid_lists test_grid_parts test_grid_unroll test_keep
    test_keep_by_hand test_lists_by_hand test_periods test_periods_by_hand test_pixels test_prefetch_by_hand
    test_residency_brute test_rooms test_rooms_by_hand test_schedule test_segments_by_hand test_share_by_hand test_space
    test_space_parts test_stairs test_sweep_ahead test_sweep_kernel test_sweep_narrow test_tiling_twin test_twin_cycles
    test_ways_by_hand test_whole_by_hand
"""
PLAIN_TOO = (
    "test_docs_model.py::test_the_lists_of_sizes_are_those_of_the_program",
    "test_sweep_split.py::test_points_together_equal_points_one_by_one[True-2-layer]",
    "test_touched.py::test_how_a_kernel_slides",
)
COMPILED = """
    test_ahead_by_hand test_alone test_array_twin test_attention test_batches test_bests_by_hand test_contexts
    test_contexts_by_hand test_cores test_cost_bill test_cost_calibration test_cost_formulas test_cost_parts
    test_cost_price test_cost_priced test_cost_provenance test_cost_steps test_explain test_floor test_folds test_frontier
    test_frontier_brute test_frontier_unrollings test_gains test_gpu test_gpu_kernels test_grid_feeds test_grid_parts
    test_grid_tables test_grid_unroll test_keep test_kept test_lanes test_long_batches test_lower_formats test_lower_parts
    test_lower_rows test_lower_shape test_machines test_memories test_one_point test_packs test_parts test_parts_by_hand
    test_pixels test_plan test_pool_parts test_power_limit test_recurrent test_residency_brute test_resident
    test_result_laws test_result_parts test_room test_rooms test_row_stationary test_runs test_schedule test_simulate
    test_sizes test_sizes_together test_space test_space_choices test_space_parts test_states_by_hand test_sweep_ahead
    test_sweep_contexts test_sweep_kernel test_sweep_narrow test_thinned test_threads test_tiling_twin test_twin_cycles
    test_without_jit
"""
COMPILED_TOO = (
    "test_docs_model.py::test_the_lists_of_sizes_are_those_of_the_program",
    "test_sweep_split.py::test_points_together_equal_points_one_by_one[True-2-layer]",
    "test_sweep_split.py::test_points_together_equal_points_one_by_one[True-6-layer]",
    "test_sweep_split.py::test_whole_batches_that_may_be_the_best_are_never_left_out",
    "test_sweep_split.py::test_schedules_are_the_same_where_lists_have_no_room",
    "test_periods.py::test_the_period_is_the_one_that_most_steps_have",
    "test_pools.py::test_the_floor_is_a_power_of_two_below_a_64th_of_the_sram",
    "test_sweep_engine.py::test_what_is_priced_once_costs_the_same",
    "test_cost_cli.py::test_sources_name_every_coefficient",
    "test_cost_cli.py::test_validate",
)
LEFT_OUT = {
    False: (
        *(f"test_sweep_ahead.py::test_{name}" for name in (
            "many_points_of_one_size_in_several_levels", "points_left_are_solved_one_by_one", "tables_equal_simulate",
            "a_real_network_equals_simulate", "points_do_not_depend_on_slices_or_chunks",
            "time_by_cause_where_each_can_be_the_largest",
        )),
        "test_space.py::test_waterfalls_add_up",
    ),
    True: (
        "test_simulate.py::test_a_batch_must_be_a_whole_number",
        "test_recurrent.py::test_a_sweep_gives_what_one_run_gives",
        "test_long_batches.py::test_what_is_left_out_is_said",
        "test_long_batches.py::test_a_caller_has_few_pools_in_hand",
        "test_explain.py::test_the_command_prints_writes_and_draws",
    ),
}  # fmt: skip
"""What takes too long."""


def words(root: Path, compiled: bool) -> list[str]:
    """The arguments of pytest for all tests that run with compiled kernels, or without the compiler."""
    files, others = (COMPILED, COMPILED_TOO) if compiled else (PLAIN, PLAIN_TOO)
    names = [*(f"{name}.py" for name in files.split()), *others]
    slow = [word for name in LEFT_OUT[compiled] for word in ("--deselect", placed(root, name))]
    return [placed(root, name) for name in names] + slow


def placed(root: Path, name: str) -> str:
    """The path of a file of tests, or of a test in it. name: test_file.py or test_file.py::test."""
    file, *test = name.split("::")
    found = sorted((root / "tests").rglob(file))
    if len(found) != 1:
        raise RuntimeError(f"{file}: must be one file in tests, got {len(found)}")
    return "::".join([found[0].relative_to(root).as_posix(), *test])


def room_of(file: str) -> Room | None:
    """The room that a file belongs to."""
    return next((room for room in ROOMS if any(Path(file).match(pattern) for pattern in room.files)), None)
