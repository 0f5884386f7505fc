"""A telling's source, read from its files: a function and the helpers that it uses there."""

import ast
import inspect
import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from os.path import normpath
from pathlib import Path
from types import ModuleType


@dataclass(frozen=True)
class Excerpt:
    """Lines of a file that belong together.

    Attributes
    ----------
    path : Path
        The file.
    language : str
        ``"python"`` or ``"cpp"``.
    pieces : tuple of (int, str)
        First line number and text of each piece, in the file's order.
    elsewhere : tuple of str
        Helpers from other files, as ``"gather (ops/geometry/patches.py)"``.
    """

    path: Path
    language: str
    pieces: tuple[tuple[int, str], ...]
    elsewhere: tuple[str, ...] = ()


def excerpts(chapter: str, function: str, telling: str) -> tuple[Excerpt, ...]:
    """Return the source of a function in one telling, empty if it has none of its own.

    The file that defines the function comes first, then the chapter's files that it includes.

    Parameters
    ----------
    chapter, function : str
        Such as ``"conv2d"``, ``"backward_weight"``.
    telling : {"loops", "matrix", "native"}
        The file that is read first.

    Raises
    ------
    FileNotFoundError
        If the source of the native telling is not part of this installation.
    """
    if telling == "native":
        path = Path(str(_module(chapter).__file__)).parent / "native" / "native.cpp"
        bind = path.with_name("bind.cpp")  # the only file of a chapter that runs another's kernels
        return _compiled(path if path.exists() or not bind.exists() else bind, function)
    found = _python(_module(f"{chapter}.{telling}"), function)
    return (found,) if found else ()


def contract(chapter: str, function: str) -> Excerpt:
    """Return a public function of a chapter without its docstring."""
    module = _module(chapter)
    lines, first = inspect.getsourcelines(getattr(module, function))
    body = ast.parse("".join(lines)).body[0]
    assert isinstance(body, ast.FunctionDef)
    note = body.body[0]  # the docstring: every public function has one
    pieces = (
        (first, "".join(lines[: note.lineno - 1]).rstrip()),
        (first + (note.end_lineno or 0), "".join(lines[note.end_lineno :]).rstrip()),
    )
    return Excerpt(Path(str(module.__file__)), "python", pieces)


def _python(module: ModuleType, function: str) -> Excerpt | None:
    text = inspect.getsource(module)
    lines, tree = text.splitlines(), ast.parse(text)
    blocks = {defined: node for node in tree.body for defined in _defines(node)}
    if not isinstance(blocks.get(function), ast.FunctionDef | ast.Assign | ast.AnnAssign):
        return None
    uses = {defined: _names(node) for defined, node in blocks.items()}
    wanted = {blocks[defined] for defined in _reach(function, uses)}
    pieces = tuple(
        (_start(node, lines), "\n".join(lines[_start(node, lines) - 1 : node.end_lineno]))
        for node in sorted(wanted, key=lambda node: node.lineno)
    )
    used = set().union(*(_names(node) for node in wanted))
    return Excerpt(Path(str(module.__file__)), "python", pieces, tuple(_imported(tree, used)))


@cache
def _module(name: str) -> ModuleType:
    return import_module(f"clearconv.ops.{name}")


def _defines(node: ast.stmt) -> list[str]:
    """Return the names that a top-level statement defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _names(node: ast.AST) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def _reach(start: str, uses: dict[str, set[str]]) -> set[str]:
    """Follow uses within the file."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in uses and name not in found:
            found.add(name)
            waiting.extend(uses[name])
    return found


def _start(node: ast.stmt, lines: list[str]) -> int:
    """Return the first line of a statement with its decorators and the comment above it."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    start = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    while start > 1 and lines[start - 2].startswith("#"):
        start -= 1
    return start


def _imported(tree: ast.Module, used: set[str]) -> list[str]:
    """List the functions in use that other chapters or shared files of ops define."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clearconv.ops"):
            for alias in node.names:
                name, whole = alias.asname or alias.name, f"{node.module}.{alias.name}"
                # a telling of another chapter, or one function of a file
                where = whole if whole in sys.modules else str(node.module)
                where = where.removeprefix("clearconv.").replace(".", "/")
                if name in used and name[0].islower():
                    found.append(f"{name} ({where}.py)" if "/" in where else name)
    return found


def _compiled(path: Path, function: str) -> tuple[Excerpt, ...]:
    """Find a function in C++ whose definitions start at the left margin."""
    files = {file: _cpp_blocks(text) for file, text in _with_headers(path).items()}
    uses: dict[str, set[str]] = {}
    for name, _, body in (block for blocks in files.values() for block in blocks):
        code = re.sub(r"//.*", "", body)
        # only the type of an enumeration (Task::forward): functions may have its members' names
        code = re.sub(r"\b([A-Z]\w*[a-z]\w*)::\w+", r"\1", code)
        code = "" if re.match(r"\s*enum\b", code) else code
        uses.setdefault(name, set()).update(re.findall(r"\w+", code))
    if all(name != function for name, _, _ in files[path]):
        return ()
    reached = _reach(function, uses)
    found = []
    for file, blocks in files.items():
        pieces = tuple((line, body) for name, line, body in blocks if name in reached)
        if pieces:
            found.append(Excerpt(file, "cpp", pieces))
    return tuple(found)


def _with_headers(path: Path) -> dict[Path, str]:
    """Read a C++ file and the headers of its chapter that it includes, the file itself first."""
    chapter, package = path.parent, Path(str(_module("tellings").__file__)).parents[1]
    texts: dict[Path, str] = {}
    waiting = [path]
    while waiting:
        file = waiting.pop(0)
        if file not in texts:
            texts[file] = file.read_text(encoding="utf-8")
            for name in re.findall(r'^#include "([^"]+)"', texts[file], flags=re.MULTILINE):
                near = Path(normpath(file.parent / name))  # compilers look there first
                header = near if near.exists() else package / name
                if header.is_relative_to(chapter) and header.exists():
                    waiting.append(header)
    return texts


def _cpp_blocks(text: str) -> list[tuple[str, int, str]]:
    """Return name, first line and text of every definition, with the comment above it."""
    found = []
    lines = text.splitlines()
    depth, start = 0, None  # of braces; index of the first line of a definition
    for number, line in enumerate(lines):
        code = re.sub(r"//.*", "", line)
        if depth == 0 and (not line.strip() or re.match(r"#|(inline )?namespace\b|\}", line)):
            start = None
            continue
        start = number if start is None else start
        depth += code.count("{") - code.count("}")
        if depth == 0 and code.rstrip().endswith(("}", ";")):
            body = "\n".join(lines[start : number + 1])
            name = _cpp_name(body)
            if name:
                found.append((name, start + 1, body))
            start = None
    return found


def _cpp_name(body: str) -> str | None:
    """Return the name that is defined: a type, a constant or a function."""
    code = re.sub(r"//.*|\btemplate\s*<[^>]*>", "", body)
    kind = re.match(r"\s*(?:struct|class|enum)\s+(\w+)", code)
    constant = re.match(r"\s*(?:inline |static )*constexpr\b[^=({]*?(\w+)\s*=", code)
    called = re.search(r"(\w+)\s*\(", code)
    found = kind or constant or called
    return found[1] if found else None
