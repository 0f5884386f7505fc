"""Names from the model down, joined by dots."""


def join(path: str, name: str) -> str:
    """Join two parts of a path; an empty part adds nothing."""
    return f"{path}.{name}" if path and name else path or name
