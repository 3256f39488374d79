"""What costs most in the schedules of many points: each step's time split among the roofs, a block of points at a time.

The same operations in the same order as `schedule.waterfall.split` and the sums over its rows, so that both agree to the last
bit.
"""

from .jit import kernel

BLOCK = 64
"""Points that are split together, so that they stay in the nearest cache."""


@kernel
def gather(step, begin, many, steps, pool, detail, points, totals, busy, moved):
    """Busy cycles and bytes of a step for each point of a block, as rows of BLOCK: ideal, edges, filling, loading; array,
    interconnect, SRAM ports; all on-chip work; vector unit.
    """
    first, others, vector = points[step, begin], 0, steps[step, 1]
    for p in range(many):
        others += points[step, begin + p] != first
        moved[p] = totals[step, begin + p]
    busy[8 * BLOCK : 9 * BLOCK] = vector
    if others == 0:
        for part in range(7):
            busy[part * BLOCK : (part + 1) * BLOCK] = detail[first, part] if first >= 0 else 0.0
        busy[7 * BLOCK : 8 * BLOCK] = max(vector, pool[first, 2]) if first >= 0 else vector
        return
    for p in range(many):
        row = points[step, begin + p]
        for part in range(7):
            busy[part * BLOCK + p] = detail[row, part] if row >= 0 else 0.0
        busy[7 * BLOCK + p] = max(vector, pool[row, 2]) if row >= 0 else vector


@kernel
def split(busy, moved, machine, phi, parts):
    """Add a step of every point to `parts`: edges, filling, loading, interconnect, SRAM ports, vector, overhead, the wait."""
    for p in range(BLOCK):
        cycle_s, byte_s, overhead_s = machine[p], machine[BLOCK + p], machine[2 * BLOCK + p]
        on_chip, outer = busy[7 * BLOCK + p] * cycle_s, moved[p] * byte_s
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        left = large + phi * small + overhead_s
        own = busy[p] * cycle_s
        left -= own if own < left else left
        own = busy[BLOCK + p] * cycle_s
        edges = own if own < left else left
        left -= edges
        own = busy[2 * BLOCK + p] * cycle_s
        filling = own if own < left else left
        left -= filling
        own = busy[3 * BLOCK + p] * cycle_s
        loading = own if own < left else left
        left -= loading
        array, link = busy[4 * BLOCK + p] * cycle_s, busy[5 * BLOCK + p] * cycle_s
        ports, vector = busy[6 * BLOCK + p] * cycle_s, busy[8 * BLOCK + p] * cycle_s
        most = array if array > link else link
        most = most if most > ports else ports
        most = most if most > vector else vector
        excess = most - array  # of equal times the first roof counts
        own = excess if link == most else 0.0
        on_link = own if own < left else left
        left -= on_link
        own = excess if (ports == most) & (link < most) else 0.0
        on_ports = own if own < left else left
        left -= on_ports
        own = excess if (vector == most) & (link < most) & (ports < most) else 0.0
        on_vector = own if own < left else left
        left -= on_vector
        fixed = overhead_s if overhead_s < left else left
        left -= fixed
        parts[p] += edges
        parts[BLOCK + p] += filling
        parts[2 * BLOCK + p] += loading
        parts[3 * BLOCK + p] += on_link
        parts[4 * BLOCK + p] += on_ports
        parts[5 * BLOCK + p] += on_vector
        parts[6 * BLOCK + p] += fixed
        parts[7 * BLOCK + p] += left


@kernel
def largest(parts, p, has_dram, extra_s):
    """(number of the roof that costs most, its time), as in `schedule.waterfall.ROOFS`; extra_s: waiting for the host link."""
    best, most = 0, (parts[p] + parts[BLOCK + p]) + parts[2 * BLOCK + p]
    wait = parts[7 * BLOCK + p]
    dram, host = (wait, extra_s) if has_dram else (0.0, wait + extra_s)
    for roof in range(1, 7):
        own = parts[(2 + roof) * BLOCK + p] if roof < 5 else dram if roof == 5 else host
        if own > most:
            best, most = roof, own
    return best, most


@kernel
def roofs(steps, pool, detail, points, totals, machines, phi, times, has_dram, host_s, scratch, out, out_s):
    """Fill out[point] with the number of the roof that costs most of a period, out_s[point] with what it costs. [s]

    steps, pool: of `schedule.pool.Pool`; detail: on-chip parts of each frontier row. points, totals: frontier rows (-1: vector
    work) and bytes of the outer memory, one row a step. machines: seconds per cycle, byte and step of the
    points. times: of a batch, without the host link beside a DRAM, which takes host_s. scratch: busy, moved, machine, parts.
    """
    busy, moved, machine, parts = scratch
    for begin in range(0, points.shape[1], BLOCK):
        many = min(BLOCK, points.shape[1] - begin)
        for p in range(many):
            for row in range(3):
                machine[row * BLOCK + p] = machines[row][begin + p]
        for p in range(8 * BLOCK):
            parts[p] = 0.0
        for step in range(steps.shape[0]):
            gather(step, begin, many, steps, pool, detail, points, totals, busy, moved)
            split(busy, moved, machine, phi, parts)
        for p in range(many):
            extra_s = max(0.0, host_s - times[begin + p])
            out[begin + p], out_s[begin + p] = largest(parts, p, has_dram, extra_s)
