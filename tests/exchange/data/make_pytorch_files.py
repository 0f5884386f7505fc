"""Write the PyTorch files that the tests read: ``python make_pytorch_files.py``, with torch 2.13.

Their numbers are those of `numbers` in ``tests/exchange/pytorch_files.py``, so the tests need no
torch. ``big_endian.pth`` is what torch 2.13 writes on a big-endian machine: the same records with
the bytes of each number in the other order, and the other mark.
"""

import argparse
import zipfile
from collections import OrderedDict
from pathlib import Path

import torch

HERE = Path(__file__).parent


def tensors():
    base = torch.arange(42, dtype=torch.float32).reshape(6, 7) / 8
    return OrderedDict(
        whole=base,
        turned=base.t(),  # the three share a storage
        row=base[2],
        every_other=base[::2, 1::3],
        half=(torch.arange(12, dtype=torch.float32).reshape(3, 4) / 4 - 1).half(),
        bfloat16=(torch.arange(10, dtype=torch.float32) * 0.5 - 2).bfloat16(),
        double=torch.arange(3, dtype=torch.float64) / 3,
        number=torch.tensor(3.5),
        count=torch.tensor(7),
        small=torch.arange(-3, 3, dtype=torch.int8),
        truth=torch.tensor([True, False, True]),
        empty=torch.empty(0, 3),
        parameter=torch.nn.Parameter(torch.arange(4, dtype=torch.float32).reshape(2, 2)),
        last=(torch.arange(120, dtype=torch.float32).reshape(2, 3, 4, 5)).contiguous(
            memory_format=torch.channels_last
        ),
    )


def legacy(content, path):
    torch.save(content, path, _use_new_zipfile_serialization=False)


def main():
    torch.save(tensors(), HERE / "zip.pth")
    legacy(tensors(), HERE / "legacy.pth")
    torch.save(tensors(), HERE / "protocol4.pt", pickle_protocol=4)
    wide = {"unsigned": torch.tensor([1, 65535], dtype=torch.uint16)}
    wide["tiny"] = torch.ones(2).to(torch.float8_e4m3fn)
    torch.save(wide, HERE / "unsigned.pth")
    torch.serialization.set_crc32_options(False)
    torch.save({"weight": torch.ones(2)}, HERE / "no_checksums.pth")
    torch.serialization.set_crc32_options(True)
    inner = torch.nn.DataParallel(torch.nn.Sequential(torch.nn.Linear(3, 2)))
    with torch.no_grad():
        inner.module[0].weight.copy_(torch.arange(6).reshape(2, 3))
        inner.module[0].bias.zero_()
    optimiser = torch.optim.Adam(inner.parameters(), lr=0)
    inner(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    state = inner.state_dict()
    averaged = torch.optim.swa_utils.AveragedModel(inner.module)
    checkpoint = {
        "epoch": 4,
        "best_acc1": torch.tensor(71.5),
        "args": argparse.Namespace(lr=0.1),
        "optimizer": optimiser.state_dict(),
        "state_dict": state,
    }
    torch.save(checkpoint, HERE / "checkpoint.pth")
    legacy(checkpoint, HERE / "checkpoint_legacy.pth")
    torch.save({**checkpoint, "model_ema": averaged.state_dict()}, HERE / "ema.pth")
    torch.save({"encoder": dict(state), "decoder": dict(state)}, HERE / "two.bin")
    torch.save(inner.module, HERE / "whole_model.pth")
    torch.save({"weight": torch.ones(1).expand(1000, 1000)}, HERE / "expanded.pth")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), HERE / "script.pt")
    swap(HERE / "zip.pth", HERE / "big_endian.pth")


def swap(source, target):
    """Write a file as a big-endian machine does."""
    sizes = {str(i): n for i, n in enumerate((4, 2, 2, 8, 4, 8, 1, 1, 4, 4, 4))}
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            content, name = old.read(info), info.filename.rpartition("/")[2]
            if name == "byteorder":
                content = b"big"
            elif "/data/" in info.filename:
                size = sizes[name]
                content = b"".join(
                    content[i : i + size][::-1] for i in range(0, len(content), size)
                )
            new.writestr(info.filename.replace("zip/", "big_endian/"), content)


if __name__ == "__main__":
    main()
