"""Load a learner's file in the child: all of it, or, if that fails, only its definitions."""

import ast
import sys
from pathlib import Path
from types import ModuleType

_NAME = "learner"  # not __main__: a guarded demo does not run


def load(path: Path, source: str) -> ModuleType:
    """Run the whole file like an import."""
    module = _module(path)
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def load_definitions(path: Path, source: str) -> ModuleType:
    """Run imports, functions, classes and plain assignments; leave out what fails."""
    module = _module(path)
    for node in ast.parse(source).body:
        if not _defines(node):
            continue
        for part in _parts(node):
            try:
                code = compile(ast.Module([part], []), str(path), "exec")
                exec(code, module.__dict__)
            except Exception:  # an absent library, a path that is not there
                continue
    return module


def _module(path: Path) -> ModuleType:
    module = ModuleType(_NAME)
    module.__file__ = str(path)
    root, names = _package(path)
    module.__package__ = ".".join(names)
    sys.path += [str(folder) for folder in (root, path.parent.parent)]
    sys.modules[_NAME] = module  # dataclasses and pickles of the learner's look there
    return module


def _package(path: Path) -> tuple[Path, list[str]]:
    """Return the root of the packages that contain a file, and their names, outermost first."""
    root = path.parent
    names: list[str] = []
    while (root / "__init__.py").exists() and root.name.isidentifier():
        names.insert(0, root.name)
        root = root.parent
    if not names and "from ." in path.read_text("utf-8", "replace"):
        return root.parent, [root.name]
    return root, names


def _defines(node: ast.stmt) -> bool:
    """Whether a statement is only a definition."""
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    if isinstance(node, kinds):
        return True
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        return not any(isinstance(inner, ast.Call) for inner in ast.walk(node.value))
    return isinstance(node, ast.Try) and all(_defines(inner) for inner in node.body)


def _parts(node: ast.stmt) -> list[ast.stmt]:
    """Split ``import a, b``, so that a missing module does not stop the other import."""
    if not isinstance(node, ast.Import):
        return [node]
    return [ast.copy_location(ast.Import([alias]), node) for alias in node.names]
