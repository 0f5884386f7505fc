"""Right convolutions and pools as text, in every style that learners write them in.

All take pairs (rows, columns) and images (N, C, H, W); `right_programs` wraps them into the
interfaces of courses, books and articles.
"""

_SIZES = """\
    N, C, H, W = {shape}
    KH, KW = {kernel}
    (sh, sw), (ph, pw), (dh, dw) = stride, pad, dilation
    OH = (H + 2 * ph - dh * (KH - 1) - 1) // sh + 1
    OW = (W + 2 * pw - dw * (KW - 1) - 1) // sw + 1
"""
_FORWARD = "def slide(x, w, b, stride, pad, dilation=(1, 1)):\n" + _SIZES.format(
    shape="x.shape", kernel="w.shape[2:]"
)
_BACKWARD = "def hand_back(g, x, w, stride, pad, dilation=(1, 1)):\n" + _SIZES.format(
    shape="x.shape", kernel="w.shape[2:]"
)
_PADDED = "    xp = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))\n"
_CUT = "    return {dx}[:, :, ph : ph + H, pw : pw + W], dw_, g.sum(axis=(0, 2, 3))\n"

#: Style -> ``slide(x, w, b, stride, pad, dilation)``, the convolution.
SLIDE = {
    "loops": _FORWARD
    + """\
    out = np.zeros((N, len(w), OH, OW), dtype=x.dtype)
    for n in range(N):
        for o in range(len(w)):
            for p in range(OH):
                for q in range(OW):
                    total = b[o]
                    for c in range(C):
                        for i in range(KH):
                            for j in range(KW):
                                r, t = p * sh + i * dh - ph, q * sw + j * dw - pw
                                if 0 <= r < H and 0 <= t < W:
                                    total = total + x[n, c, r, t] * w[o, c, i, j]
                    out[n, o, p, q] = total
    return out
""",
    "patches": _FORWARD
    + _PADDED
    + """\
    out = np.zeros((N, len(w), OH, OW), dtype=x.dtype)
    for p in range(OH):
        for q in range(OW):
            rows = slice(p * sh, p * sh + dh * (KH - 1) + 1, dh)
            cols = slice(q * sw, q * sw + dw * (KW - 1) + 1, dw)
            for o in range(len(w)):
                out[:, o, p, q] = np.sum(xp[:, :, rows, cols] * w[o], axis=(1, 2, 3)) + b[o]
    return out
""",
    "taps": _FORWARD
    + _PADDED
    + """\
    out = np.zeros((N, len(w), OH, OW), dtype=x.dtype)
    for i in range(KH):
        for j in range(KW):
            seen = xp[:, :, i * dh :: sh, j * dw :: sw][:, :, :OH, :OW]
            out += np.einsum("ncpq,oc->nopq", seen, w[:, :, i, j])
    return out + b.reshape(1, -1, 1, 1)
""",
    "matrix": _FORWARD
    + _PADDED
    + """\
    col = np.empty((N, OH, OW, C, KH, KW), dtype=x.dtype)
    for i in range(KH):
        for j in range(KW):
            seen = xp[:, :, i * dh : i * dh + sh * OH : sh, j * dw : j * dw + sw * OW : sw]
            col[:, :, :, :, i, j] = seen[:, :, :OH, :OW].transpose(0, 2, 3, 1)
    out = np.dot(col.reshape(N * OH * OW, -1), w.reshape(len(w), -1).T) + b
    return out.reshape(N, OH, OW, -1).transpose(0, 3, 1, 2)
""",
    "strides": _FORWARD
    + _PADDED
    + """\
    view = np.lib.stride_tricks.sliding_window_view(
        xp, (dh * (KH - 1) + 1, dw * (KW - 1) + 1), axis=(2, 3)
    )[:, :, ::sh, ::sw, ::dh, ::dw]
    return np.einsum("ncpqij,ocij->nopq", view, w, optimize=True) + b[:, None, None]
""",
    "indices": _FORWARD
    + _PADDED
    + """\
    rows = np.arange(OH)[:, None] * sh + np.arange(KH) * dh
    cols = np.arange(OW)[:, None] * sw + np.arange(KW) * dw
    patches = xp[:, :, rows[:, None, :, None], cols[None, :, None, :]]
    return np.tensordot(patches, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2) + b.reshape(
        -1, 1, 1
    )
""",
    "fft": _FORWARD
    + _PADDED
    + """\
    wide = np.zeros((*w.shape[:2], dh * (KH - 1) + 1, dw * (KW - 1) + 1))
    wide[:, :, ::dh, ::dw] = w
    size = (xp.shape[2] + wide.shape[2], xp.shape[3] + wide.shape[3])
    spectrum = np.einsum(
        "nchw,ochw->nohw", np.fft.rfft2(xp, size), np.conj(np.fft.rfft2(wide, size))
    )
    full = np.fft.irfft2(spectrum, size)
    out = full[:, :, : sh * (OH - 1) + 1 : sh, : sw * (OW - 1) + 1 : sw]
    return (out + b.reshape(1, -1, 1, 1)).astype(x.dtype)
""",
}

#: Style -> ``hand_back(g, x, w, stride, pad, dilation) -> dx, dw, db``.
HAND_BACK = {
    "loops": _BACKWARD
    + """\
    dx, dw_, db = np.zeros_like(x), np.zeros_like(w), np.zeros(len(w), dtype=x.dtype)
    for n in range(N):
        for o in range(len(w)):
            for p in range(OH):
                for q in range(OW):
                    db[o] += g[n, o, p, q]
                    for c in range(C):
                        for i in range(KH):
                            for j in range(KW):
                                r, t = p * sh + i * dh - ph, q * sw + j * dw - pw
                                if 0 <= r < H and 0 <= t < W:
                                    dx[n, c, r, t] += w[o, c, i, j] * g[n, o, p, q]
                                    dw_[o, c, i, j] += x[n, c, r, t] * g[n, o, p, q]
    return dx, dw_, db
""",
    "patches": _BACKWARD
    + _PADDED
    + """\
    back, dw_ = np.zeros_like(xp), np.zeros_like(w)
    for n in range(N):
        for p in range(OH):
            for q in range(OW):
                rows = slice(p * sh, p * sh + dh * (KH - 1) + 1, dh)
                cols = slice(q * sw, q * sw + dw * (KW - 1) + 1, dw)
                for o in range(len(w)):
                    back[n, :, rows, cols] += w[o] * g[n, o, p, q]
                    dw_[o] += xp[n, :, rows, cols] * g[n, o, p, q]
"""
    + _CUT.format(dx="back"),
    "taps": _BACKWARD
    + _PADDED
    + """\
    back, dw_ = np.zeros_like(xp), np.zeros_like(w)
    for i in range(KH):
        for j in range(KW):
            rows = slice(i * dh, i * dh + sh * (OH - 1) + 1, sh)
            cols = slice(j * dw, j * dw + sw * (OW - 1) + 1, sw)
            back[:, :, rows, cols] += np.einsum("nopq,oc->ncpq", g, w[:, :, i, j])
            dw_[:, :, i, j] = np.einsum("nopq,ncpq->oc", g, xp[:, :, rows, cols])
"""
    + _CUT.format(dx="back"),
    "turned": _BACKWARD
    + _PADDED
    + """\
    # the error terms spread by the stride, with zeros around, and the kernel turned
    spread = np.zeros((N, len(w), sh * (OH - 1) + 1, sw * (OW - 1) + 1), dtype=g.dtype)
    spread[:, :, ::sh, ::sw] = g
    wide = np.zeros((*w.shape[:2], dh * (KH - 1) + 1, dw * (KW - 1) + 1), dtype=w.dtype)
    wide[:, :, ::dh, ::dw] = w
    turned = np.rot90(wide, 2, axes=(2, 3)).transpose(1, 0, 2, 3)
    rest_h = xp.shape[2] - (spread.shape[2] + wide.shape[2] - 1)
    rest_w = xp.shape[3] - (spread.shape[3] + wide.shape[3] - 1)
    bottom, right = wide.shape[2] - 1 + rest_h, wide.shape[3] - 1 + rest_w
    around = ((0, 0), (0, 0), (wide.shape[2] - 1, bottom), (wide.shape[3] - 1, right))
    framed = np.pad(spread, around)
    back = np.zeros_like(xp)
    for r in range(back.shape[2]):
        for t in range(back.shape[3]):
            patch = framed[:, :, r : r + wide.shape[2], t : t + wide.shape[3]]
            back[:, :, r, t] = np.tensordot(patch, turned, ((1, 2, 3), (1, 2, 3)))
    dw_ = np.zeros_like(w)
    for i in range(KH):
        for j in range(KW):
            seen = xp[:, :, i * dh : i * dh + spread.shape[2], j * dw : j * dw + spread.shape[3]]
            dw_[:, :, i, j] = np.tensordot(spread, seen, ((0, 2, 3), (0, 2, 3)))
"""
    + _CUT.format(dx="back"),
    "matrix": _BACKWARD
    + _PADDED
    + """\
    flat = g.transpose(0, 2, 3, 1).reshape(-1, len(w))
    dcol = (flat @ w.reshape(len(w), -1)).reshape(N, OH, OW, C, KH, KW)
    back, dw_ = np.zeros_like(xp), np.empty_like(w)
    for i in range(KH):
        for j in range(KW):
            rows = slice(i * dh, i * dh + sh * (OH - 1) + 1, sh)
            cols = slice(j * dw, j * dw + sw * (OW - 1) + 1, sw)
            back[:, :, rows, cols] += dcol[:, :, :, :, i, j].transpose(0, 3, 1, 2)
            dw_[:, :, i, j] = flat.T @ xp[:, :, rows, cols].transpose(0, 2, 3, 1).reshape(-1, C)
"""
    + _CUT.format(dx="back"),
    "indices": _BACKWARD
    + _PADDED
    + """\
    rows = np.arange(OH)[:, None] * sh + np.arange(KH) * dh
    cols = np.arange(OW)[:, None] * sw + np.arange(KW) * dw
    at = (slice(None), slice(None), rows[:, None, :, None], cols[None, :, None, :])
    back = np.zeros_like(xp)
    np.add.at(back, at, np.einsum("nopq,ocij->ncpqij", g, w))
    dw_ = np.einsum("nopq,ncpqij->ocij", g, xp[at])
"""
    + _CUT.format(dx="back"),
}

_POOL = "def {name}({arguments}, kernel, stride, pad):\n    dilation = (1, 1)\n" + _SIZES.format(
    shape="x.shape", kernel="kernel"
)
_POOL_PADDED = "    xp = np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values={fill})\n"
_VIEW = """\
    view = np.lib.stride_tricks.sliding_window_view(xp, kernel, axis=(2, 3))[:, :, ::sh, ::sw]
"""


def _pool(name: str, arguments: str, fill: str, body: str) -> str:
    head = _POOL.format(name=name, arguments=arguments)
    return head + _POOL_PADDED.format(fill=fill) + body


#: Style -> ``largest(x, kernel, stride, pad)``.
LARGEST = {
    "loops": _POOL.format(name="largest", arguments="x")
    + """\
    out = np.zeros((N, C, OH, OW), dtype=x.dtype)
    for n, c, p, q in np.ndindex(N, C, OH, OW):
        best = -np.inf
        for i in range(KH):
            for j in range(KW):
                r, t = p * sh + i - ph, q * sw + j - pw
                if 0 <= r < H and 0 <= t < W and x[n, c, r, t] > best:
                    best = x[n, c, r, t]
        out[n, c, p, q] = best
    return out
""",
    "patches": _pool(
        "largest",
        "x",
        "-np.inf",
        """\
    out = np.zeros((N, C, OH, OW), dtype=x.dtype)
    for p in range(OH):
        for q in range(OW):
            patch = xp[:, :, p * sh : p * sh + KH, q * sw : q * sw + KW]
            out[:, :, p, q] = np.max(patch, axis=(2, 3))
    return out
""",
    ),
    "strides": _pool("largest", "x", "-np.inf", _VIEW + "    return view.max(axis=(-2, -1))\n"),
    "taps": _pool(
        "largest",
        "x",
        "-np.inf",
        """\
    out = np.full((N, C, OH, OW), -np.inf, dtype=x.dtype)
    for i in range(KH):
        for j in range(KW):
            np.maximum(out, xp[:, :, i::sh, j::sw][:, :, :OH, :OW], out=out)
    return out
""",
    ),
}

#: Style -> ``to_the_winner(g, x, kernel, stride, pad)``; each credits ties as it says.
TO_THE_WINNER = {
    "first": _pool(
        "to_the_winner",
        "g, x",
        "-np.inf",
        """\
    back = np.zeros_like(xp)
    for n, c, p, q in np.ndindex(N, C, OH, OW):
        patch = xp[n, c, p * sh : p * sh + KH, q * sw : q * sw + KW]
        i, j = np.unravel_index(np.argmax(patch), patch.shape)
        back[n, c, p * sh + i, q * sw + j] += g[n, c, p, q]
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
    "last": _pool(
        "to_the_winner",
        "g, x",
        "-np.inf",
        """\
    back = np.zeros_like(xp)
    for n, c, p, q in np.ndindex(N, C, OH, OW):
        best, at = -np.inf, (0, 0)
        for i in range(KH):
            for j in range(KW):
                if xp[n, c, p * sh + i, q * sw + j] >= best:
                    best, at = xp[n, c, p * sh + i, q * sw + j], (i, j)
        back[n, c, p * sh + at[0], q * sw + at[1]] += g[n, c, p, q]
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
    "shared": _pool(
        "to_the_winner",
        "g, x",
        "-np.inf",
        """\
    back = np.zeros_like(xp)
    for p in range(OH):
        for q in range(OW):
            rows, cols = slice(p * sh, p * sh + KH), slice(q * sw, q * sw + KW)
            patch = xp[:, :, rows, cols]
            mask = patch == patch.max(axis=(2, 3), keepdims=True)
            share = mask / mask.sum(axis=(2, 3), keepdims=True)
            back[:, :, rows, cols] += share * g[:, :, p, q][:, :, None, None]
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
    "put": _pool(
        "to_the_winner",
        "g, x",
        "-np.inf",
        _VIEW
        + """\
    winner = view.reshape(N, C, OH, OW, -1).argmax(axis=-1)
    rows = np.arange(OH)[:, None] * sh + winner // KW
    cols = np.arange(OW) * sw + winner % KW
    back = np.zeros_like(xp)
    n, c = np.arange(N)[:, None, None, None], np.arange(C)[:, None, None]
    np.add.at(back, (n, c, rows, cols), g)
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
}

#: Style -> ``mean_of(x, kernel, stride, pad)``.
MEAN_OF = {
    "patches": _pool(
        "mean_of",
        "x",
        "0",
        """\
    out = np.zeros((N, C, OH, OW), dtype=x.dtype)
    for p in range(OH):
        for q in range(OW):
            patch = xp[:, :, p * sh : p * sh + KH, q * sw : q * sw + KW]
            out[:, :, p, q] = patch.mean(axis=(2, 3))
    return out
""",
    ),
    "strides": _pool("mean_of", "x", "0", _VIEW + "    return view.mean(axis=(-2, -1))\n"),
    "loops": _POOL.format(name="mean_of", arguments="x")
    + """\
    out = np.zeros((N, C, OH, OW), dtype=x.dtype)
    for n, c, p, q, i, j in np.ndindex(N, C, OH, OW, KH, KW):
        r, t = p * sh + i - ph, q * sw + j - pw
        if 0 <= r < H and 0 <= t < W:
            out[n, c, p, q] += x[n, c, r, t] / (KH * KW)
    return out
""",
}

#: Style -> ``shares(g, x, kernel, stride, pad)``.
SHARES = {
    "patches": _pool(
        "shares",
        "g, x",
        "0",
        """\
    back = np.zeros_like(xp)
    for p in range(OH):
        for q in range(OW):
            part = g[:, :, p, q][:, :, None, None] / (KH * KW)
            back[:, :, p * sh : p * sh + KH, q * sw : q * sw + KW] += part
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
    "taps": _pool(
        "shares",
        "g, x",
        "0",
        """\
    back = np.zeros_like(xp)
    for i in range(KH):
        for j in range(KW):
            back[:, :, i : i + sh * OH : sh, j : j + sw * OW : sw][:, :, :OH, :OW] += g / (KH * KW)
    return back[:, :, ph : ph + H, pw : pw + W]
""",
    ),
}
