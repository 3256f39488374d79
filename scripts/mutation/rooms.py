"""Which tests judge which files: the most telling first, since a run ends at the first test that fails.

Kernels are judged without the compiler, which would take longer than the tests: theirs are small cases. All others run with
kernels as compiled before. Tests are found by name, wherever in tests/ they stand.
"""

from pathlib import Path
from typing import NamedTuple


class Room(NamedTuple):
    """A part of the model: its files, the files of tests that judge it, tests of these that take too long, and how they run."""

    name: str
    files: tuple[str, ...]
    tests: tuple[str, ...]
    slow: tuple[str, ...] = ()
    compiled: bool = True

    def words(self, root: Path) -> list[str]:
        """The arguments of pytest."""
        slow = [word for name in self.slow for word in ("--deselect", placed(root, name))]
        return [placed(root, name) for name in self.tests] + slow


def placed(root: Path, name: str) -> str:
    """The path of a file of tests, or of a test in it. name: test_file.py or test_file.py::test."""
    file, *test = name.split("::")
    found = sorted((root / "tests").rglob(file))
    if len(found) != 1:
        raise RuntimeError(f"{file}: must be one file in tests, got {len(found)}")
    return "::".join([found[0].relative_to(root).as_posix(), *test])


PLANS = (
    "test_residency_brute.py",
    "test_schedule.py",
    "test_sweep_kernel.py",
    "test_sweep_ahead.py",
    "test_sweep_narrow.py",
    "test_sweep_split.py::test_points_together_equal_points_one_by_one[True-2-layer]",
)
SLOW_PLANS = (
    "test_sweep_ahead.py::test_many_points_of_one_size_in_several_levels",
    "test_sweep_ahead.py::test_points_left_are_solved_one_by_one",
    "test_sweep_ahead.py::test_tables_equal_simulate",
    "test_sweep_ahead.py::test_a_real_network_equals_simulate",
    "test_sweep_ahead.py::test_points_do_not_depend_on_slices_or_chunks",
    "test_sweep_ahead.py::test_time_by_cause_where_each_can_be_the_largest",
)
"""Schedules, of one chip and of many, against slow twins; and what of it is too slow without the compiler."""
GRIDS = ("test_frontier_brute.py", "test_tiling_twin.py", "test_frontier.py", "test_frontier_unrollings.py")
"""Frontiers against every tiling, and with every unrolling."""
SHORT = ("test_rooms.py", "test_gpu.py::test_what_misses_the_cache_is_beyond_half_its_capacity")
"""What is tried in which room, and what a GPU's cache holds."""
WHOLE = ("test_without_jit.py", "test_runs.py", "test_power_limit.py", "test_simulate.py")
SLOW_RUNS = (
    "test_simulate.py::test_a_batch_must_be_a_whole_number",
    "test_recurrent.py::test_a_sweep_gives_what_one_run_gives",
)
"""Whole runs of small networks; and what of them takes long or is of another room."""


SLOW_BATCHES = (
    "test_long_batches.py::test_what_is_left_out_is_said",
    "test_long_batches.py::test_a_caller_has_few_pools_in_hand",
)


BY_HAND = (
    "test_machines.py",
    "test_pool_parts.py",
    "test_ahead_by_hand.py",
    "test_bests_by_hand.py",
    "test_periods.py::test_the_period_is_the_one_that_most_steps_have",
    "test_sweep_split.py::test_whole_batches_that_may_be_the_best_are_never_left_out",
    "test_sweep_split.py::test_points_together_equal_points_one_by_one[True-6-layer]",
)
"""Chips, what is tried, and what a schedule takes, in numbers; seconds."""


def led(first: str, tests: tuple[str, ...]) -> tuple[str, ...]:
    """The same tests, one of them before all others."""
    return (first, *(name for name in tests if name != first))


ROOMS = (
    Room(
        "kernels",
        (
            "simulator/kernels/schedule_segments.py",
            "simulator/kernels/schedule_timed.py",
            "simulator/kernels/schedule_stretches.py",
            "simulator/kernels/schedule_cuts.py",
        ),
        ("test_segments_by_hand.py", "test_ways_by_hand.py", *led("test_schedule.py", PLANS)),
        SLOW_PLANS,
        compiled=False,
    ),
    Room(
        "kernels",
        ("simulator/kernels/schedule_labels.py", "simulator/kernels/schedule_prefetch.py"),
        ("test_prefetch_by_hand.py", *led("test_sweep_ahead.py", PLANS)),
        SLOW_PLANS,
        compiled=False,
    ),
    Room(
        "kernels",
        ("simulator/kernels/schedule_narrow.py",),
        led("test_sweep_narrow.py", PLANS),
        SLOW_PLANS,
        compiled=False,
    ),
    Room(
        "kernels",
        (
            "simulator/kernels/schedule_whole.py",
            "simulator/kernels/schedule_lists.py",
            "simulator/kernels/schedule_sums.py",
        ),
        ("test_whole_by_hand.py", *led("test_sweep_kernel.py", PLANS)),
        SLOW_PLANS,
        compiled=False,
    ),
    Room(
        "kernels",
        (
            "simulator/kernels/schedule_few.py",
            "simulator/kernels/schedule_keep.py",
            "simulator/kernels/layout.py",
            "simulator/kernels/stairs.py",
        ),
        ("test_few_by_hand.py", "test_stairs.py", *PLANS),
        SLOW_PLANS,
        compiled=False,
    ),
    Room(
        "kernels",
        ("simulator/kernels/schedule_rooms.py", "simulator/kernels/schedule_periods.py"),
        (
            "test_rooms_by_hand.py",
            "test_periods_by_hand.py",
            "test_keep.py",
            "test_rooms.py",
            "test_sweep_ahead.py::test_one_chip_finds_the_first_of_the_best_over_all_rooms",
            "test_periods.py",
        ),
        compiled=False,
    ),
    Room(
        "kernels",
        ("simulator/kernels/space_*.py",),
        ("test_space_parts.py", "test_space.py"),
        ("test_space.py::test_waterfalls_add_up",),
        compiled=False,
    ),
    Room(
        "kernels",
        ("simulator/kernels/grid_*.py",),
        (
            "test_grid_lists.py",
            "test_grid_parts.py",
            "test_touched.py::test_how_a_kernel_slides",
            "test_pixels.py",
            *GRIDS,
        ),
        compiled=False,
    ),
    Room("frontier", ("simulator/frontier/grid/attention.py",), ("test_attention.py", "test_grid_parts.py")),
    Room("frontier", ("simulator/frontier/grid/lanes.py",), ("test_lanes.py", "test_attention.py")),
    Room(
        "frontier",
        ("simulator/frontier/grid/*.py",),
        (
            "test_folds.py",
            "test_grid_parts.py",
            "test_recurrent.py::test_weights_come_in_once_or_in_every_step",
            "test_twin_cycles.py",
            "test_sizes.py",
            "test_pixels.py",
            *GRIDS,
            "test_row_stationary.py",
        ),
    ),
    Room("frontier", ("simulator/frontier/array.py",), ("test_attention.py", "test_lanes.py", "test_gpu.py")),
    Room(
        "frontier",
        ("simulator/frontier/*.py",),
        ("test_gpu.py", "test_gpu_kernels.py", "test_row_stationary.py", "test_packs.py", "test_threads.py"),
    ),
    Room(
        "schedule",
        ("simulator/schedule/space/*.py",),
        ("test_space_parts.py", "test_space.py", *WHOLE),
        SLOW_RUNS[:1],
    ),
    Room(
        "schedule",
        ("simulator/schedule/states.py",),
        ("test_thinned.py", "test_parts.py", *PLANS, *SHORT, "test_recurrent.py", "test_memories.py", *WHOLE),
        SLOW_RUNS,
    ),
    Room(
        "schedule",
        ("simulator/schedule/behind.py",),
        ("test_pool_parts.py", "test_sweep_contexts.py", "test_contexts.py"),
    ),
    Room(
        "schedule",
        ("simulator/schedule/*.py",),
        (
            *BY_HAND,
            "test_keep.py",
            "test_parts.py",
            "test_sweep_split.py::test_schedules_are_the_same_where_lists_have_no_room",
            "test_memories.py",
            "test_long_batches.py",
            "test_pools.py::test_the_floor_is_a_power_of_two_below_a_64th_of_the_sram",
            *PLANS,
            *SHORT,
            "test_recurrent.py",
            *WHOLE,
        ),
        (*SLOW_RUNS, *SLOW_BATCHES),
    ),
    Room("result", ("simulator/result/room.py",), ("test_room.py", "test_lower_rows.py")),
    Room("result", ("simulator/result/contexts.py",), ("test_sweep_contexts.py", "test_contexts.py")),
    Room(
        "result",
        ("simulator/result/*.py",),
        ("test_result_parts.py", "test_result_laws.py", "test_gains.py", *WHOLE, "test_explain.py", "test_space.py"),
        (SLOW_RUNS[0], "test_explain.py::test_the_command_prints_writes_and_draws"),
    ),
    Room(
        "cost",
        ("simulator/cost/*.py",),
        (
            "test_cost_steps.py",
            "test_cost_formulas.py",
            "test_cost_parts.py",
            "test_cost_priced.py",
            "test_cost_bill.py",
            "test_cost_provenance.py",
            "test_cost_price.py",
            "test_cost_calibration.py",
            "test_power_limit.py",
            "test_sweep_engine.py::test_what_is_priced_once_costs_the_same",
            "test_cost_cli.py::test_sources_name_every_coefficient",
            "test_cost_cli.py::test_validate",
        ),
    ),
    Room(
        "lower",
        ("simulator/lower/lines.py", "simulator/lower/behind.py"),
        ("test_lower_rows.py", "test_sweep_contexts.py"),
    ),
    Room(
        "lower",
        ("simulator/lower/room.py", "simulator/lower/work.py"),
        ("test_lower_rows.py", "test_lower_shape.py", "test_room.py", "test_lower_formats.py", *WHOLE),
        SLOW_RUNS[:1],
    ),
    Room(
        "lower",
        ("simulator/lower/*.py",),
        (
            "test_lower_parts.py",
            "test_lower_rows.py",
            "test_lower_shape.py",
            "test_lower_formats.py",
            "test_gpu_kernels.py::test_inputs_that_come_through_a_relu_cost_less_energy",
            "test_array_twin.py",
            "test_row_stationary.py",
            "test_recurrent.py",
            "test_gpu.py",
            "test_memories.py",
            *WHOLE,
        ),
        SLOW_RUNS,
    ),
)
"""The first room of those whose patterns match a file is the file's; jit.py and warm.py of the kernels are none's."""


def room_of(file: str) -> Room | None:
    """The room that a file belongs to."""
    return next((room for room in ROOMS if any(Path(file).match(pattern) for pattern in room.files)), None)
