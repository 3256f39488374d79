"""Lists of choices: what the programmes of segments run through, made once for all points of one SRAM size.

A list has, for every step of a stretch, the choices of a run in a given room, in the order of `kernels.programme.residency`: the
states before and after, the move and the point of its frontier, on-chip cycles, outer-memory bytes, and the bytes of SRAM that
it needs beside those of whole tensors.
"""

from .jit import kernel

MARK = 32  # as in `kernels.programme`
NEAR = 32
SOURCE, TARGET, MOVE, POINT = 0, 1, 2, 3
CYCLES, TOTAL, NEED, RESERVED = 0, 1, 2, 3


@kernel
def stair(lo, hi, base, net, room, out):
    """Rows lo..hi that fit `room` and that no other beats, bytes rising: as `kernels.programme.stair`. Returns how many."""
    points, life, heads, first, marks = net
    low, high = 0, (hi - lo + MARK - 1) // MARK
    while low < high:
        middle = (low + high) // 2
        if heads[base + middle] <= room:
            low = middle + 1
        else:
            high = middle
    if low == 0:
        return 0
    count, block = 0, low - 1
    for j in range(first[base + block], first[base + block + 1]):
        if life[marks[j], 1] > room:
            out[count] = marks[j]
            count += 1
    for at in range(lo + block * MARK, min(hi, lo + block * MARK + MARK)):
        if life[at, 0] > room:
            break
        if life[at, 1] > room:
            place = count
            while place > 0 and points[out[place - 1], 1] > points[at, 1]:
                out[place] = out[place - 1]
                place -= 1
            out[place] = at
            count += 1
    return count


@kernel
def list_stretch(network, kept, held, begin, end, room, lists, scratch):
    """List the choices of steps begin..end - 1 of a run in `room` bytes, behind what is there.

    network: first move of each step, source and target states of moves, their spans (see `schedule.pool`), the same with
    weights in SRAM, their costs, the steps, weight bytes of each step, and the points. kept: bytes of each step's weights that
    stay for ever. held: all weights are in SRAM. lists: begins; ways and amounts, one row a choice; how many begins and choices
    are in use. scratch: rows of a frontier, and where the choices of the last 2 x NEAR moves begin: of moves with the same
    number in their span (the same rows and reserved bytes) one is asked. Returns whether the lists were long enough.
    """
    first, source, target, spans, spans_kept, costs, steps, weights, net = network
    begins, ways, amounts, used = lists
    points, starts = scratch
    at, count, pool = used[0], used[1], net[0]
    if at + end - begin >= begins.shape[0]:
        return False
    for step in range(begin, end):
        begins[at + step - begin] = count
        inside = weights[step] > 0.0 and (held or kept[step] >= weights[step])
        stays = 0.0 if inside or held else kept[step]
        which = spans_kept if inside else spans
        for move in range(first[step], first[step + 1]):
            left, beside = room - costs[move, 0], costs[move, 1] - stays
            starts[move % (2 * NEAR)] = count
            if left < steps[step, 0]:
                continue
            tiled, found, same = which[move, 0] < which[move, 1], 1, -1
            if tiled:
                for other in range(max(first[step], move - NEAR), move):
                    if which[other, 3] == which[move, 3]:
                        same = starts[other % (2 * NEAR)]
                        found = starts[(other + 1) % (2 * NEAR)] - same
                        break
                if same < 0:
                    found = stair(which[move, 0], which[move, 1], which[move, 2], net, left, points)
            if count + found > ways.shape[0]:
                return False
            for i in range(found):
                point = (points[i] if same < 0 else ways[same + i, POINT]) if tiled else -1
                ways[count, SOURCE], ways[count, TARGET] = source[move], target[move]
                ways[count, MOVE], ways[count, POINT] = move, point
                amounts[count, CYCLES], amounts[count, TOTAL] = steps[step, 1], beside
                amounts[count, NEED], amounts[count, RESERVED] = steps[step, 0], costs[move, 0]
                if tiled:
                    amounts[count, NEED] = max(steps[step, 0], net[1][point, 0])
                    amounts[count, CYCLES] = max(steps[step, 1], pool[point, 2])
                    amounts[count, TOTAL] = max(0.0, pool[point, 1] + beside)
                count += 1
    begins[at + end - begin] = count
    used[0], used[1] = at + end - begin + 1, count
    return True


@kernel
def list_neighbours(network, kept, held, once, room, cuts, around, stay, where, lists, scratch):
    """List every stretch between neighbouring cuts in up to four rooms: where[cut, variant], -1 where there is none.

    variant: bit 0, the tensor at its start is in SRAM for the whole batch and the segment begins there; bit 1, the same at its
    end. cuts: float64[cuts, 2], steps before and state with the tensor resident (-1: none). around: whole-batch bytes of it
    beyond those of one run. stay[i, j]: weights that come in once. once: one run is the whole batch, so that only variant 0
    matters. Returns whether the lists were long enough.
    """
    for i in range(cuts.shape[0] - 1):
        for variant in range(4):
            where[i, variant] = -1
            entry, leave = variant & 1, variant >> 1
            if (once and variant > 0) or (entry and cuts[i, 1] < 0) or (leave and cuts[i + 1, 1] < 0):
                continue
            left = room - (around[i] if entry else 0.0) - (around[i + 1] if leave else 0.0)
            left -= stay[i, i + 1] if held else 0.0
            if left <= 0.0:
                continue
            where[i, variant] = lists[3][0]
            if not list_stretch(network, kept, held, int(cuts[i, 0]), int(cuts[i + 1, 0]), left, lists, scratch):
                return False
    return True


@kernel
def list_wanted(network, kept, held, room, cuts, around, stay, wanted, where, lists, scratch):
    """List every segment of `wanted` that is not listed yet, each in its own room; returns whether the lists were long enough.

    wanted, where: [cuts, cuts, in, out]; where it begins in `begins`, -1: not listed, -2: no room.
    """
    for i in range(cuts.shape[0] - 1):
        for j in range(i + 1, cuts.shape[0]):
            for entry in range(2):
                for leave in range(2):
                    if not wanted[i, j, entry, leave] or where[i, j, entry, leave] != -1:
                        continue
                    left = room - (around[i] if entry else 0.0) - (around[j] if leave else 0.0)
                    left -= stay[i, j] if held else 0.0
                    where[i, j, entry, leave] = -2
                    if left <= 0.0:
                        continue
                    at = lists[3][0]
                    if not list_stretch(network, kept, held, int(cuts[i, 0]), int(cuts[j, 0]), left, lists, scratch):
                        where[i, j, entry, leave] = -1
                        return False
                    where[i, j, entry, leave] = at
    return True


@kernel
def stay_between(weights, cuts, out):
    """Fill out[i, j] with the weight bytes of the steps from cut i to cut j > i."""
    for i in range(cuts.shape[0] - 1):
        total, at = 0.0, int(cuts[i, 0])
        for j in range(i + 1, cuts.shape[0]):
            while at < int(cuts[j, 0]):
                total += weights[at]
                at += 1
            out[i, j] = total
