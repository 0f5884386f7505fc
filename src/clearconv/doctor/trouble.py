"""What stopped a learner's code, in one sentence and with the likeliest remedy."""

import re
from collections.abc import Mapping
from typing import Any

#: (type, pattern of the message) -> what it means. The first match counts.
_MEANINGS = (
    ("NameError", "'xrange'", "xrange is Python 2's; Python 3 calls it range"),
    ("NameError", "'raw_input'|'unicode'|'reduce'", "the name is Python 2's"),
    ("TypeError", "'float' object cannot be interpreted as an integer|slice indices must be|"
     "expected a sequence of integers",
     "a size is not a whole number: in Python 3 / gives a fraction, // a whole number"),
    ("IndexError", "only integers, slices",
     "an index is not a whole number: in Python 3 / gives a fraction, // a whole number"),
    ("TypeError", "'map' object|'range' object|'zip' object|'filter' object",
     "Python 3's map, zip and range are not lists; write list(...) around it"),
    ("ModuleNotFoundError|ImportError", "", "the library is not installed here"),
    ("EOFError", "", "it waits for input(), and nobody is there to type"),
    ("MemoryError|_ArrayMemoryError", "", "it asked for more memory than it may use; `memory` "
     "gives more"),
    ("RecursionError", "", "a function calls itself without end"),
    ("SystemExit", "", "it ends the program instead of going on"),
    ("KeyboardInterrupt", "", "it ended itself"),
    ("FileNotFoundError", "", "a file that it reads is not there"),
    ("ValueError", "truth value of an array", "max() and if compare single numbers; for arrays "
     "write np.maximum or np.where"),
    ("NoValue", "", "say what its arguments are with `functions`"),
)  # fmt: skip


def sentence(trouble: Mapping[str, Any], loading: bool = False) -> str:
    """Describe what happened, where, and what it may mean.

    Parameters
    ----------
    trouble : mapping
        Error from the sandbox: type, message; line, text and where if they are known.
    loading : bool
        Whether the file was being loaded.
    """
    kind, message = trouble["type"], trouble["message"]
    place = _place(trouble)
    if kind == "Timeout":
        doing = "loading the file" if loading else "this case"
        said = f"it was stopped after {message}{place or f' in {doing}'}"
        if loading:
            return f"{said}: it seems to train or show something when it is loaded"
        return f"{said}: a loop may not end; `seconds` gives more time"
    if kind == "Ended":
        return f"the process ended {message}"
    if kind in ("BadResult", "TooLarge"):
        return f"{message}{place}"
    said = f"{kind}: {message}{place}" if message else f"{kind}{place}"
    if kind == "NoValue":
        said = message
    meaning = next(
        (m for k, p, m in _MEANINGS if re.fullmatch(k, kind) and re.search(p, message)), ""
    )
    return f"{said}; {meaning}" if meaning else said


def with_text(trouble: dict[str, Any], source: str) -> dict[str, Any]:
    """Add the learner's line if only its number is known."""
    lines = source.splitlines()
    if trouble.get("line") and not trouble.get("text") and trouble["line"] <= len(lines):
        return {**trouble, "text": lines[trouble["line"] - 1].strip()}
    return trouble


def syntax(error: SyntaxError) -> str:
    """Describe why a file is not valid Python 3."""
    said = f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg)
    text = (error.text or "").strip()
    two = "Missing parentheses in call to 'print'" in str(error.msg)
    two = two or bool(re.match(r"(print|exec) |except \w+, ", text)) or "inconsistent" in said
    hint = "; it looks like Python 2, and this is Python 3" if two else ""
    if text.startswith(("%", "!")):
        hint = "; it is a notebook's command, not Python: put a # before it"
    return f"{said}{f' ({text})' if text else ''}{hint}"


def refuses(trouble: Mapping[str, Any], part: str) -> bool:
    """Whether the code itself says that it does not take such a case.

    An assertion that doubts the code's own result is not a refusal, nor is one in the backward
    pass, which receives nothing that the code has not seen.
    """
    if trouble.get("about") == "result":
        return False
    if trouble["type"] == "AssertionError":
        return part in ("construction", "forward")
    return trouble["type"] == "NotImplementedError" or raised(trouble)


def raised(trouble: Mapping[str, Any]) -> bool:
    """Whether the learner's own line raises it, not Python or NumPy."""
    text = str(trouble.get("text", ""))
    return trouble["type"] == "AssertionError" or bool(re.search(r"(^|: *)(raise|assert)\b", text))


def ended(trouble: Mapping[str, Any]) -> str:
    """Return the message of Python or NumPy, if a known mistake may have caused it."""
    if raised(trouble) or trouble["type"] not in ("IndexError", "TypeError", "ValueError"):
        return ""
    return f"{trouble['type']}: {trouble['message']}"


def misfit(error: str) -> bool:
    """Whether an error says that shapes or places do not fit each other.

    Parameters
    ----------
    error : str
        Type and message.
    """
    return bool(re.match(_MISFITS, error)) and not re.search(_OTHERWISE, error)


#: Messages of NumPy and Python if sizes do not fit, and messages with other reasons.
_MISFITS = r"IndexError|ValueError|TypeError: only .*(length-1|0-dimensional|size-1)"
_OTHERWISE = "only integers|truth value|unpack|could not convert|invalid literal|dtype"


def _place(trouble: Mapping[str, Any]) -> str:
    if "line" not in trouble:
        return ""
    text = f" ({trouble['text']})" if trouble.get("text") else ""
    return f" in line {trouble['line']}{text}"
