"""im2col and col2im, and how they go wrong: plain implementations with the mistakes as switches."""

from collections.abc import Callable, Mapping

import numpy as np

from clearconv.doctor.kinds._geometry import Geometry, narrow
from clearconv.doctor.kinds._kind import Arrays, Case, Convention, Kind, Limits
from clearconv.doctor.kinds._numbers import draw
from clearconv.doctor.kinds._passes import doubled, through
from clearconv.doctor.kinds._window_slips import crop, look, need, steps_back
from clearconv.doctor.kinds._windows import (
    Array,
    Options,
    output_size,
    overwriting,
    positions,
    spot,
)
from clearconv.doctor.kinds._words import slips as words
from clearconv.doctor.kinds.conv2d_cases import GEOMETRIES, SMALL

_ORDER = Convention(
    "order",
    "in which order a patch lies in its column",
    {
        "channels-first": "channel by channel, in each row by row, as weight.reshape(O, -1) lies",
        "channels-last": "row by row, at each place all channels",
    },
    ("cols", "x"),
)


def compute_im2col(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Copy every patch into a column."""
    if "true-division" in slips:
        return {}
    order = conventions.get("order", "channels-first")
    return through({"cols": lambda: _im2col(case.arrays["x"], case.options, slips, order)}, slips)


def compute_col2im(case: Case, slips: frozenset[str], conventions: Mapping[str, str]) -> Arrays:
    """Add every column back to its patch."""
    if "true-division" in slips:
        return {}
    order = conventions.get("order", "channels-first")
    a, o = case.arrays, case.options
    results = through({"x": lambda: _col2im(a["cols"], o["x_shape"], o, slips, order)}, slips)
    return results | doubled(results, ("x",) if "input-not-cleared" in slips else ())


def _im2col(x: Array, o: Options, slips: frozenset[str], order: str) -> Array:
    """The patch of output position (p, q) is column p * OW + q."""
    N, C = x.shape[:2]
    x, output, stride, dilation = look(x, o, slips)
    columns = []
    for p, q in positions(output):
        patch = x[spot((p, q), o["kernel"], stride, dilation)]  # (N, C, KH, KW)
        need(patch.shape[2:] == o["kernel"])
        if "rows-and-columns-exchanged" in slips:
            patch = patch.swapaxes(2, 3)
        if order == "channels-last":
            patch = patch.transpose(0, 2, 3, 1)
        columns.append(patch.reshape(N, -1))  # (N, C·KH·KW)
    if "positions-exchanged" in slips:
        columns = [columns[p * output[1] + q] for q, p in positions(output[::-1])]
    cols = np.stack(columns, 2)  # (N, C·KH·KW, OH·OW)
    if "forward-first-image" in slips:
        cols[1:] = 0
    if "first-channel" in slips:
        cols.reshape(N, C, -1)[:, 1:] = 0
    return cols


def _col2im(
    cols: Array, x_shape: tuple[int, ...], o: Options, slips: frozenset[str], order: str
) -> Array:
    """Column p * OW + q goes back to the patch of output position (p, q), and is added there."""
    (N, C, H, W), (KH, KW), (ph, pw) = x_shape, o["kernel"], o["padding"]
    (OH, OW), (stride, dilation) = output_size((H, W), o), steps_back(o, slips)
    canvas = np.zeros((N, C, H + 2 * ph, W + 2 * pw))
    visits = np.zeros_like(canvas)
    for p, q in overwriting((OH, OW), slips, "assign-elements"):
        if "input-square" in slips and q >= OH:
            continue
        column = cols[:, :, q * OH + p if "positions-exchanged" in slips else p * OW + q]
        patch = column.reshape(N, C, KH, KW)
        if order == "channels-last":
            patch = column.reshape(N, KH, KW, C).transpose(0, 3, 1, 2)
        if "rows-and-columns-exchanged" in slips:
            patch = column.reshape(N, C, KW, KH).swapaxes(2, 3)
        at = spot((p, q), (KH, KW), stride, dilation)
        canvas[at] = patch if slips & {"assign", "assign-elements"} else canvas[at] + patch
        visits[at] += 1
    if "averaged" in slips:
        canvas = canvas / np.maximum(visits, 1)
    if "input-square" in slips:
        need(OH <= OW)
    return crop(canvas, (H, W), o, slips)


def _cases(geometries: tuple[Geometry, ...], limits: Limits, whole: bool, back: bool) -> list[Case]:
    made = []
    for g in narrow(list(geometries), limits):
        (OH, OW), (KH, KW) = g.output(), g.kernel
        x_shape, cols_shape = (g.N, g.C, *g.image), (g.N, g.C * KH * KW, OH * OW)
        shapes = {"cols": cols_shape} if back else {"x": x_shape}
        options = {**g.options(), "x_shape": x_shape, "cols_shape": cols_shape}
        made.append(Case(g.name, draw(f"im2col {g.name}", shapes, whole), options))
    return made


def _made(
    name: str,
    given: str,
    result: str,
    compute: Callable[[Case, frozenset[str], Mapping[str, str]], Arrays],
) -> Kind:
    """Return the kind of one direction: `given` goes in, `result` comes out."""
    back = given == "cols"
    return Kind(
        name=name,
        inputs=(given,),
        results=(result,),
        slips=words(name),
        conventions=(_ORDER,),
        make_cases=lambda limits: _cases(GEOMETRIES, limits, whole=False, back=back),
        make_small=lambda limits: _cases(SMALL, limits, whole=True, back=back),
        compute=compute,
    )


IM2COL = _made("im2col", "x", "cols", compute_im2col)
COL2IM = _made("col2im", "cols", "x", compute_col2im)
