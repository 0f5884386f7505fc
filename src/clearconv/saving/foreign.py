"""Recognise a file that is not a clearconv model by its first bytes, and advise what to do."""

from pathlib import Path

#: Read from the beginning of a file.
LOOK = 512

_PYTORCH = (
    "a PyTorch file, which holds weights without an architecture. Start a run from them, "
    "`start=clearconv.exchange.start_from(FILE)`, or make the model here and use "
    "load_state_dict(clearconv.load_pytorch(FILE)): nothing in the file is run"
)
_WEIGHTS = "Save the weights as safetensors there, make the model here, and use load_state_dict"

_KINDS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, not the file itself. Run: git lfs pull"),
    (0, b"\x89HDF", f"an HDF5 file, as Keras writes. {_WEIGHTS}"),
    (4, b"TFL3", f"a TensorFlow Lite model. {_WEIGHTS}"),
    (0, b"GGUF", "a GGUF file of a language model"),
    (0, b"\x93NUMPY", "a NumPy array. Make the model here and use load_state_dict"),
    (0, b"\x89PNG", "an image. The model comes first, the images after it"),
    (0, b"\xff\xd8\xff", "an image. The model comes first, the images after it"),
    (0, b"\x1f\x8b", "a gzipped file. Unpack it first: gunzip"),
)


def looks_like(path: Path, head: bytes) -> str | None:
    """Describe what a file seems to be, and what to do with it; None if it is not recognised."""
    for place, mark, words in _KINDS:
        if head[place : place + len(mark)] == mark:
            return words
    if head.startswith(b"PK\x03\x04"):
        if b".pkl" in head or path.suffix in (".pt", ".pth"):
            return _PYTORCH
        return "a zip archive. A model file is a single .safetensors; unpack it first"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return _PYTORCH.replace("PyTorch file", "pickle, perhaps an older PyTorch file", 1)
    if head[:1] == b"\x08" and (path.suffix == ".onnx" or b"onnx" in head.lower()):
        return f"an ONNX model. {_WEIGHTS}"
    return _text(head)


def _text(head: bytes) -> str | None:
    try:
        text = head.decode("utf-8", "strict" if len(head) < LOOK else "ignore")
    except UnicodeDecodeError:
        return None
    if len(text) < 8 or not all(sign.isprintable() or sign in "\r\n\t" for sign in text):
        return None
    start = text.lstrip().lower()
    if start.startswith(("<!doctype", "<html")):
        return "a web page. Was an address saved instead of the file behind it?"
    return "a text file"
