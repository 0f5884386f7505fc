"""The line that the doctor quotes is the one that makes what is returned."""

import pytest

from clearconv.doctor.find import find
from clearconv.doctor.kinds import KINDS
from clearconv.doctor.quote import quote

CONV = """
def conv_forward(x, w, b, stride, pad):
    y = np.zeros(SHAPE)
    out = im2col(x) @ w
    return out.reshape(N, O, OH, OW), (x, w)

def conv_backward(dout, x, w, stride, pad):
    dx = np.zeros_like(x)
    dw = np.zeros_like(w)
    dxp = np.zeros_like(xp)
    for n in range(N):
        dxp[n] += w * dout[n]
        dw += x[n] * dout[n]
    {ending}
"""


@pytest.mark.parametrize(
    ("ending", "lines"),
    [
        ("return dxp[:, :, pad:-pad, pad:-pad], dw, dout.sum()", (12, 13, 14)),
        ("return dxp, dw, dout.sum()", (12, 13, 14)),
        ("return scipy(dout), dw, dout.sum()", (14, 13, 14)),
        ("dx += 1; return dx, dw, dout.sum()", (14, 13, 14)),
        ("    return dx, dw, dout.sum()", (8, 13, 14)),
    ],
)
def test_what_is_returned_counts_not_a_name_given_before(ending, lines):
    text = CONV.format(ending=ending)
    (found,) = find(text)
    names = ("grad_x", "grad_weight", "grad_bias")
    quotes = [quote(text, found, None, name) for name in names]
    assert tuple(one.line for one in quotes) == lines
    assert tuple(one.result for one in quotes) == names
    assert not any(one.sure for one in quotes)


def test_a_result_made_in_the_return_itself_is_quoted_there():
    text = CONV.format(ending="return dx, dw, db")
    (found,) = find(text)
    one = quote(text, found, None, "y")
    assert (one.line, one.text) == (5, "return out.reshape(N, O, OH, OW), (x, w)")


def test_a_return_too_early_is_quoted_and_no_other():
    early = next(slip for slip in KINDS["conv2d"].slips if "^return" in slip.hints)
    for ending, line in (("return dx, dw, db", None), ("    return dx, dw, db", 14)):
        text = CONV.format(ending=ending)
        one = quote(text, find(text)[0], early, "grad_weight")
        assert (one.line if one.sure else None) == line


def test_the_crop_is_quoted_not_a_kernel_that_is_turned():
    crop = next(slip for slip in KINDS["conv2d"].slips if "keeps nothing" in slip.title)
    text = CONV.format(ending="return dxp[:, :, pad:-pad, pad:-pad], dw, db")
    text = text.replace("+= w *", "+= w[:, :, ::-1, ::-1] *")
    one = quote(text, find(text)[0], crop, "grad_x")
    assert (one.line, one.sure) == (14, True)
