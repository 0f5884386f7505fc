"""The names that a file may use, and what stands for each; nothing else is looked up anywhere.

A pickle is a program: it names functions and says what to call them with. Here a name is a key of
a table. It leads to a function of this file, to a mark, or to nothing, never to the function that
it names, so a file cannot run anything, whatever it says.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from clearconv.exchange.pytorch.tensors import DTYPES, STORAGES, Tensor, tensor
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown


@dataclass(frozen=True)
class Other:
    """Something that is not a tensor, of which only the kind is known: it is ignored."""

    kind: str


@dataclass(frozen=True)
class Name:
    """A name in the file: what a call of it gives, and the dtype that it stands for, if any."""

    name: str
    call: Callable[..., Any] | None = None
    storage: str | None = None
    dtype: str | None = None


def _ordered(pairs: Any = ()) -> dict[str, Any]:
    """Stand for ``collections.OrderedDict``; Python 2 gave it a list of pairs."""
    if not all(type(pair) in (list, tuple) and type(pair[0]) is str for pair in pairs):
        raise ValueError  # the hash of another key might take hours
    return dict(pairs)


def _rebuild_v2(storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> Tensor:
    """Stand for ``_rebuild_tensor_v2``: `more` is requires_grad, hooks and, rarely, marks."""
    _check_marks(*more[2:3])
    return tensor(storage, offset, size, stride)


def _rebuild_v3(storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> Any:
    """Stand for ``_rebuild_tensor_v3``, which names the dtype of an untyped storage."""
    _check_marks(*more[3:4])
    kind = more[2] if len(more) > 2 else None
    if isinstance(kind, Other):
        return Other(f"a tensor of {kind.kind}")
    if not isinstance(kind, Name) or kind.dtype is None:
        raise UnreadableError("is damaged: a tensor has no dtype")
    return tensor(storage, offset, size, stride, kind.dtype)


def _check_marks(marks: Any = None) -> None:
    """Raise if a tensor is stored with its sign or its imaginary part still to be changed."""
    if isinstance(marks, Mapping) and any(marks.values()):
        raise UnreadableError(
            "has a tensor that is still to be negated or conjugated. In PyTorch save "
            "tensor.resolve_neg().resolve_conj()"
        )


def _parameter(data: Any, *more: Any) -> Any:
    """Stand for ``_rebuild_parameter``: what matters is the tensor."""
    return data


def _from_type(function: Any, kind: Any, arguments: Any, state: Any) -> Any:
    """Stand for ``_rebuild_from_type_v2``: a tensor with attributes, which are ignored."""
    if not isinstance(function, Name) or function.call is None or type(arguments) is not tuple:
        raise UnreadableError("is damaged: a tensor's parts are of the wrong kind")
    return function.call(*arguments)


def _size(numbers: Any = ()) -> Any:
    """Stand for ``torch.Size``, which is a tuple."""
    return numbers


_CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered,
    "torch._utils._rebuild_tensor": tensor,
    "torch._utils._rebuild_tensor_v2": _rebuild_v2,
    "torch._utils._rebuild_tensor_v3": _rebuild_v3,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "torch._tensor._rebuild_from_type_v2": _from_type,
    "torch.Size": _size,
}
#: Kinds that a checkpoint holds beside weights. An `Other` stands for them.
_IGNORED = frozenset(
    """
    argparse.Namespace collections.Counter collections.defaultdict _codecs.encode
    builtins.bytearray builtins.complex builtins.dict builtins.float builtins.frozenset builtins.int
    builtins.list builtins.range builtins.set builtins.slice builtins.str builtins.tuple
    __builtin__.set __builtin__.frozenset
    datetime.date datetime.datetime datetime.timedelta datetime.timezone
    numpy.dtype numpy.ndarray numpy.core.multiarray.scalar numpy.core.multiarray._reconstruct
    numpy._core.multiarray.scalar numpy._core.multiarray._reconstruct
    pathlib.Path pathlib.PosixPath pathlib.PurePosixPath pathlib.PureWindowsPath
    pathlib.WindowsPath pathlib._local.Path pathlib._local.PosixPath pathlib._local.WindowsPath
    torch.Tensor torch._C._nn.Parameter torch.nn.parameter.Parameter torch.device
    torch.serialization._get_layout torch._utils._get_layout
    torch.float8_e4m3fn torch.float8_e5m2 torch.float8_e4m3fnuz torch.float8_e5m2fnuz
    torch.complex64 torch.complex128
    """.split()
)


def named(module: str, name: str) -> Any:
    """Return what stands for a name.

    Raises
    ------
    UnreadableError
        If it is not one of the few that a state dict needs; the message says which.
    """
    whole = f"{module}.{name}"
    if whole in _CALLS:
        return Name(whole, _CALLS[whole])
    if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
        return Name(whole, storage=STORAGES[name])
    if module == "torch" and name in DTYPES:
        return Name(whole, dtype=name)
    if whole in _IGNORED:
        return Other(whole)
    raise UnreadableError(
        f"names {shown(whole)}, which is refused: weights need no such thing, and nothing in the "
        "file is ever run. If it is a checkpoint that you trust, save the weights alone in "
        "PyTorch: torch.save(model.state_dict(), 'weights.pth')"
    )


def called(function: Any, arguments: Any) -> Any:
    """Return what stands for the result of a call in the file."""
    if isinstance(function, Other):
        return function
    if not isinstance(function, Name) or function.call is None or type(arguments) is not tuple:
        what = function.name if isinstance(function, Name) else type(function).__name__
        raise UnreadableError(f"is damaged: it calls {shown(what)}")
    try:
        return function.call(*arguments)
    except (IndexError, TypeError, ValueError):
        raise UnreadableError(f"is damaged: wrong arguments of {function.name}") from None
