"""Which part of a checkpoint is the state dict."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearconv.exchange.pytorch.allowed import Name, Other
from clearconv.exchange.pytorch.tensors import Tensor
from clearconv.exchange.pytorch.unreadable import UnreadableError, shown
from clearconv.words import counted, some

#: Where checkpoints keep their weights; the first of these that holds tensors is taken. Averaged
#: weights come first: they are those with which a model is tested.
KEYS = tuple(
    """
    model_ema state_dict_ema ema_state_dict ema
    state_dict model_state_dict model_state model net network module weights params
    """.split()
)
#: What wrappers of a model put before each name.
_PREFIXES = ("module.", "_orig_mod.", "model.")
_COUNTERS = ("n_averaged",)  # of torch.optim.swa_utils, beside the wrapped model's names
_DEEPEST = 3


@dataclass(frozen=True)
class Chosen:
    """A state dict.

    Attributes
    ----------
    tensors : dict
        Name -> tensor, without what wrappers put before the names.
    notes : tuple of str
        What was taken and what was changed: a line each.
    ignored : tuple of str
        What else is there: names with their kinds.
    """

    tensors: dict[str, Tensor]
    notes: tuple[str, ...]
    ignored: tuple[str, ...]


def choose(content: Any, key: str | None = None) -> Chosen:
    """Return the state dict within what a file holds.

    A dict with one of `KEYS` that leads to tensors is entered, at most three deep; otherwise its
    own tensors are taken, otherwise those of its only entry that has any.

    Parameters
    ----------
    content : object
        The pickled object.
    key : str, optional
        The entry that holds the state dict; dots lead on into entries.

    Raises
    ------
    UnreadableError
        If there is none, or there are several to choose from.
    """
    path: list[str] = []
    ignored: list[str] = []
    for name in key.split(".") if key else ():
        inside = content.get(name) if isinstance(content, dict) else None
        if not isinstance(inside, dict):
            known = some(_with_tensors(content)) if isinstance(content, dict) else "nothing"
            raise UnreadableError(f"has no entry {shown(name)!r} with weights; there are {known}")
        ignored += _others(content, name)
        content = inside
        path.append(name)
    while not key and isinstance(content, dict) and len(path) < _DEEPEST:
        inside = _entry(content)
        if inside is None:
            break
        ignored += _others(content, inside)
        content = content[inside]
        path.append(inside)
    tensors = _tensors(content)
    if not tensors:
        raise UnreadableError(
            f"holds no weights by name: {_kind(content)}. In PyTorch: "
            "torch.save(model.state_dict(), 'weights.pth')"
        )
    ignored += _others(content, None)
    notes = [f"the weights are those of its entry {'.'.join(map(shown, path))!r}"] if path else []
    tensors, prefix = _bare(tensors)
    if prefix:
        notes.append(f"{prefix!r} is left out at the beginning of each name")
    if ignored:
        notes.append(f"ignored: {some(ignored)}")
    return Chosen(tensors, tuple(notes), tuple(ignored))


def _entry(content: dict[Any, Any]) -> str | None:
    """Return the entry to go into, or None if the dict itself is the state dict."""
    inner = _with_tensors(content)
    for name in KEYS:
        if name in inner:
            return name
    if _tensors(content) or not inner:
        return None
    if len(inner) > 1:
        raise UnreadableError(
            f"has weights in several entries: {some(map(shown, inner))}. Say which: "
            f"`clearconv.load_pytorch(FILE, key={inner[0]!r})`"
        )
    return inner[0]


def _with_tensors(content: dict[Any, Any]) -> list[str]:
    """Return the entries that are state dicts, or lead to one by a known key."""
    return [
        name
        for name, value in content.items()
        if type(name) is str and type(value) is dict and (_tensors(value) or _leads(value, 1))
    ]


def _leads(content: dict[Any, Any], depth: int) -> bool:
    return depth < _DEEPEST and any(
        type(value) is dict and bool(_tensors(value) or _leads(value, depth + 1))
        for value in map(content.get, KEYS)
    )


def _tensors(content: Any) -> dict[str, Tensor]:
    if type(content) is not dict:
        return {}
    return {
        name: value
        for name, value in content.items()
        if type(name) is str and isinstance(value, Tensor)
    }


def _others(content: dict[Any, Any], taken: str | None) -> list[str]:
    """Name the entries that are not taken: all but one, or all that are not tensors."""
    return [
        f"{shown(name)} ({_kind(value)})"
        for name, value in content.items()
        if (name != taken if taken is not None else not isinstance(value, Tensor))
        or type(name) is not str
    ]


def _kind(value: Any) -> str:
    """Name a kind; what is inside is never shown, since it may be endless."""
    if isinstance(value, Other):
        return shown(value.kind)
    if isinstance(value, Name):
        return shown(value.name)
    if isinstance(value, Tensor):
        return "a tensor"
    if isinstance(value, (Mapping, list, tuple)):
        return f"{type(value).__name__} of {counted(len(value), 'entry', 'entries')}"
    return "None" if value is None else type(value).__name__


def _bare(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Return the tensors without the prefixes that every name has, and these."""
    prefix = ""
    while True:
        names = [name for name in tensors if name not in _COUNTERS]
        found = next((p for p in _PREFIXES if names and all(n.startswith(p) for n in names)), None)
        if found is None or any(name == found for name in names):
            return tensors, prefix
        prefix += found
        tensors = {name.removeprefix(found): tensors[name] for name in names}
