"""What a file is that is not what its name says: by how it begins."""

import re

LOOKED_AT = 512
"""Bytes that a file of another kind is known by."""

_BEGINS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"PK\x03\x04": "a ZIP archive, as PyTorch, Keras and Core ML packages are",
    b"\x1f\x8b": "a file that gzip compressed",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"BZh": "a file that bzip2 compressed",
    b"\xfd7zXZ": "a file that xz compressed",
    b"\x28\xb5\x2f\xfd": "a file that zstd compressed",
    b"\x89HDF": "an HDF5 file, as older Keras models are",
    b"GGUF": "a GGUF model, of llama.cpp",
    b"\x93NUMPY": "an array of NumPy",
    b"\x80\x02": "a pickle of Python, as older PyTorch models are",
    b"\x80\x04": "a pickle of Python",
    b"\x7fELF": "a program",
    b"version https://git-lfs": "a pointer of Git LFS: `git lfs pull` fetches the file itself",
    b"<": "a page of HTML or XML",
    b"{": "JSON",
}
"""How files of other kinds begin."""

_FOURTH = {
    b"TFL3": "a TensorFlow Lite model, whose name must end in .tflite",
    b"ORTM": "a model in the ORT format: give the .onnx file that it was made from",
}
"""What stands behind their first four bytes."""


_ONNX = re.compile(rb"\x08[\x01-\x1f][\x12\x1a\x22\x28\x32\x3a\x42]")
"""How ONNX files begin: the version of the format, and then one of the fields that all have."""


def looks_like(raw: bytes | memoryview, onnx: bool = True) -> str:
    """Say what a file seems to be that is not what it is taken for. onnx: whether it may be an ONNX model."""
    head = bytes(raw[:LOOKED_AT])
    if onnx and _ONNX.match(head):
        return "an ONNX model, whose name must end in .onnx"
    for begin, what in _BEGINS.items():
        if head.startswith(begin):
            return what
    for begin, what in _FOURTH.items():
        if head[4:8] == begin:
            return what
    if head[8:10] == b'{"':
        return "a safetensors file, which holds weights alone"
    if head.lstrip()[:1] in (b"<", b"{"):
        return _BEGINS[head.lstrip()[:1]]
    try:
        text = head.decode("utf-8", "strict" if len(head) < LOOKED_AT else "ignore")
    except UnicodeDecodeError:
        return "a damaged or a different file"
    return (
        "text"
        if text and all(each.isprintable() or each.isspace() for each in text)
        else "a damaged or a different file"
    )
