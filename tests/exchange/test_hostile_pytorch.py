"""PyTorch files from anywhere: nothing is run, memory stays bounded, errors say what is wrong.

Each file here is small, and would make Python's own unpickler, or a careless reader of what it
returns, run a program, take gigabytes, or never end.
"""

import io
import pickle
import random
import struct
import time
import tracemalloc
import zipfile

import pytest
from pytorch_files import (
    DATA,
    archive,
    call,
    legacy,
    name,
    pickled,
    row,
    storage,
    table,
    tensor,
    text,
    whole,
)

from clearconv import load_pytorch
from clearconv.errors import ModelFileError

#: Bytes that reading may take beside the file's own size, three times.
FREE = 2**27


def read(path, content):
    """Read a file, and check that it took neither long nor much memory."""
    path.write_bytes(content)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        return load_pytorch(path)
    finally:
        took, peak = time.perf_counter() - start, tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < FREE + 3 * len(content), f"{peak:,} bytes"
        assert took < 120


def runs(module, function, *arguments):
    return call(name(module, function), *arguments)


REFUSED = {
    "a program": (runs("os", "system", text("touch bang")), "names os.system, which is refused"),
    "the same, by its other name": (runs("posix", "system", text("ls")), "names posix.system"),
    "a builtin": (runs("builtins", "eval", text("1")), "names builtins.eval"),
    "what leads to all": (name("builtins", "getattr"), "names builtins.getattr"),
    "a name with dots": (name("collections", "OrderedDict.fromkeys"), "OrderedDict.fromkeys"),
    "a loader within": (runs("torch.storage", "_load_from_bytes"), "names torch.storage._load"),
    "a name from the stack": (text("os") + text("system") + b"\x93", "names os.system"),
    "an extension code": (b"\x82\x01", "extension code, which is refused"),
    "a name beside a state dict": (
        table(weight=tensor(), more=runs("subprocess", "run")),
        "names subprocess.run",
    ),
    "a kind that is called": (runs("torch", "FloatStorage"), "is damaged: it calls torch.Float"),
    "text that is called": (call(text("os.system"), text("ls")), "is damaged: it calls str"),
    "a text as persistent id": (b"Pabc\n", "persistent id as text"),
    "a module with its source": (
        row(text("module"), *[text("x")] * 3) + b"Q",
        "whole model and its source code, which is refused",
    ),
    "a sparse tensor": (
        runs("torch._utils", "_rebuild_sparse_tensor"),
        "names torch._utils._rebuild_sparse_tensor",
    ),
}

DEEP = 100_000
BOMBS = {
    "a place far out in the memo": (b"Nr\xff\xff\xff\xff", "no weights by name"),
    "a text of gigabytes": (b"X" + struct.pack("<I", 2**32 - 1), "is not whole"),
    "bytes of exabytes": (b"\x8e" + struct.pack("<Q", 2**62), "is not whole"),
    "a frame of exabytes": (b"\x95" + struct.pack("<Q", 2**62) + b"N", "no weights by name"),
    "a negative length": (b"\x8b" + struct.pack("<i", -5), "a length is negative"),
    "a long whole number": (b"\x8b" + struct.pack("<i", 5000) + bytes(5000), "has 5,000 bytes"),
    "tuples of tuples": (b"N" + b"2\x86" * DEEP, "no weights by name: tuple"),
    "their hash": (b"}N" + b"2\x86" * 64 + b"Ns", "no weights by name: dict"),
    "their hash, of a list": (
        call(name("collections", "OrderedDict"), b"]N" + b"2\x86" * 64 + b"N\x86a"),
        "wrong arguments",
    ),
    "their text": (
        call(
            name("torch._utils", "_rebuild_tensor_v2"),
            *(storage(), whole(0), b"N" + b"2\x86" * 64, row(whole(1))),
        ),
        "are not whole numbers",
    ),
    "marks": (b"(" * DEEP, "is not whole|do not fit together"),
    "lists in lists": (b"]" * DEEP + b"a" * (DEEP - 1), "no weights by name: list"),
    "a list within itself": (b"]q\x00h\x00a", "no weights by name: list"),
    "a dict within itself": (b"}q\x00" + text("model") + b"h\x00s", "no weights by name"),
    "a million lists": (b"]" * 2_000_000, "describes more objects"),
    "copies of a long list": (
        b"]("
        + b"X\x00\x00\x00\x00N\x86" * 20_000
        + b"eq\x00"
        + (name("collections", "OrderedDict") + b"h\x00\x85R") * 2_000,
        "describes more objects",
    ),
    "a protocol to come": (b"\x80\x09N", "a pickle of protocol 9"),
    "nothing to pop": (b"0", "do not fit together"),
    "a memo that is empty": (b"h\x05", "do not fit together"),
}
TENSORS = {
    "more than is stored": (tensor(shape=(5,)), "reaches beyond the 4 numbers"),
    "an offset beyond": (tensor(offset=4, shape=(1,)), "reaches beyond the 4 numbers"),
    "a stride beyond": (tensor(shape=(2, 2), strides=(3, 2)), "reaches beyond the 4 numbers"),
    "one number, repeated": (tensor(shape=(2**40,), strides=(0,)), "or repeats them"),
    "a negative stride": (tensor(strides=(-1,)), "is damaged: a tensor has shape"),
    "a negative offset": (tensor(offset=-1), "is damaged: a tensor has shape"),
    "a negative size": (tensor(shape=(-4,)), "is damaged: a tensor has shape"),
    "two strides of one axis": (tensor(strides=(1, 1)), "is damaged: a tensor has shape"),
    "hundreds of axes": (tensor(shape=(1,) * 200, strides=(1,) * 200), "is damaged: a tensor has"),
    "a huge empty one": (tensor(shape=(2**40, 2**40, 0), strides=(0, 0, 0)), "an empty tensor"),
    "a storage that is none": (tensor(of=text("0")), "a tensor's storage is a str"),
    "a storage of exabytes": (tensor(of=storage(count=2**60)), "no key or no length"),
    "a storage of terabytes": (tensor(of=storage(count=2**40)), "16 bytes, but its tensors need"),
    "a storage beyond": (tensor(of=storage("7")), "has no record data/7"),
    "a storage of no kind": (tensor(of=storage(kind="float32")), "is not a kind of storage"),
    "a sign to be changed": (
        call(
            name("torch._utils", "_rebuild_tensor_v2"),
            *(storage(), whole(0), row(whole(4)), row(whole(1)), b"\x89", b"}"),
            table(neg=b"\x88"),
        ),
        "still to be negated",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_names_that_weights_do_not_need_are_refused(case, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program, words = REFUSED[case]
    for content in (archive(program), legacy(program)):
        with pytest.raises(ModelFileError, match=words):
            read(tmp_path / "a.pth", content)
    assert not (tmp_path / "bang").exists()


@pytest.mark.parametrize("case", BOMBS)
@pytest.mark.ci
def test_claims_cost_nothing(case, tmp_path):
    program, words = BOMBS[case]
    with pytest.raises(ModelFileError, match=words):
        read(tmp_path / "a.pth", archive(program))


@pytest.mark.parametrize("case", TENSORS)
def test_tensors_must_lie_within_what_is_stored(case, tmp_path):
    program, words = TENSORS[case]
    with pytest.raises(ModelFileError, match=words):
        read(tmp_path / "a.pth", archive(table(weight=program)))


# -- the archive around the pickle


def overlapping():
    """A hundred records of a megabyte, all in the same place."""
    many = {f"w{i}": tensor(shape=(2**18,), of=storage(str(i), 2**18)) for i in range(100)}
    content = bytearray(archive(table(**many), {"data/0": bytes(2**20)}))
    file = io.BytesIO(content)
    with zipfile.ZipFile(file, "a") as made:
        info = made.getinfo("archive/data/0")
        for i in range(1, 100):
            twin = zipfile.ZipInfo(f"archive/data/{i}")
            for attribute in ("header_offset", "CRC", "file_size", "compress_size"):
                setattr(twin, attribute, getattr(info, attribute))
            made.filelist.append(twin)
        made._didModify = True
    return file.getvalue()


ARCHIVES = {
    "a record that is packed": (
        lambda: archive(table(w=tensor()), compression=zipfile.ZIP_DEFLATED),
        "is compressed or encrypted",
    ),
    "records in one place": (overlapping, "is too long, or overlaps another"),
    "no pickle": (lambda: archive(b"N").replace(b"data.pkl", b"data.txt"), "holds no data.pkl"),
    "two pickles": (lambda: archive(b"N", {"../data.pkl": b""}), "holds no data.pkl, or several"),
    "no list": (lambda: archive(b"N")[:60], "damaged zip archive"),
    "a list of gigabytes": (
        lambda: archive(b"N")[:-10] + struct.pack("<II", 2**31, 0) + bytes(2),
        "damaged zip archive|lists its records",
    ),
    "a long list": (
        lambda: archive(b"N", {f"{'x' * 200}{i}": b"" for i in range(18_000)}),
        "lists its records in 4,650,952 bytes",
    ),
    "a byte order that is none": (
        lambda: archive(table(w=tensor()), {"byteorder": b"middle", "data/0": bytes(16)}),
        "its byte order is",
    ),
    "a wrong checksum": (
        lambda: archive(table(w=tensor()), {"data/0": b"weight" + bytes(10)}).replace(
            b"weight" + bytes(10), b"height" + bytes(10)
        ),
        "checksum of data/0 is wrong",
    ),
    "nothing but its mark": (lambda: b"PK\x03\x04", "damaged zip archive"),
}


@pytest.mark.parametrize("case", ARCHIVES)
def test_archives_that_pytorch_does_not_write(case, tmp_path):
    make, words = ARCHIVES[case]
    with pytest.raises(ModelFileError, match=words):
        read(tmp_path / "a.pth", make())


WEIGHT = table(weight=tensor())
OLD = {
    "only the mark": (b"\x80\x02", "is not whole"),
    "any pickle": (pickle.dumps([1, 2]), "a pickle of a list, but not one of PyTorch's"),
    "a format to come": (
        legacy(WEIGHT).replace(pickled(b"M\xe9\x03"), pickled(b"M\xea\x03")),
        "of format 1002",
    ),
    "storages cut off": (legacy(WEIGHT)[:-1], "its last storages are missing"),
    "another length": (
        legacy(WEIGHT, storages=struct.pack("<q", 5) + bytes(16)),
        "has 5 elements, but its tensors need 4",
    ),
    "a storage that is not listed": (legacy(WEIGHT, keys=()), "does not list the storage 0"),
    "a storage listed twice": (legacy(WEIGHT, keys=("0", "0")), "or it is listed twice"),
    "two kinds of one storage": (
        legacy(table(a=tensor(), b=tensor(of=storage(kind="IntStorage")))),
        "two kinds of storage",
    ),
}


@pytest.mark.parametrize("case", OLD)
def test_old_files_that_pytorch_did_not_write(case, tmp_path):
    content, words = OLD[case]
    with pytest.raises(ModelFileError, match=words):
        read(tmp_path / "a.pth", content)


# -- whole files, changed at random


def mutated(content, rng):
    """Return a file with some bytes changed, lost, doubled or moved."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        place, length = rng.randrange(len(changed)), rng.randrange(1, 60)
        how = rng.randrange(6)
        if how == 0:
            changed[place] = rng.randrange(256)
        elif how == 1:
            changed[place] ^= 1 << rng.randrange(8)
        elif how == 2:
            del changed[place : place + length]
        elif how == 3:
            changed[place:place] = changed[place : place + length]
        elif how == 4:
            changed[place : place + 8] = rng.choice((b"\xff", b"\x00", b"\x7f")) * 8
        else:
            del changed[place:]
        if not changed:
            return b"P"
    return bytes(changed)


def try_mutated(tmp_path, seeds):
    files = [DATA / file for file in ("zip.pth", "legacy.pth", "ema.pth", "checkpoint_legacy.pth")]
    contents = [file.read_bytes() for file in files]
    refused = 0
    for seed in seeds:
        rng = random.Random(seed)
        try:
            state = read(tmp_path / "a.pth", mutated(rng.choice(contents), rng))
            assert sum(array.size for array in state.values()) < 10_000
        except ModelFileError as error:
            refused += 1
            assert str(error).startswith(str(tmp_path / "a.pth"))
    return refused


def test_fifty_mutated_files_are_read_or_refused(tmp_path):
    assert 20 < try_mutated(tmp_path, range(50)) < 50


@pytest.mark.slow
def test_five_hundred_mutated_files_are_read_or_refused(tmp_path):
    assert 200 < try_mutated(tmp_path, range(1000, 1500)) < 500
