"""Docstrings as text: numpydoc sections, and their TeX formulas written in one line."""

import re
from textwrap import dedent, fill, indent, wrap

_WIDTH = 79
_FIXED = "\N{NO-BREAK SPACE}"
_COMMANDS = {
    "sum": "Σ", "prod": "Π", "partial": "∂", "infty": "∞", "cdot": "·", "times": "×", "pm": "±",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "in": "∈", "to": "→",
    "leftarrow": "←",
    "odot": "⊙", "approx": "≈", "nabla": "∇", "ldots": "...", "dots": "...", "cdots": "...",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε",
    "eta": "η", "theta": "θ", "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ",
    "tau": "τ", "phi": "φ", "omega": "ω", "Delta": "Δ", "Sigma": "Σ",
    "log": "log", "ln": "ln", "exp": "exp", "max": "max", "min": "min", "arg": "arg ",
    "argmax": "argmax", "cos": "cos", "sin": "sin", "tanh": "tanh",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "left": "", "right": "",
    "big": "", "Big": "",
    "quad": "\u2003", "qquad": "\u2003", ",": " ", ";": " ", ":": " ", "!": "", " ": " ",
    "{": "{", "}": "}", "|": "‖",
}  # fmt: skip
#: Signs that take the set they run over in braces: Σ{c,i,j}, not an index: w[o,c,i,j].
_RUN_OVER = ("Σ", "Π", "max", "min")
_POWERS = str.maketrans("0123456789-T", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻ᵀ")
_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|[{}_^]|\s+|.")


def sections(docstring: str) -> dict[str, str]:
    """Split a numpydoc docstring; the text before the first heading is under ``""``."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", docstring, flags=re.MULTILINE)
    return {
        "": parts[0].strip(),
        **dict(zip(parts[1::2], map(str.rstrip, parts[2::2]), strict=True)),
    }


def first_line(docstring: str | None) -> str:
    """Return the sentence that a docstring opens with."""
    return _inline((docstring or "").strip().partition("\n")[0])


def readable(text: str) -> str:
    """Lay out reStructuredText for a terminal: paragraphs filled, formulas on lines of their own.

    Tables and other indented or ruled lines are kept as they are.
    """
    return "\n\n".join(_block(block) for block in re.split(r"\n\s*\n", text.strip("\n")))


def arguments(section: str) -> list[tuple[str, str]]:
    """Return (name, type) of a Parameters or Returns section; without a type, the description."""
    found = []
    for entry in re.split(r"\n(?=\S)", section) if section else ():
        head, _, description = entry.partition("\n")
        name, _, kind = head.partition(" : ")
        found.append((name, _inline(kind or " ".join(dedent(description).split()))))
    return found


def formula(tex: str) -> str:
    r"""Write TeX in one line: ``\sum_{i,j} w_{i,j}`` becomes ``Σ{i,j} w[i,j]``.

    Commands that are not known stay as they are.
    """
    tokens = _TOKEN.findall(" ".join(tex.split()))
    text = re.sub(" {2,}", " ", _sequence(tokens))
    text = re.sub(r"([\[({]) | (?=[\])},])", r"\1", text)
    return re.sub(" *\u2003 *", "   ", text).strip()


def _block(block: str) -> str:
    lines = block.split("\n")
    if lines[0].startswith(".. math::"):
        tex = " ".join([lines[0].removeprefix(".. math::"), *lines[1:]])
        return _filled_formula(formula(tex))
    if len(lines) > 2 and set(lines[0]) <= {"=", " "}:  # a table
        return indent("\n".join(_inline(line) for line in lines[1:-1]), "    ")
    if lines[0].startswith((" ", "- ", "* ")):
        return "\n".join(_inline(line) for line in lines)
    return fill(_inline(" ".join(lines)), _WIDTH)


def _filled_formula(text: str) -> str:
    """Give each of several formulas a line, and break long ones outside brackets only."""
    lines = []
    for part in text.split("   "):
        depth, kept = 0, []
        for character in part:
            depth += (character in "([{") - (character in ")]}")
            kept.append(_FIXED if character == " " and depth > 0 else character)
        lines += wrap("".join(kept), _WIDTH - 8, break_long_words=False, subsequent_indent="    ")
    return indent("\n".join(lines), "    ").replace(_FIXED, " ")


def _inline(text: str) -> str:
    """Resolve roles and backquotes."""
    text = re.sub(r":math:`([^`]*)`", lambda found: formula(found[1]), text)
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text)
    return re.sub(r"``?([^`]+)``?", r"\1", text)


def _sequence(tokens: list[str]) -> str:
    """Read tokens up to the brace that closes this group."""
    text = ""
    while tokens:
        token = tokens.pop(0)
        if token == "}":
            break
        if token in ("_", "^"):
            part = _group(tokens).strip()
            text = (_lowered if token == "_" else _raised)(text.rstrip(), part)
        else:
            text += _one(token, tokens)
    return text


def _one(token: str, tokens: list[str]) -> str:
    """Read one token with the groups that belong to it."""
    if token == "{":
        return _sequence(tokens)
    if not token.startswith("\\"):
        return token
    name = token[1:]
    if name == "frac":
        above, below = _group(tokens), _group(tokens)
        return f"{_bracketed(above)}/{_bracketed(below)}"
    if name == "hat":
        return _group(tokens) + "\N{COMBINING CIRCUMFLEX ACCENT}"
    if name == "sqrt":
        return f"√({_group(tokens)})"
    if name in ("text", "mathrm", "operatorname"):
        return _group(tokens)
    return _COMMANDS.get(name, token)


def _group(tokens: list[str]) -> str:
    """Read what a command or a script applies to: braces, or one token."""
    while tokens and tokens[0].isspace():
        tokens.pop(0)
    return _one(tokens.pop(0), tokens) if tokens else ""


def _lowered(text: str, part: str) -> str:
    if text.endswith(_RUN_OVER):
        return f"{text}{{{part}}}"
    return f"{text}_{part}" if len(part) == 1 else f"{text}[{part}]"


def _raised(text: str, part: str) -> str:
    if re.fullmatch(r"-?\d+|T", part):
        return text + part.translate(_POWERS)
    if re.fullmatch(r"[a-z]{2,}", part):
        return f"{text}_{part}"
    return f"{text}^{part}" if len(part) == 1 else f"{text}^({part})"


def _bracketed(text: str) -> str:
    return text if re.fullmatch(r"\w+|[\w ]*\w\[[^\]]*\]", text) else f"({text})"
