"""Find the layers in a learner's file, from its text alone: nothing is run."""

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from clearconv.doctor.body import attributes_of, methods_of, window_of
from clearconv.doctor.manners import fixed_window, pullback, set_up, way_back
from clearconv.doctor.members import free
from clearconv.doctor.named import Named
from clearconv.doctor.names import BACKWARD, FORWARD, kind_of, role_of
from clearconv.doctor.signature import Call, last_name, read_call, taken_apart

#: What a forward function or method requires, by kind; ``|`` separates equivalents.
_NEEDS = {
    "conv2d": "x weight",
    "max_pool2d": "x kernel|kernel_h|options",
    "avg_pool2d": "x kernel|kernel_h|options",
    "linear": "x weight",
    "batch_norm": "x gamma beta",
    "dropout": "x p|options",
    "softmax_cross_entropy": "x labels",
    "im2col": "x kernel|kernel_h",
    "col2im": "cols kernel|kernel_h",
}
_POOLS = ("max_pool2d", "avg_pool2d")
_INSIDE = (
    "its window size and stride appear to be hard-coded, "
    "but it does not behave like pooling with non-overlapping windows"
)
_IS_BACKWARD = re.compile(
    r"backward|backprop|bprop|_bp$|_back$|grad|deriv|prime|^d_|_bwd?$|_d[xwb]$"
    r"|r(ue|ü)ckw(ae|ä)rts|retroprop|atr[aá]s$",
    re.I,
)
#: Endings of the names of functions that compute only one gradient.
_ONE_GRADIENT = {
    "grad_x": "input inputs x dx data image",
    "grad_weight": "weight weights w dw kernel kernels filter filters",
    "grad_bias": "bias biases b db",
}
#: What is left of a function's name without direction and manner.
_MANNER = re.compile(
    r"^d_|forward|backward|backprop|fprop|bprop|fwd|bwd|derivative|deriv|gradient|grad|prime|pass|back"
    r"|vorw(?:ae|ä)rts|r(?:ue|ü)ckw(?:ae|ä)rts|adelante|atr[aá]s|naive|fast|vectori[sz]ed|loops?|_",
    re.I,
)


@dataclass(frozen=True)
class Found:
    """A layer in the learner's file.

    Attributes
    ----------
    kind : str
        "conv2d", "linear", ...
    family : str
        "functions", "class", "article" or "activator".
    name : str
        Name of the class, or of the most telling function.
    line : int
        Line of the class or function.
    calls : mapping
        "init", "forward", "backward", or the name of a result -> Call.
    attributes : tuple of str
        For a class: what it assigns to ``self``, and the keys that it uses.
    window : tuple of two int, optional
        Rows and columns of a window that only its name or text mentions: ``Conv3x3``.
    doubt : str
        What it may be instead, if its forward pass is not that of its kind; ``""`` if arguments and
        name leave no doubt.
    """

    kind: str
    family: str
    name: str
    line: int
    calls: Mapping[str, Call]
    attributes: tuple[str, ...] = ()
    window: tuple[int, int] | None = None
    doubt: str = ""


def find(source: str, named: Sequence[Named] = ()) -> list[Found]:
    """Return the layers that the file defines, in their order.

    Parameters
    ----------
    source : str
        The file's text.
    named : sequence of Named
        Functions named by the user; what they name is not searched for.

    Raises
    ------
    SyntaxError
        If it is not valid Python 3.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "\d" in the learner's strings
        tree = ast.parse(source)
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    classes = {n.name: n for n in tree.body if isinstance(n, ast.ClassDef)}
    if named:
        for one in classes.values():
            functions |= {f"{one.name}.{k}": m for k, m in methods_of(one, classes).items()}
        return list(_by_name(functions, named))
    found = list(_pairs(functions))
    for one in classes.values():
        found += list(_class(one, classes)) or list(_members(one, methods_of(one, classes)))
    return sorted(found, key=lambda one: one.line)


def _pairs(functions: Mapping[str, ast.FunctionDef]) -> Iterator[Found]:
    """Yield functions in pairs, forward and backward; a forward function alone is enough."""
    forwards: dict[str, Call] = {}
    for name, node in functions.items():
        kind = _kind(node)
        if kind and not _IS_BACKWARD.search(name):
            call = read_call(node, kind, functions, forward=True)
            if _complete(call, kind) or _window_inside(call, node, kind):
                forwards[name] = call
    stems = {_stem(name) for name in forwards}
    for name, forward in forwards.items():
        kind, node = _kind(functions[name]), functions[name]
        window = _window_inside(forward, node, kind)
        doubt = _INSIDE if window else ""
        mine = [
            other
            for other in functions.values()
            if _IS_BACKWARD.search(other.name)
            and kind_of(other.name) == kind
            and max((s for s in stems if _stem(other.name).startswith(s)), key=len, default="?")
            == _stem(name)
        ]
        for sort in _sorts(kind, forward):
            alone = {
                part: replace(_like(read_call(b, sort, functions), forward), returns=(part,))
                for b in mine
                if (part := _one_gradient(b.name, sort))
            }
            calls = [
                {"forward": forward, "backward": _like(read_call(b, sort, functions), forward)}
                for b in mine
                if not _one_gradient(b.name, sort)
            ]
            both = way_back(node, sort, functions)
            if both is not None and not mine:
                calls = [{"forward": forward, "backward": _like(both, forward)}]
            if alone:
                yield Found(sort, "functions", name, node.lineno, {"forward": forward, **alone})
            handed = pullback(node, sort)
            if handed is not None and not mine:
                calls = [{"forward": forward, "backward": handed}]
            for one in calls or ([] if alone else [{"forward": forward}]):
                last = forward if handed else one.get("backward", forward)
                yield Found(sort, "functions", last.name, node.lineno, one, (), window, doubt)


def _window_inside(call: Call, node: ast.FunctionDef, kind: str) -> tuple[int, int] | None:
    """Return the window hard-coded in a pooling function, which then takes only an image."""
    needed = [p.role for p in call.parameters if not p.optional]
    if kind not in _POOLS or needed != ["x"] or _enough({p.role for p in call.parameters}, kind):
        return None
    return fixed_window(node)


def _members(node: ast.ClassDef, methods: Mapping[str, ast.FunctionDef]) -> Iterator[Found]:
    """Yield the layers that are methods of a network, named by class and method."""
    for one in _pairs(free(methods)):
        calls = {k: replace(call, name=f"{node.name}.{call.name}") for k, call in one.calls.items()}
        yield replace(one, name=f"{node.name}.{one.name}", calls=calls)


def _one_gradient(name: str, kind: str) -> str:
    """Return the one gradient that a function of this name computes, or ``""`` for all."""
    if kind not in ("conv2d", "linear") or "_" not in name:
        return ""
    end = name.lower().rpartition("_")[2]
    return next((part for part, ends in _ONE_GRADIENT.items() if end in ends.split()), "")


def _like(backward: Call, forward: Call) -> Call:
    """Give an argument of both passes the same role in both."""
    roles = {p.name: p.role for p in forward.parameters if p.role}
    parameters = [
        p if p.role == "grad_y" else replace(p, role=roles.get(p.name, p.role))
        for p in backward.parameters
    ]
    return replace(backward, parameters=tuple(parameters))


def _kind(node: ast.FunctionDef | ast.ClassDef) -> str:
    """Return the kind that a name indicates; for a cross-entropy, whether softmax is part of it."""
    if re.search(r"cross.?entropy", node.name, re.I) and not kind_of(node.name):
        names = {last_name(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)}
        if any(re.search(r"^exp$|softmax", name, re.I) for name in names):
            return "softmax_cross_entropy"
    return kind_of(node.name)


def _sorts(kind: str, forward: Call) -> tuple[str, ...]:
    """Split a pooling function with a mode in two: max pooling and average pooling."""
    if kind == "max_pool2d" and forward.role("mode"):
        return ("max_pool2d", "avg_pool2d")
    return (kind,)


def _class(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> Iterator[Found]:
    """Yield a class that is a layer."""
    methods = methods_of(node, classes)
    kind, doubt = _kind(node), ""
    if not kind and node.name.lower().endswith("block"):
        kind, doubt = kind_of(node.name[:-5]), "a block may hold more than one layer"
    forward = next((methods[name] for name in FORWARD if name in methods), None)
    if not kind or forward is None:
        return
    calls = {"forward": read_call(forward, kind, methods, forward=True)}
    finish = set_up(methods, kind)
    if finish is not None:
        calls["setup"] = finish
    if "__init__" in methods:
        init = _constructor(read_call(methods["__init__"], kind, methods), kind)
        parameters = [
            replace(p, pair=any(taken_apart(method, p.name) for method in methods.values()))
            for p in init.parameters
        ]
        calls["init"] = replace(init, parameters=tuple(parameters))
        if finish is not None or kind == "linear":
            calls["init"] = _of_one_sample(calls["init"])
    backward = next((methods[name] for name in BACKWARD if name in methods), None)
    if backward is None and "grad" in methods and len(methods["grad"].args.args) == 2:
        backward = methods["grad"]  # the pass back, not a gradient that it holds
    if backward is not None:
        calls["backward"] = _like(read_call(backward, kind, methods), calls["forward"])
    for part, name in (("grad_x", "bp_sensitivity_map"), ("grad_weight", "bp_gradient")):
        if name in methods and backward is None:
            calls[part] = read_call(methods[name], kind, methods)
    given = {
        p.role for name in ("init", "forward") if name in calls for p in calls[name].parameters
    }
    attributes, window = attributes_of(methods), window_of(node.name)
    if kind in _POOLS and not window and not {"kernel", "kernel_h"} & given:
        window = fixed_window(forward)
        doubt = doubt or (_INSIDE if window else "")
    given |= {"kernel"} if window else set()
    known = given | {role_of(name, kind) for name in attributes} - {"x"}
    if not _enough(known, kind) or not _plain(calls.get("init"), kind):
        return
    family = "class"
    if {"height", "width"} <= given and kind in ("conv2d", "max_pool2d", "avg_pool2d"):
        family = "article"
    elif backward is not None and not calls["backward"].role("grad_y"):
        family = "activator" if kind in ("relu", "sigmoid") else "class"
    for sort in _sorts(kind, calls.get("init", calls["forward"])):
        yield Found(sort, family, node.name, node.lineno, calls, attributes, window, doubt)


def _of_one_sample(init: Call) -> Call:
    """Read a shape that a layer is given beforehand without an axis for the batch."""
    roles = {"x_shape": "sample_shape"}
    parameters = tuple(replace(p, role=roles.get(p.role, p.role)) for p in init.parameters)
    return replace(init, parameters=parameters)


def _plain(init: Call | None, kind: str) -> bool:
    """Whether a class without weights takes none: otherwise it is more than its name says."""
    needed = [p.role for p in init.parameters if not p.optional] if init else []
    return kind not in ("softmax", "softmax_cross_entropy") or not any(
        role in ("", "in_channels", "out_channels", "weight") for role in needed
    )


def _by_name(functions: Mapping[str, ast.FunctionDef], named: Sequence[Named]) -> Iterator[Found]:
    """Yield what the user named, one layer per kind."""
    for kind in dict.fromkeys(one.kind for one in named):
        calls = {}
        for one in named:
            if one.kind == kind and one.function in functions:
                forward = one.part == "forward"
                call = read_call(
                    functions[one.function], kind, functions, forward=forward, sure=True
                )
                calls[one.part] = replace(_overruled(call, one), name=one.function)
        if calls:
            first = min(calls.values(), key=lambda call: call.lines)
            yield Found(kind, "functions", first.name, first.lines[0], calls)


def _overruled(call: Call, named: Named) -> Call:
    """Take the roles of arguments and results from the user's own words."""
    if named.roles:
        parameters = tuple(
            replace(p, role=role) for p, role in zip(call.parameters, named.roles, strict=False)
        )
        call = replace(call, parameters=parameters + call.parameters[len(parameters) :])
    if named.returns:
        call = replace(call, returns=named.returns)
    elif named.part not in ("forward", "backward"):
        call = replace(call, returns=(named.part,))
    return call


def _complete(call: Call, kind: str) -> bool:
    """Whether every argument without a default is understood, and what is needed is there."""
    if not all(p.role or p.optional for p in call.parameters):
        return False
    return bool(call.parameters) and _enough({p.role for p in call.parameters}, kind)


def _enough(given: set[str], kind: str) -> bool:
    if kind == "conv2d" and "out_channels" in given:
        if given & {"in_channels", "x_shape", "sample_shape", "kernel"}:
            given = given | {"weight"}
    if kind == "linear" and given >= {"in_channels", "out_channels"}:
        given = given | {"weight"}
    return all(given & set(one.split("|")) for one in _NEEDS.get(kind, "x").split())


def _constructor(init: Call, kind: str) -> Call:
    """``filters`` is a number beside a kernel's size; ``kernel`` is one beside channels."""
    if kind not in ("conv2d", "linear"):
        return init
    init = _counts(init) if kind == "linear" else init
    roles = {p.role for p in init.parameters}
    changed = []
    for p in init.parameters:
        if p.role == "weight" and roles & {"kernel", "kernel_h", "in_channels"}:
            p = replace(p, role="out_channels" if "out_channels" not in roles else "kernel")
        changed.append(p)
    return replace(init, parameters=tuple(changed))


def _counts(init: Call) -> Call:
    """Read two arguments that no name explains as the numbers of inputs and outputs."""
    counts = ("in_channels", "out_channels")
    unknown = ("", "x", "y", "grad_y", *counts)
    needed = [p for p in init.parameters if not p.optional]
    if len(needed) != 2 or not all(p.role in unknown for p in needed):
        return init
    roles = dict(zip((p.name for p in needed), counts, strict=True))
    if needed[0].role == "out_channels" or needed[1].role == "in_channels":
        roles = dict(zip(roles, reversed(counts), strict=True))
    parameters = [replace(p, role=roles.get(p.name, p.role)) for p in init.parameters]
    return replace(init, parameters=tuple(parameters))


def _stem(name: str) -> str:
    return _MANNER.sub("", name).lower()
