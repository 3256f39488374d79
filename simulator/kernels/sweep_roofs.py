"""What costs most in the schedules of many points: each step's time split among the roofs, a block of points at a time.

The same operations in the same order as `schedule.waterfall.split` and the sums over its rows, so that both agree to the last
bit.
"""

from .jit import kernel

BLOCK, APART = 64, -2
"""As in `kernels.sweep`."""


@kernel
def gather(step, begin, many, steps, pool, detail, paths, at, busy, moved):
    """Busy cycles and bytes of a step for each point of a block, as rows of BLOCK: ideal, edges, filling, loading; array,
    interconnect, SRAM ports; all on-chip work; vector unit.
    """
    vector = steps[step, 1]
    points, totals, alike, alike_totals = paths
    for p in range(many):
        row = points[step, begin + p] if alike[step, at] == APART else alike[step, at]
        moved[p] = totals[step, begin + p] if alike[step, at] == APART else alike_totals[step, at]
        for part in range(7):
            busy[part * BLOCK + p] = detail[row, part] if row >= 0 else 0.0
        busy[7 * BLOCK + p] = max(vector, pool[row, 2]) if row >= 0 else vector
        busy[8 * BLOCK + p] = vector


@kernel
def begin_step(on_chip_cycles, ideal, moved, machine, phi, left):
    """Fill `left` with the time of a step of every point without its ideal compute."""
    for p in range(BLOCK):
        on_chip, outer = on_chip_cycles * machine[p], moved * machine[BLOCK + p]
        large = on_chip if on_chip > outer else outer
        small = outer if on_chip > outer else on_chip
        whole, own = large + phi * small + machine[2 * BLOCK + p], ideal * machine[p]
        left[p] = whole - (own if own < whole else whole)


@kernel
def take(part, cycles, machine, left, parts):
    """Take what a part costs from what is left of the time of a step."""
    for p in range(BLOCK):
        own = cycles * machine[p]
        own = own if own < left[p] else left[p]
        left[p] -= own
        parts[part * BLOCK + p] += own


@kernel
def take_roof(part, cycles, array, machine, left, parts):
    """Take what the roof of a part costs beyond the array's."""
    for p in range(BLOCK):
        own = cycles * machine[p] - array * machine[p]
        own = own if own < left[p] else left[p]
        left[p] -= own
        parts[part * BLOCK + p] += own


@kernel
def end_step(machine, left, parts):
    """Add the overhead of a step, and what is left as its wait."""
    for p in range(BLOCK):
        fixed = machine[2 * BLOCK + p] if machine[2 * BLOCK + p] < left[p] else left[p]
        parts[6 * BLOCK + p] += fixed
        parts[7 * BLOCK + p] += left[p] - fixed


@kernel
def roof_of(array, link, ports, vector):
    """The part whose roof takes more cycles than the array: 3 to 5; -1: none; -2: two so near that their times may be equal."""
    most = max(link, ports, vector)
    if most <= array:
        return -1
    less = most * (1.0 - 1e-9)
    if link == most:
        return 3  # of equal times the first roof counts
    if ports == most and link < less:
        return 4
    return 5 if vector == most and link < less and ports < less else -2


@kernel
def split_alike(row, vector, pool, detail, moved, machine, phi, left, parts):
    """As `split`, where all points of a block have the same frontier row; False, and nothing is done, where it cannot.

    Parts that take nothing are left out: rounding keeps an order, so what takes fewer cycles than the array takes no more time.
    """
    array, link, ports = 0.0, 0.0, 0.0
    if row >= 0:
        array, link, ports = detail[row, 4], detail[row, 5], detail[row, 6]
    roof = roof_of(array, link, ports, vector)
    if roof == -2:
        return False
    begin_step(
        max(vector, pool[row, 2]) if row >= 0 else vector,
        detail[row, 0] if row >= 0 else 0.0,
        moved,
        machine,
        phi,
        left,
    )
    for part in range(3 if row >= 0 else 0):
        if detail[row, 1 + part] > 0.0:
            take(part, detail[row, 1 + part], machine, left, parts)
    if roof > 0:
        take_roof(roof, max(link, ports, vector), array, machine, left, parts)
    end_step(machine, left, parts)
    return True


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
def roofs(steps, pool, detail, paths, blocks, machines, phi, times, has_dram, host_s, scratch, out, out_s):
    """Fill out[point] with the number of the roof that costs most of a period, out_s[point] with what it costs. [s]

    steps, pool: of `schedule.pool.Pool`; detail: on-chip parts of each frontier row. paths, blocks: as in
    `kernels.sweep.residency_blocks`, a frontier row of -1 being vector work. machines: seconds per cycle, byte and step of the
    points. times: of a batch, without the host link beside a DRAM, which takes host_s. scratch: busy, moved, machine, parts,
    left.
    """
    busy, moved, machine, parts, left = scratch
    alike, alike_totals = paths[2], paths[3]
    for at in range(blocks.shape[0]):
        begin, many = blocks[at, 0], blocks[at, 1]
        for p in range(BLOCK):
            for row in range(3):
                machine[row * BLOCK + p] = machines[row][begin + min(p, many - 1)]
        for p in range(8 * BLOCK):
            parts[p] = 0.0
        for step in range(steps.shape[0]):
            row, total = alike[step, at], alike_totals[step, at]
            if row == APART or not split_alike(row, steps[step, 1], pool, detail, total, machine, phi, left, parts):
                gather(step, begin, many, steps, pool, detail, paths, at, busy, moved)
                split(busy, moved, machine, phi, parts)
        for p in range(many):
            extra_s = max(0.0, host_s - times[begin + p])
            out[begin + p], out_s[begin + p] = largest(parts, p, has_dram, extra_s)
