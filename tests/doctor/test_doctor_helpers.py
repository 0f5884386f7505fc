"""A layer that calls a wrong function of its file is told so before it is blamed itself."""

import pytest

from clearconv.doctor import examine, told

#: They take long; .ci/run has the time.
pytestmark = pytest.mark.ci

BROKEN = """
import numpy as np

def softmax(x):
    return np.exp(x) / np.sum(np.exp(x), axis=0, keepdims=True)

def shared(x):
    return softmax(x)

class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t, self.y = t, shared(x)
        self.loss = -np.log(self.y[np.arange(len(t)), t]).mean()
        return self.loss
    def backward(self, dout=1):
        dx = self.y.copy()
        dx[np.arange(len(self.t)), self.t] -= 1
        return dx / len(self.t)

class Relu:
    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 1
        return out
    def backward(self, dout):
        return np.where(self.mask, 0, dout)
"""


def test_the_function_that_is_called_is_named_first(tmp_path):
    path = tmp_path / "mine.py"
    for text, wrong in (
        (BROKEN.replace("axis=0", "axis=1").replace("np.exp(x)", "2 * np.exp(x)", 1), True),
        (BROKEN.replace("axis=0", "axis=1").replace("exp(x)", "exp(x - x.max(1)[:, None])"), False),
    ):
        path.write_text(text)
        verdicts = {one.found.name: one for one in examine(path).verdicts}
        assert verdicts["softmax"].right is not wrong
        remark = "it calls softmax, which is wrong: fix that first"
        assert (verdicts["SoftmaxWithLoss"].remarks[:1] == [remark]) is wrong
        assert not verdicts["Relu"].right and not verdicts["Relu"].remarks


def test_each_layer_is_announced(tmp_path):
    (tmp_path / "mine.py").write_text(BROKEN)
    heard = []
    found = examine(
        tmp_path / "mine.py", only=["relu", "softmax"], watch=lambda *a: heard.append(a)
    )
    assert heard == [("softmax softmax", 1, 2), ("relu Relu", 2, 2)]
    assert told(found)
