"""What ``data/make_pytorch_files.py`` has written, in NumPy, and pickles written by hand."""

import io
import struct
import zipfile
from pathlib import Path

import numpy as np

DATA = Path(__file__).with_name("data")


def numbers():
    """Return the numbers of ``zip.pth`` and ``legacy.pth``, as they are to be read."""
    base = np.arange(42, dtype=np.float32).reshape(6, 7) / 8
    return {
        "whole": base,
        "turned": base.T,
        "row": base[2],
        "every_other": base[::2, 1::3],
        "half": np.arange(12, dtype=np.float32).reshape(3, 4) / 4 - 1,
        "bfloat16": np.arange(10, dtype=np.float32) * 0.5 - 2,
        "double": np.arange(3) / 3,
        "number": np.float32(3.5),
        "count": np.int64(7),
        "small": np.arange(-3, 3, dtype=np.int8),
        "truth": np.array([True, False, True]),
        "empty": np.empty((0, 3), np.float32),
        "parameter": np.arange(4, dtype=np.float32).reshape(2, 2),
        "last": np.arange(120, dtype=np.float32).reshape(2, 3, 4, 5),
    }


# -- pickles, opcode by opcode


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def whole(value):
    return b"\x8a\x08" + struct.pack("<q", value)


def row(*values):
    return b"(" + b"".join(values) + b"t"


def name(module, it):
    return f"c{module}\n{it}\n".encode()


def call(function, *arguments):
    return function + row(*arguments) + b"R"


def storage(key="0", count=4, kind="FloatStorage"):
    return row(text("storage"), name("torch", kind), text(key), text("cpu"), whole(count)) + b"Q"


def tensor(offset=0, shape=(4,), strides=(1,), of=None):
    return call(
        name("torch._utils", "_rebuild_tensor_v2"),
        storage() if of is None else of,
        whole(offset),
        row(*map(whole, shape)),
        row(*map(whole, strides)),
        b"\x89",
        call(name("collections", "OrderedDict")),
    )


def table(**entries):
    return b"}(" + b"".join(text(key) + value for key, value in entries.items()) + b"u"


def pickled(program):
    return b"\x80\x02" + program + b"."


def archive(program, records=None, **more):
    """Return a zip archive as PyTorch writes it, around a pickle."""
    file = io.BytesIO()
    records = {"data/0": bytes(16)} if records is None else records
    with zipfile.ZipFile(file, "w", **more) as made:
        made.writestr("archive/data.pkl", pickled(program))
        for key, content in records.items():
            made.writestr(f"archive/{key}", content)
    return file.getvalue()


def legacy(program, keys=("0",), storages=None):
    """Return a file of the older format around a pickle."""
    data = struct.pack("<q", 4) + bytes(16) if storages is None else storages
    magic = pickled(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19")
    listed = pickled(b"](" + b"".join(map(text, keys)) + b"e")
    return magic + pickled(b"M\xe9\x03") + pickled(b"}") + pickled(program) + listed + data


def saved(state):
    """Return a file with a state dict of float32 arrays, as PyTorch writes it."""
    entries, records = {}, {}
    for number, (key, array) in enumerate(state.items()):
        array = np.ascontiguousarray(array, "<f4")
        strides = [step // 4 for step in array.strides]
        entries[key] = tensor(0, array.shape, strides, storage(str(number), array.size))
        records[f"data/{number}"] = array.tobytes()
    return archive(table(**entries), records)
