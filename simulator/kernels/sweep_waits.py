"""What costs most in schedules whose steps take times of their own, as with weights fetched ahead: point after point.

The same operations in the same order as `schedule.waterfall.split` and the sums over its rows, so that both agree to the last
bit.
"""

from .jit import kernel


@kernel
def add_step(row, vector, time, cycle_s, overhead_s, detail, parts):
    """Add a step of a point to `parts`: edges, filling, loading, interconnect, SRAM ports, vector, overhead, the wait."""
    left = time
    for part in range(4):
        own = detail[row, part] * cycle_s if row >= 0 else 0.0
        own = min(own, left)
        left -= own
        if part > 0:
            parts[part - 1] += own
    array, link, ports = 0.0, 0.0, 0.0
    if row >= 0:
        array, link, ports = detail[row, 4] * cycle_s, detail[row, 5] * cycle_s, detail[row, 6] * cycle_s
    units = vector * cycle_s
    most = max(array, link, ports, units)
    sets = (
        0 if array == most else 1 if link == most else 2 if ports == most else 3
    )  # of equal times the first roof counts
    for part in range(1, 4):
        own = min(most - array if sets == part else 0.0, left)
        left -= own
        parts[part + 2] += own
    own = min(overhead_s, left)
    left -= own
    parts[6] += own
    parts[7] += left


@kernel
def roofs(vector, detail, rows, times, machines, batch_s, has_dram, host_s, parts, out, out_s):
    """Fill out[point] with the number of the roof that costs most of a period, out_s[point] with what it costs. [s]

    vector: cycles of vector work of each step. detail: on-chip parts of each frontier row. rows, times: frontier row (-1: vector
    work) and time of each point and step. machines: seconds per cycle and overhead of the points. batch_s: time of a batch,
    without the host link beside a DRAM, which takes host_s. parts: scratch. Roofs in the order of `schedule.waterfall.ROOFS`.
    """
    for p in range(rows.shape[0]):
        for part in range(8):
            parts[part] = 0.0
        for step in range(rows.shape[1]):
            add_step(rows[p, step], vector[step], times[p, step], machines[0][p], machines[1][p], detail, parts)
        extra_s = max(0.0, host_s - batch_s[p])
        dram, host = (parts[7], extra_s) if has_dram else (0.0, parts[7] + extra_s)
        out[p], out_s[p] = 0, (parts[0] + parts[1]) + parts[2]
        for roof in range(1, 7):
            own = parts[roof + 2] if roof < 5 else dram if roof == 5 else host
            if own > out_s[p]:
                out[p], out_s[p] = roof, own
