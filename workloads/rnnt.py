"""RNN-T (A. Graves, "Sequence Transduction with Recurrent Neural Networks", arXiv:1211.3711) as MLPerf inference 0.7 has it.

Five LSTM layers of 1,024 units over the frames of the speech, half as many frames behind the second; two of 320 units over the
letters found so far; and a joint network that looks at one frame and the last letter, once a frame and once a letter, and says
which letter comes next or that the frame is done. The first half of the joint network is made for all frames at once. The
networks of the letters and the joint one take turns. Features of the sound are not part of the network.
"""

from simulator.errors import NetworkError
from simulator.graph.build import Graph, NetworkBuilder, Output

UNITS, LETTER_UNITS, JOINT_UNITS = 1024, 320, 512
LETTERS = 29
"""Letters, a space, an apostrophe and the blank."""


def build_rnnt(frames: int = 250, symbols: int = 110, features: int = 240) -> Graph:
    """RNN-T. `frames`: of 30 ms, an even number; `symbols`: letters of the text; `features`: numbers a frame."""
    if frames % 2:
        raise NetworkError(f"rnnt: frames: must be even, got {frames}")
    net = NetworkBuilder("rnnt", {"frames": frames, "symbols": symbols, "features": features})
    x = net.input(features, frames, name="sound")
    for number in range(1, 6):
        x = net.lstm(net.dense(x, 4 * UNITS, name=f"encoder{number}_input"), bias=True, name=f"encoder{number}")
        if number == 2:
            x = Output(x.name, 2 * x.channels, x.height // 2)
    sound = net.dense(x, JOINT_UNITS, name="joint_sound")
    loop = "letters"
    y = net.embedding(net.input(1, symbols, name="letters"), LETTER_UNITS, name="letter_embedding")
    for number in range(1, 3):
        y = net.dense(y, 4 * LETTER_UNITS, steps=symbols, loop=loop, name=f"letters{number}_input")
        y = net.lstm(y, loop=loop, bias=True, name=f"letters{number}")
    text = net.dense(y, JOINT_UNITS, bias=False, steps=symbols, loop=loop, name="joint_text")
    looks = x.height + symbols  # every look moves on by a frame or a letter
    z = net.add(
        Output(sound.name, JOINT_UNITS, looks), Output(text.name, JOINT_UNITS, looks), activation="relu", name="joint"
    )
    net.dense(z, LETTERS, steps=looks, loop=loop, name="joint_letter")
    return net.build()


NETWORKS = {"rnnt": build_rnnt}
