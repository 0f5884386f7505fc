"""PyTorch's files, read without PyTorch: what torch 2.13 wrote is what comes out."""

import numpy as np
import pytest
from pytorch_files import (
    DATA,
    archive,
    call,
    legacy,
    name,
    numbers,
    row,
    storage,
    table,
    tensor,
    text,
    whole,
)

import clearconv
from clearconv import load_pytorch
from clearconv.errors import ModelFileError

ALIKE = ("zip.pth", "legacy.pth", "protocol4.pt", "big_endian.pth")


@pytest.mark.parametrize("file", ALIKE)
def test_every_number_comes_out(file):
    state, expected = load_pytorch(DATA / file), numbers()
    assert list(state) == list(expected)
    for key, values in expected.items():
        assert state[key].dtype == values.dtype and state[key].shape == values.shape, key
        assert np.array_equal(state[key], values), key
    assert state.notes == state.ignored == ()


def test_tensors_that_share_memory_share_it_here():
    state = load_pytorch(str(DATA / "zip.pth"))
    state["whole"][2] = 9
    assert (state["row"] == 9).all() and (state["turned"][:, 2] == 9).all()


def test_dtypes_that_numpy_lacks_are_named():
    state = load_pytorch(DATA / "unsigned.pth")
    assert state["unsigned"].tolist() == [1, 65535] and state["unsigned"].dtype == np.uint16
    assert [*state] == ["unsigned"]
    assert state.ignored == ("tiny (a tensor of torch.float8_e4m3fn)",)


def test_a_file_without_checksums():
    assert load_pytorch(DATA / "no_checksums.pth")["weight"].tolist() == [1, 1]


# -- checkpoints


@pytest.mark.parametrize("file", ["checkpoint.pth", "checkpoint_legacy.pth"])
def test_of_a_checkpoint_the_weights_are_taken_and_the_rest_is_listed(file):
    state = load_pytorch(DATA / file)
    assert state["0.weight"].tolist() == [[0, 1, 2], [3, 4, 5]] and len(state) == 2
    assert state.notes == (
        "the weights are those of its entry 'state_dict'",
        "'module.' is left out at the beginning of each name",
        "ignored: epoch (int), best_acc1 (a tensor), args (argparse.Namespace), "
        "optimizer (dict of 2 entries)",
    )
    assert clearconv.Sequential(clearconv.Linear(2, name="0")).build((3,)).load_state_dict(
        state
    ) == ([], [])


def test_averaged_weights_come_first_unless_others_are_asked_for():
    averaged, plain = load_pytorch(DATA / "ema.pth"), load_pytorch(DATA / "ema.pth", "state_dict")
    assert "model_ema" in averaged.notes[0] and "state_dict" not in averaged.notes[0]
    assert [*averaged] == [*plain] == ["0.weight", "0.bias"]  # without n_averaged
    with pytest.raises(ModelFileError, match="no entry 'nothing' with weights.*state_dict"):
        load_pytorch(DATA / "ema.pth", "nothing")


def test_where_several_entries_have_weights_the_reader_must_choose(tmp_path):
    with pytest.raises(ModelFileError, match=r"several entries: encoder, decoder.*key='encoder'"):
        load_pytorch(DATA / "two.bin")
    assert [*load_pytorch(DATA / "two.bin", "decoder")] == ["0.weight", "0.bias"]
    deep = table(model=table(state_dict=table(weight=tensor())), lr=whole(1))
    (tmp_path / "deep.pt").write_bytes(archive(deep))
    state = load_pytorch(tmp_path / "deep.pt")
    assert [*state] == ["weight"] and "'model.state_dict'" in state.notes[0]
    assert [*load_pytorch(tmp_path / "deep.pt", "model.state_dict")] == ["weight"]


def test_what_wrappers_put_before_names_is_left_out(tmp_path):
    for prefix in ("module.", "_orig_mod.", "module._orig_mod.", "model."):
        entries = {f"{prefix}{key}": tensor() for key in ("weight", "bias")}
        (tmp_path / "a.pth").write_bytes(archive(table(**entries)))
        assert [*load_pytorch(tmp_path / "a.pth")] == ["weight", "bias"]
    entries = {"module.weight": tensor(), "bias": tensor()}  # not of every name: a layer's own
    (tmp_path / "a.pth").write_bytes(archive(table(**entries)))
    assert [*load_pytorch(tmp_path / "a.pth")] == [*entries]


def test_what_early_versions_wrote(tmp_path):
    """``_rebuild_tensor``, texts of Python 2, storages within storages, lists of pairs."""
    part = row(text("1"), whole(1), whole(2))
    view = row(
        *(text("storage"), name("torch", "FloatStorage"), text("0"), text("cpu"), whole(4), part)
    )
    old = call(
        name("torch._utils", "_rebuild_tensor"),
        view + b"Q",
        whole(0),
        row(whole(2)),
        row(whole(1)),
    )
    pairs = b"](](" + b"U\x01w" + old + b"ee"
    content = call(name("collections", "OrderedDict"), pairs)
    data = (4).to_bytes(8, "little") + np.arange(4, dtype="<f4").tobytes()
    (tmp_path / "a.pth").write_bytes(legacy(content, storages=data))
    assert load_pytorch(tmp_path / "a.pth")["w"].tolist() == [1, 2]


# -- files that are refused


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("whole_model.pth", "names torch.nn.modules.container.Sequential, which is refused.*save"),
        ("script.pt", "TorchScript program, which is refused.*torch.jit.load"),
        ("expanded.pth", "shape .1000, 1000. and strides .0, 0. that reaches beyond the 1 num"),
        ("make_pytorch_files.py", "not a file of PyTorch's, but seems to be a text file"),
        ("nowhere.pth", "cannot be read: No such file"),
        ("", "cannot be read: Is a directory"),
    ],
)
def test_what_is_not_a_state_dict_is_named(file, words):
    with pytest.raises(ModelFileError, match=words):
        load_pytorch(DATA / file)


@pytest.mark.oracle
@pytest.mark.parametrize(
    "file",
    ["zip.pth", "legacy.pth", "big_endian.pth", "no_checksums.pth"],  # it warns of protocol 4
)
def test_pytorch_reads_the_same(file):
    torch = pytest.importorskip("torch")
    state = load_pytorch(DATA / file)
    theirs = torch.load(DATA / file, weights_only=True)
    assert list(state) == list(theirs)
    for key, value in theirs.items():
        half = value.dtype in (torch.float16, torch.bfloat16)
        value = (value.detach().float() if half else value.detach()).numpy()
        assert state[key].dtype == value.dtype and np.array_equal(state[key], value), key


@pytest.mark.oracle
@pytest.mark.parametrize("legacy_format", [True, False])
def test_what_pytorch_writes_here_is_read(legacy_format, tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4)).half()
    torch.save(
        module.state_dict(), tmp_path / "a", _use_new_zipfile_serialization=not legacy_format
    )
    state = load_pytorch(tmp_path / "a")
    for key, value in module.state_dict().items():
        assert np.array_equal(state[key], value.float() if value.is_floating_point() else value)


def test_storage_in_the_tests_is_pytorchs(tmp_path):
    """The files written by hand are as PyTorch's, so that refusals are for the right reason."""
    for content in (archive(table(weight=tensor())), legacy(table(weight=tensor(of=storage())))):
        (tmp_path / "a.pth").write_bytes(content)
        assert load_pytorch(tmp_path / "a.pth")["weight"].tolist() == [0, 0, 0, 0]
