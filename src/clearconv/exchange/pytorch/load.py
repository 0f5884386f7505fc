"""``load_pytorch``: the weights of a ``.pth``, ``.pt`` or ``.bin`` file, without PyTorch."""

import os
from pathlib import Path

from clearconv.errors import ModelFileError
from clearconv.exchange.pytorch.archive import Archive
from clearconv.exchange.pytorch.choice import choose
from clearconv.exchange.pytorch.legacy import Legacy
from clearconv.exchange.pytorch.tensors import Contents
from clearconv.exchange.pytorch.unreadable import UnreadableError
from clearconv.exchange.state_dict import StateDict
from clearconv.files import open_file
from clearconv.saving.foreign import LOOK, looks_like

_ZIP, _PICKLE = b"PK\x03\x04", b"\x80"
_TAR, _TAR_AT = b"ustar", 257


def is_pytorch(head: bytes) -> bool:
    """Return whether a file that begins like this may be one that `load_pytorch` reads."""
    return head.startswith((_ZIP, _PICKLE))


def load_pytorch(path: str | Path, key: str | None = None) -> StateDict:
    """Read the weights of a file that ``torch.save`` wrote; nothing in it is run.

    A pickle is a program. This reader does not run it: it knows plain data and the few names that a
    state dict needs, and refuses every other name. No memory is taken for what is only claimed: the
    arrays take no more than the file, or twice that where half precision becomes float32.

    Parameters
    ----------
    path : str or Path
        A state dict, or a checkpoint that holds one. Both formats of PyTorch are read: the zip
        archives written since version 1.6, and the older one.
    key : str, optional
        Entry of a checkpoint that holds the state dict, such as ``"state_dict"``. By default the
        first of the usual ones is taken (``clearconv.exchange.pytorch.choice.KEYS``), averaged
        weights before others.

    Returns
    -------
    StateDict
        Name -> array, as ``load_state_dict`` takes it. float16 and bfloat16 become float32, all
        else keeps its dtype. Tensors that share memory in PyTorch share it here. Its ``notes`` say
        what was taken and what was ignored.

    Raises
    ------
    ModelFileError
        If it is not such a file, is damaged, or names anything that weights do not need.

    Examples
    --------
    >>> import clearconv
    >>> state = clearconv.load_pytorch("mobilenet_v2-b0353104.pth")  # doctest: +SKIP
    >>> model = clearconv.models.create("mobilenet_v2", 1000).build((3, 224, 224))
    >>> model.load_state_dict(state)  # doctest: +SKIP
    Unmatched(missing_keys=[], unexpected_keys=[])
    """
    path = Path(path)
    try:
        with open_file(path) as file:
            size, head = os.fstat(file.fileno()).st_size, file.read(LOOK)
            if not is_pytorch(head):
                raise UnreadableError(_instead(path, head))
            opened = Archive(file, size) if head.startswith(_ZIP) else Legacy(file, size)
            chosen = choose(opened.content(), key)
            contents = Contents(opened.read, opened.swapped)
            arrays = {name: contents.array(one) for name, one in chosen.tensors.items()}
    except UnreadableError as error:
        raise ModelFileError(f"{path} {error}.") from None
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}.") from None
    except MemoryError:
        raise ModelFileError(
            f"{path}: a file of {size:,} bytes does not fit into memory."
        ) from None
    return StateDict(arrays, chosen.notes, chosen.ignored)


def _instead(path: Path, head: bytes) -> str:
    """Say what a file is that PyTorch did not write."""
    if head[_TAR_AT : _TAR_AT + len(_TAR)] == _TAR:
        return (
            "is a tar archive, as PyTorch wrote before 2017. Load it in PyTorch, and save it again "
            "with torch.save"
        )
    seems = looks_like(path, head)
    return f"is not a file of PyTorch's{f', but seems to be {seems}' if seems else ''}"
