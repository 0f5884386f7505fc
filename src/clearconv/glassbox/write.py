"""A trace as a page: choose its contents, pack them, add scripts and style."""

import json
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from clearconv.errors import RunError
from clearconv.files import write_atomically
from clearconv.glassbox.batch import images
from clearconv.glassbox.choice import Picks, choose
from clearconv.glassbox.formulas import display, prose
from clearconv.glassbox.views import Views
from clearconv.pages import check_replaceable, page
from clearconv.tracing import Trace
from clearconv.words import utf8

#: Scripts in the order in which they need each other.
_SCRIPTS = (
    *("numbers", "planes", "meet", "influence", "steps", "batch", "told", "rows", "figures"),
    *("play", "sandbox", "bench", "glass"),
)
_BYTES = 6_800_000  # of numbers; base64 turns three bytes into four characters


def glass_box(
    trace: Trace,
    *,
    title: str = "Glass box",
    lead: Sequence[str] = (),
    picture: str = "",
    layers: Sequence[str] = (),
    maps: Sequence[int] | None = None,
    start: str | None = None,
    spell: Callable[[str], str] = str,
) -> str:
    """Return a traced pass as one page that needs no other file.

    Parameters
    ----------
    trace : Trace
        Result of ``clearconv.trace``; the first image of its batch is shown.
    title : str
        Heading of the page.
    lead : sequence of str
        Paragraphs below it, plain text.
    picture : str
        HTML of a picture of the image, for instance from ``clearconv.pages.picture``.
    layers : sequence of str
        Paths of layers, or of containers, whose maps the page must all hold, with all inputs; for
        the others it holds as many as fit.
    maps : sequence of int, optional
        Only these maps of `layers`.
    start : str, optional
        Layer that is open at first; by default the first with a choice.
    spell : callable, optional
        How the page names an argument of this function, which is in backticks: the command line
        uses its flag.

    Returns
    -------
    html : str
        Page of less than 10 MB, however large the network.

    Raises
    ------
    ArgumentError
        If there is no such layer or map, or they alone exceed a page.
    """
    picks = choose(trace, _BYTES, layers, maps)
    views = Views(trace, picks)
    described = views.layers()
    for layer in described:
        layer["note"] = spell(layer["note"])
    opened = _opened(described, start or (layers[0] if layers else None))
    data = {
        "arrays": views.packing.arrays,
        "layers": described,
        "names": views.names,
        "images": images(trace.loss, len(trace.layers[0].y)),
        "sources": views.sources,
        "start": opened,
    }
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    body = templates.get_template("page.html").render(
        title=title,
        lead=lead,
        picture=Markup(picture),
        held=spell(_held(trace, picks)),
        formulas=[Markup(display(latex)) for latex in views.formulas],
        remarks=[Markup(prose(text)) for text in views.remarks],
        data=Markup(_json(data)),
    )
    scripts = [_file(f"{name}.js") for name in _SCRIPTS]
    return page(title, body, kind="glass box", style=_file("glassbox.css"), scripts=scripts)


def write_glass_box(path: str | Path, trace: Trace, **options: Any) -> Path:
    """Write the page of a trace.

    Parameters
    ----------
    path : str or Path
        File to write; an existing page of clearconv is replaced.
    trace : Trace
        Traced pass.
    **options
        As for ``glass_box``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    RunError
        If the file cannot be written, or exists and is not a page of clearconv. It is kept then.
    ArgumentError
        As ``glass_box`` raises it.
    """
    path = Path(path)
    check_replaceable(path, "glass box")
    html = glass_box(trace, **options)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, utf8(html))
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror or error}). Is it a folder, the disk full, "
            "or the place write-protected?"
        ) from None
    return path


def _opened(layers: Sequence[dict[str, Any]], start: str | None) -> int:
    """Return the number of the layer that is open at first: a layer with views."""
    shown = [place for place, layer in enumerate(layers) if layer["views"]]
    for place in shown:
        path = layers[place]["path"]
        if start is not None and (path == start or path.startswith(f"{start}.")):
            return place
    return shown[1] if len(shown) > 1 else shown[0]


def _held(trace: Trace, picks: Picks) -> str:
    """Describe how much of the pass the page holds."""
    whole = [one for one in trace.layers if len(picks[one.path]) == one.y.shape[1]]
    none = [one for one in trace.layers if not picks[one.path]]
    if len(whole) == len(trace.layers):
        return "Every number of the pass is on this page."
    text = (
        f"This page holds all maps of {len(whole)} of {len(trace.layers)} layers, and the first "
        "few of the others, so that it stays below 10 MB; each layer says which."
    )
    if none:
        text += f" Left out completely: {', '.join(one.path for one in none)}."
    return f"{text} `layers=[NAME]` includes all of a layer."


def _json(data: dict[str, Any]) -> str:
    """Write JSON that is safe inside a script element, whatever the names in it."""
    try:
        text = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise RunError(
            "The pass holds numbers that are NaN or infinite, which a page cannot show. The model "
            "and the image must give finite numbers; clearconv.trace shows where they end."
        ) from None
    return text.replace("<", "\\u003c")


def _file(name: str) -> str:
    return files(__package__).joinpath("page", name).read_text("utf-8")
