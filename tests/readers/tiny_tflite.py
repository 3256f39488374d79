"""A small TensorFlow Lite file, written as the schema of the format has it."""

import flatbuffers

STEPS = (((0, 1), 2), ((2, 3), 4), ((4, 5), 6))
"""(inputs, output) of each operator, by the numbers of their tensors."""


def tflite(first=(1, 8, 8, 3), steps=STEPS):
    """An int8 convolution of 3 x 3 with a ReLU, a depthwise one behind it, and a dense layer on all of it.

    first: sizes of the input. steps: (inputs, output) of each operator, or so many as one wants.
    """
    b = flatbuffers.Builder(0)

    def numbers(values):
        b.StartVector(4, len(values), 4)
        for each in reversed(values):
            b.PrependInt32(each)
        return b.EndVector()

    def offsets(values):
        b.StartVector(4, len(values), 4)
        for each in reversed(values):
            b.PrependUOffsetTRelative(each)
        return b.EndVector()

    def table(slots, fields):
        b.StartObject(slots)
        for number, (form, value) in fields.items():
            if form == "offset":
                b.PrependUOffsetTRelativeSlot(number, value, 0)
            elif form == "byte":
                b.PrependInt8Slot(number, value, 0)
            else:
                b.PrependInt32Slot(number, value, 0)
        return b.EndObject()

    data = b.CreateByteVector(b"\1" * 8)
    buffers = offsets([table(1, {}), table(1, {0: ("offset", data)})])
    shapes = [
        (first, 0),
        ((16, 3, 3, 3), 1),
        ((1, 4, 4, 16), 0),
        ((1, 3, 3, 16), 1),
        ((1, 4, 4, 16), 0),
        ((10, 256), 1),
        ((1, 10), 0),
    ]
    tensors = []
    for number, (shape, buffer) in enumerate(shapes):
        name, sides = b.CreateString(f"t{number}"), numbers(shape)
        tensors.append(table(4, {0: ("offset", sides), 1: ("byte", 9), 2: ("int", buffer), 3: ("offset", name)}))
    tensors = offsets(tensors)
    options = [
        table(6, {1: ("int", 2), 2: ("int", 2), 3: ("byte", 1), 4: ("int", 1), 5: ("int", 1)}),
        table(7, {1: ("int", 1), 2: ("int", 1), 3: ("int", 1), 5: ("int", 1), 6: ("int", 1)}),
        table(1, {}),
    ]
    ops = []
    for number, (inputs, out) in enumerate(steps):
        code, reads, made = number % 3, numbers(inputs), numbers([out])
        ops.append(
            table(5, {0: ("int", code), 1: ("offset", reads), 2: ("offset", made), 4: ("offset", options[code])})
        )
    ops = offsets(ops)
    first, last = numbers([0]), numbers([6])
    graphs = offsets(
        [table(4, {0: ("offset", tensors), 1: ("offset", first), 2: ("offset", last), 3: ("offset", ops)})]
    )
    codes = offsets([table(4, {0: ("byte", code)}) for code in (3, 4, 9)])
    root = table(5, {0: ("int", 3), 1: ("offset", codes), 2: ("offset", graphs), 4: ("offset", buffers)})
    b.Finish(root, file_identifier=b"TFL3")
    return bytes(b.Output())
