"""Docstrings keep what they promise: each documents exactly the parameters of its signature.

Every public function and class has a docstring. What a package exports must list its parameters
there; whatever lists them must list those of the signature.
"""

import ast
import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src" / "clearconv"
TELLINGS = {"loops.py", "matrix.py", "cases.py"}  # a telling's docstring is one line


def public(source):
    """Yield (qualified name, definition, docstring) of every public function and class."""

    def walk(body, prefix):
        for node in body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and node.name[0] != "_":
                yield prefix + node.name, node, ast.get_docstring(node)
                if isinstance(node, ast.ClassDef):
                    yield from walk(node.body, f"{prefix}{node.name}.")

    return walk(ast.parse(source).body, "")


def signature(node, classes=()):
    """Return the names of the arguments, with their stars; None where a class takes none.

    `classes` are those of the file by name: one without an ``__init__`` (or ``__new__``) may
    inherit one of theirs.
    """
    if isinstance(node, ast.ClassDef):
        made_by = ("__init__", "__new__")
        inits = [n for n in node.body if isinstance(n, ast.FunctionDef) and n.name in made_by]
        if not inits:
            bases = [base for base in map(ast.unparse, node.bases) if base in classes]
            return signature(classes[bases[0]], classes) if bases else None
        node = inits[0]
    args = node.args
    names = [arg.arg for arg in (*args.posonlyargs, *args.args)]
    # *positional only catches PyTorch's order, to answer with the line to write
    if args.vararg and args.vararg.arg != "positional":
        names.append(f"*{args.vararg.arg}")
    names += [arg.arg for arg in args.kwonlyargs]
    names += [f"**{args.kwarg.arg}"] if args.kwarg else []
    return [name for name in names if name not in ("self", "cls")]


def documented(docstring, section="Parameters"):
    """Return the names under a numpydoc heading; None where there is no such heading."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", docstring, re.M | re.S)
    if not found:
        return None
    names = []
    for line in found[1].splitlines():
        if line and not line[0].isspace():
            names += [name.strip() for name in line.split(" : ")[0].split(",")]
    return names


def fields(node):
    """Return the fields of a dataclass; None where the class is none."""
    if not any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
        return None
    return [n.target.id for n in node.body if isinstance(n, ast.AnnAssign)]


def faults(source, exported):
    """List what public docstrings leave out or make up; `exported` names must list parameters.

    A class documents the arguments of its ``__init__``, a dataclass its fields as attributes.
    """
    found = []
    nodes = ast.walk(ast.parse(source))
    classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}
    for name, node, docstring in public(source):
        if not docstring:
            found.append(f"{name} has no docstring")
            continue
        wanted, section = signature(node, classes), "Parameters"
        if isinstance(node, ast.ClassDef) and fields(node) is not None:
            wanted, section = fields(node), "Attributes"
        got = documented(docstring, section)
        if got is None and (not wanted or name not in exported):
            continue
        if sorted(got or []) != sorted(wanted or []):
            found.append(f"{name}: signature {wanted}, docstring {got}")
    return found


def exports(file):
    """Return the names that the packages above a file hand on from it."""
    parts = ("clearconv", *file.relative_to(SRC).with_suffix("").parts)
    module = ".".join(part for part in parts if part != "__init__")
    names = set()
    for folder in (folder for folder in file.parents if folder.is_relative_to(SRC)):
        text = (folder / "__init__.py").read_text()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == module:
                for alias in node.names:  # a contract imports for itself, too
                    if alias.asname or f'"{alias.name}"' in text:
                        names.add(alias.name)
    return names


def files():
    for file in sorted(SRC.rglob("*.py")):
        parts = file.relative_to(SRC).parts
        private = any(p.startswith("_") and p != "__init__.py" for p in parts)
        if not private and not (parts[0] == "ops" and file.name in TELLINGS):
            yield file.relative_to(SRC).as_posix()


@pytest.mark.parametrize("file", list(files()))
def test_docstrings_name_the_parameters_of_the_signature(file):
    assert faults((SRC / file).read_text(), exports(SRC / file)) == []


DOCUMENTED = '''
def f(x, *rest, y=1, **more):
    """Do it.

    Parameters
    ----------
    x : int
        One.
    *rest
        Two.
    y : int
        Three: text.
    **more
        Four.

    Returns
    -------
    z : int
        Five.
    """
'''


def test_the_check_can_fail():
    assert faults(DOCUMENTED, {"f"}) == []
    for old, new in (
        ("y=1", "w=1"),
        ("x, ", "x, z, "),
        ("*rest, ", "*, "),
        (", **more", ""),
        ("    x : int\n        One.\n", ""),
        ("    y : int", "    y, z : int"),
    ):
        assert faults(DOCUMENTED.replace(old, new, 1), set()), old
    other = DOCUMENTED.replace("Parameters", "Arguments")
    assert faults(other, {"f"}) and not faults(other, set())
    assert faults("def f(x): pass", set()) == ["f has no docstring"]
    assert faults("def _f(x): pass", {"_f"}) == []
    made = 'class C:\n    """C."""\n    def __init__(self, a): pass'
    assert faults(made, {"C"}) and not faults(made, set())
    assert faults(made.replace("a)", "*positional)"), {"C"}) == []
    heir = made + '\nclass D(C):\n    """D.\n\n    Parameters\n    ---\n    a\n    """'
    assert faults(heir, {"D"}) == [] and faults(heir.replace("    a\n", "    b\n"), set())
    data = '@dataclass\nclass C:\n    """C.\n\n    Attributes\n    ---\n    b\n    """\n    a: int'
    assert faults(data, set()) and not faults(data.replace("a:", "b:"), {"C"})


def test_exports_are_found():
    assert "Conv2d" in exports(SRC / "layers" / "convolution" / "conv2d.py")
    assert "gradient_check" in exports(SRC / "gradient_checking.py")
    assert "Source" in exports(SRC / "data" / "sources" / "source.py")
    assert "match" in exports(SRC / "doctor" / "matching.py")
