"""The house as text: its modules, and what each of them imports.

Everything is read off the source text, so a file need not be importable to be judged. Rules take a
mapping of module -> source, so that they can be tried on faults that nobody has made yet.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "clearconv"

Sources = Mapping[str, str]


class Import(NamedTuple):
    """One module that a file imports.

    `kind` is "now" (when the file is), "late" (in a function), "asked" (in a package's
    ``__getattr__``), "type" (under TYPE_CHECKING), "named" (by ``import_module``), or "found" (the
    same, where the end of the name is computed).
    """

    line: int
    module: str
    name: str | None  # what is taken out of it, unless that is the module itself
    kind: str
    known_as: str | None = None  # what the file calls it


def modules() -> dict[str, Path]:
    """Return every module's name and file."""
    found = {}
    for file in sorted(SRC.rglob("*.py")):
        parts = ("clearconv", *file.relative_to(SRC).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


FILES = modules()
SOURCES = {module: file.read_text() for module, file in FILES.items()}


def is_package(module: str, sources: Sources) -> bool:
    """Whether other modules lie below this one: it is a folder's ``__init__``."""
    return any(other.startswith(f"{module}.") for other in sources)


def room(module: str, sources: Sources) -> str:
    """Return the folder that a module stands in; a package stands in its own."""
    return module if is_package(module, sources) else module.rpartition(".")[0]


def part(module: str) -> str | None:
    """Return the room or file at the top of the house that a module belongs to."""
    names = module.split(".")
    if len(names) == 1:
        return None
    return {"__main__": "cli", "_native": "native"}.get(names[1], names[1])


def is_within(module: str, place: str) -> bool:
    """Whether a module is a room, or lies in it."""
    return module == place or module.startswith(f"{place}.")


@cache
def parsed(source: str) -> ast.Module:
    """Parse a source text once."""
    return ast.parse(source)


def house_imports(source: str, sources: Sources) -> Iterator[Import]:
    """Yield what a source text imports of the house."""
    for found in imports(source):
        if found.module.split(".")[0] == "clearconv":
            whole = f"{found.module}.{found.name}"
            yield found._replace(module=whole, name=None) if whole in sources else found


def foreign_imports(source: str) -> Iterator[Import]:
    """Yield what a source text imports of neither the house nor the standard library."""
    for found in imports(source):
        if found.module.split(".")[0] not in {"clearconv", *sys.stdlib_module_names}:
            yield found


@cache
def imports(source: str) -> tuple[Import, ...]:
    """Return everything that a source text imports, in whatever way."""
    return tuple(_below(parsed(source), "now"))


def _below(tree: ast.AST, kind: str) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (
                Import(node.lineno, alias.name, None, kind, alias.asname or alias.name)
                for alias in node.names
            )
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"line {node.lineno}: in full"
            yield from (
                Import(node.lineno, node.module, a.name, kind, a.asname or a.name)
                for a in node.names
            )
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from _below(ast.Module(node.body, []), "type")
            yield from _below(ast.Module(node.orelse, []), kind)
        else:
            if isinstance(node, ast.Call) and (name := _looked_up(node)):
                kind_of_name = "found" if name.endswith(".") else "named"
                yield Import(node.lineno, name.rstrip("."), None, kind_of_name)
            inside = kind
            if kind == "now" and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                inside = "asked" if node.name == "__getattr__" and node.col_offset == 0 else "late"
            yield from _below(node, inside)


def _looked_up(call: ast.Call) -> str | None:
    """Return the name that ``import_module`` is given, as far as the text tells it."""
    if ast.unparse(call.func).split(".")[-1] not in ("import_module", "__import__"):
        return None
    given = call.args[0]
    if isinstance(given, ast.JoinedStr) and given.values:
        given = given.values[0]
    return given.value if isinstance(given, ast.Constant) else None  # else it comes from elsewhere
