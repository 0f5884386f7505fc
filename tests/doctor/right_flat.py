"""Right layers without windows, and im2col, as text: by interface and style."""

COLUMNS = {
    "rows, taps": """\
def im2col(input_data, filter_h, filter_w, stride=1, pad=0):
    N, C, H, W = input_data.shape
    out_h = (H + 2 * pad - filter_h) // stride + 1
    out_w = (W + 2 * pad - filter_w) // stride + 1
    img = np.pad(input_data.astype(np.float64), [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    col = np.zeros((N, C, filter_h, filter_w, out_h, out_w), dtype=img.dtype)
    for i in range(filter_h):
        for j in range(filter_w):
            rows = slice(i, i + stride * out_h, stride)
            col[:, :, i, j] = img[:, :, rows, j : j + stride * out_w : stride]
    return col.transpose(0, 4, 5, 1, 2, 3).reshape(N * out_h * out_w, -1)


def col2im(col, input_shape, filter_h, filter_w, stride=1, pad=0):
    N, C, H, W = input_shape
    out_h = (H + 2 * pad - filter_h) // stride + 1
    out_w = (W + 2 * pad - filter_w) // stride + 1
    col = col.reshape(N, out_h, out_w, C, filter_h, filter_w).transpose(0, 3, 4, 5, 1, 2)
    img = np.zeros((N, C, H + 2 * pad + stride - 1, W + 2 * pad + stride - 1))
    for i in range(filter_h):
        for j in range(filter_w):
            rows = slice(i, i + stride * out_h, stride)
            img[:, :, rows, j : j + stride * out_w : stride] += col[:, :, i, j]
    return img[:, :, pad : H + pad, pad : W + pad]
""",
    "columns, indices": """\
def get_places(x_shape, field_height, field_width, padding, stride):
    N, C, H, W = x_shape
    out_h = (H + 2 * padding - field_height) // stride + 1
    out_w = (W + 2 * padding - field_width) // stride + 1
    i0 = np.tile(np.repeat(np.arange(field_height), field_width), C)
    i1 = stride * np.repeat(np.arange(out_h), out_w)
    j0 = np.tile(np.arange(field_width), field_height * C)
    j1 = stride * np.tile(np.arange(out_w), out_h)
    i, j = i0.reshape(-1, 1) + i1.reshape(1, -1), j0.reshape(-1, 1) + j1.reshape(1, -1)
    return np.repeat(np.arange(C), field_height * field_width).reshape(-1, 1), i, j


def im2col_indices(x, field_height, field_width, padding=1, stride=1):
    p = padding
    x_padded = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (p, p), (p, p)))
    k, i, j = get_places(x.shape, field_height, field_width, padding, stride)
    cols = x_padded[:, k, i, j]
    return cols.transpose(1, 2, 0).reshape(field_height * field_width * x.shape[1], -1)


def col2im_indices(cols, x_shape, field_height=3, field_width=3, padding=1, stride=1):
    N, C, H, W = x_shape
    x_padded = np.zeros((N, C, H + 2 * padding, W + 2 * padding))
    k, i, j = get_places(x_shape, field_height, field_width, padding, stride)
    cols_reshaped = cols.reshape(C * field_height * field_width, -1, N).transpose(2, 0, 1)
    np.add.at(x_padded, (slice(None), k, i, j), cols_reshaped)
    return x_padded[:, :, padding : padding + H, padding : padding + W]
""",
    "one matrix an image, loops": """\
def im2col(x, kernel_h, kernel_w, stride, pad):
    N, C, H, W = x.shape
    out_h, out_w = (H + 2 * pad - kernel_h) // stride + 1, (W + 2 * pad - kernel_w) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    columns = []
    for p in range(out_h):
        for q in range(out_w):
            top, left = p * stride, q * stride
            patch = padded[:, :, top : top + kernel_h, left : left + kernel_w]
            columns.append(patch.reshape(N, -1))
    return np.stack(columns, axis=-1)
""",
}

LINEAR = {
    "course": """\
def affine_forward(x, w, b):
    out = x.reshape(x.shape[0], -1).astype(np.float64).dot(w) + b
    return out, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T).reshape(x.shape)
    dw = x.reshape(x.shape[0], -1).T.dot(dout)
    return dx, dw, dout.sum(axis=0)
""",
    "course, samples in columns": """\
def linear_forward(A, W, b):
    return np.dot(W, A) + b, (A, W, b)


def linear_backward(dZ, cache):
    A_prev, W, b = cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    return np.dot(W.T, dZ), dW, db
""",
    "book": """\
class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.x = self.dW = self.db = None

    def forward(self, x):
        self.original_x_shape = x.shape
        self.x = x.reshape(x.shape[0], -1).astype(np.float64)
        return np.dot(self.x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx.reshape(*self.original_x_shape)
""",
    "class made from sizes": """\
class Linear:
    def __init__(self, in_features, out_features):
        self.weight = np.random.randn(out_features, in_features)
        self.bias = np.zeros(out_features)

    def forward(self, x):
        self.x = x
        return np.einsum("ni,oi->no", x, self.weight) + self.bias

    def backward(self, grad_output):
        self.grad_weight = np.einsum("no,ni->oi", grad_output, self.x)
        self.grad_bias = np.einsum("no->o", grad_output)
        return np.einsum("no,oi->ni", grad_output, self.weight)
""",
    "loops": """\
def fully_connected_forward(x, w, b):
    out = np.zeros((len(x), len(b)))
    for n in range(len(x)):
        for o in range(len(b)):
            out[n, o] = b[o]
            for i in range(x.shape[1]):
                out[n, o] += x[n, i] * w[i, o]
    return out


def fully_connected_backward(dout, x, w, b):
    dx, dw, db = np.zeros(x.shape), np.zeros(w.shape), np.zeros(b.shape)
    for n in range(len(x)):
        for o in range(len(b)):
            db[o] += dout[n, o]
            for i in range(x.shape[1]):
                dx[n, i] += w[i, o] * dout[n, o]
                dw[i, o] += x[n, i] * dout[n, o]
    return dx, dw, db
""",
}

RELU = {
    "course": """\
def relu_forward(x):
    return np.maximum(0, x.astype(np.float64)), x


def relu_backward(dout, cache):
    return dout * (cache > 0)
""",
    "book": """\
class Relu:
    def __init__(self):
        self.mask = None

    def forward(self, x):
        self.mask = x <= 0
        out = x.copy()
        out[self.mask] = 0
        return out

    def backward(self, dout):
        dout = dout.copy()
        dout[self.mask] = 0
        return dout
""",
    "at zero 1": """\
class ReLU:
    def forward(self, x):
        self.x = x
        return np.where(x >= 0, x, 0)

    def backward(self, grad_output):
        return np.where(self.x >= 0, grad_output, 0)
""",
    "article": """\
class ReluActivator:
    def forward(self, weighted_input):
        return max(0, weighted_input)

    def backward(self, output):
        return 1 if output > 0 else 0
""",
    "derivative": """\
def relu(x):
    return x * (x > 0)


def relu_derivative(x):
    return np.where(x > 0, 1.0, 0.0)
""",
}

SIGMOID = {
    "course": """\
def sigmoid_forward(x):
    out = 1 / (1 + np.exp(-x.astype(np.float64)))
    return out, out


def sigmoid_backward(dout, cache):
    return dout * cache * (1 - cache)
""",
    "book": """\
class Sigmoid:
    def __init__(self):
        self.out = None

    def forward(self, x):
        self.out = 0.5 * (1 + np.tanh(x / 2))
        return self.out

    def backward(self, dout):
        return dout * (1.0 - self.out) * self.out
""",
    "derivative": """\
def sigmoid(z):
    return np.where(z >= 0, 1 / (1 + np.exp(-np.abs(z))), 1 - 1 / (1 + np.exp(-np.abs(z))))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))
""",
    "article": """\
class SigmoidActivator:
    def forward(self, weighted_input):
        return 1.0 / (1.0 + np.exp(-weighted_input))

    def backward(self, output):
        return output * (1 - output)
""",
}

BATCH_NORM = {
    "course": """\
def batchnorm_forward(x, gamma, beta, bn_param):
    mode, eps = bn_param["mode"], bn_param.get("eps", 1e-5)
    momentum = bn_param.get("momentum", 0.9)
    N, D = x.shape
    running_mean = bn_param.get("running_mean", np.zeros(D))
    running_var = bn_param.get("running_var", np.zeros(D))
    if mode == "train":
        mean, var = x.mean(axis=0), x.var(axis=0)
        xhat = (x - mean) / np.sqrt(var + eps)
        out, cache = gamma * xhat + beta, (x, xhat, mean, var, eps, gamma)
        running_mean = momentum * running_mean + (1 - momentum) * mean
        running_var = momentum * running_var + (1 - momentum) * var
    else:
        out, cache = gamma * (x - running_mean) / np.sqrt(running_var + eps) + beta, None
    bn_param["running_mean"], bn_param["running_var"] = running_mean, running_var
    return out, cache


def batchnorm_backward(dout, cache):
    x, xhat, mean, var, eps, gamma = cache
    N = len(x)
    dxhat = dout * gamma
    dvar = np.sum(dxhat * (x - mean) * -0.5 * (var + eps) ** -1.5, axis=0)
    dmean = np.sum(-dxhat / np.sqrt(var + eps), axis=0) + dvar * np.mean(-2 * (x - mean), axis=0)
    dx = dxhat / np.sqrt(var + eps) + dvar * 2 * (x - mean) / N + dmean / N
    return dx, np.sum(dout * xhat, axis=0), np.sum(dout, axis=0)
""",
    "course, images": """\
def spatial_batchnorm_forward(x, gamma, beta, bn_param):
    eps, momentum = bn_param.get("eps", 1e-5), bn_param.get("momentum", 0.1)
    shape, M = (1, -1, 1, 1), x.size / x.shape[1]
    if bn_param["mode"] == "test":
        mean, var = bn_param["running_mean"], bn_param["running_var"]
        normal = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
        return gamma.reshape(shape) * normal + beta.reshape(shape), None
    mean, var = x.mean(axis=(0, 2, 3)), x.var(axis=(0, 2, 3))
    inv = 1 / np.sqrt(var.reshape(shape) + eps)
    normal = (x - mean.reshape(shape)) * inv
    bn_param["running_mean"] = (1 - momentum) * bn_param["running_mean"] + momentum * mean
    unbiased = var * M / (M - 1)
    bn_param["running_var"] = (1 - momentum) * bn_param["running_var"] + momentum * unbiased
    return gamma.reshape(shape) * normal + beta.reshape(shape), (normal, inv, gamma)


def spatial_batchnorm_backward(dout, cache):
    normal, inv, gamma = cache
    axes, g = (0, 2, 3), dout * gamma.reshape(1, -1, 1, 1)
    dx = inv * (
        g - g.mean(axes, keepdims=True) - normal * (g * normal).mean(axes, keepdims=True)
    )
    return dx, (dout * normal).sum(axes), dout.sum(axes)
""",
    "book": """\
class BatchNormalization:
    def __init__(self, gamma, beta, momentum=0.9, running_mean=None, running_var=None):
        self.gamma, self.beta, self.momentum = gamma, beta, momentum
        self.running_mean, self.running_var = running_mean, running_var

    def forward(self, x, train_flg=True):
        if train_flg:
            mu = x.mean(axis=0)
            xc = x - mu
            var = np.mean(xc**2, axis=0)
            std = np.sqrt(var + 10e-7)
            self.xc, self.xn, self.std, self.batch_size = xc, xc / std, std, x.shape[0]
            self.running_mean = self.momentum * self.running_mean + (1 - self.momentum) * mu
            self.running_var = self.momentum * self.running_var + (1 - self.momentum) * var
            return self.gamma * self.xn + self.beta
        return self.gamma * (x - self.running_mean) / np.sqrt(self.running_var + 10e-7) + self.beta

    def backward(self, dout):
        self.dbeta = dout.sum(axis=0)
        self.dgamma = np.sum(self.xn * dout, axis=0)
        dxn = self.gamma * dout
        dxc = dxn / self.std
        dstd = -np.sum((dxn * self.xc) / (self.std * self.std), axis=0)
        dvar = 0.5 * dstd / self.std
        dxc += (2.0 / self.batch_size) * self.xc * dvar
        return dxc - np.sum(dxc, axis=0) / self.batch_size
""",
}

DROPOUT = {
    "course": """\
def dropout_forward(x, dropout_param):
    p, mode = dropout_param["p"], dropout_param["mode"]
    mask = None
    out = x
    if mode == "train":
        mask = (np.random.rand(*x.shape) < p) / p
        out = x * mask
    return out, (dropout_param, mask)


def dropout_backward(dout, cache):
    dropout_param, mask = cache
    return dout * mask if dropout_param["mode"] == "train" else dout
""",
    "book": """\
class Dropout:
    def __init__(self, dropout_ratio=0.5):
        self.dropout_ratio = dropout_ratio
        self.mask = None

    def forward(self, x, train_flg=True):
        if train_flg:
            self.mask = np.random.rand(*x.shape) > self.dropout_ratio
            return x * self.mask
        return x * (1.0 - self.dropout_ratio)

    def backward(self, dout):
        return dout * self.mask
""",
    "class, inverted": """\
class Dropout:
    def __init__(self, p=0.5):
        self.p, self.rng = p, np.random.default_rng(7)

    def forward(self, x, training=True):
        self.scale = np.ones_like(x)
        if training:
            self.scale = self.rng.binomial(1, 1 - self.p, x.shape) / (1 - self.p)
        return x * self.scale

    def backward(self, grad_output):
        return grad_output * self.scale
""",
}

SOFTMAX = {
    "class": """\
class Softmax:
    def forward(self, x):
        powers = np.exp(x - np.max(x, axis=-1, keepdims=True)).astype(np.float64)
        self.out = powers / np.sum(powers, axis=-1, keepdims=True)
        return self.out

    def backward(self, dout):
        return self.out * (dout - np.sum(dout * self.out, axis=-1, keepdims=True))
""",
    "Jacobian": """\
def softmax_forward(x):
    y = np.empty(x.shape)
    for n in range(len(x)):
        e = np.exp(x[n] - x[n].max())
        y[n] = e / e.sum()
    return y, y


def softmax_backward(dout, cache):
    dx = np.empty(cache.shape)
    for n, y in enumerate(cache):
        jacobian = np.diag(y) - np.outer(y, y)
        dx[n] = jacobian @ dout[n]
    return dx
""",
}

LOSS = {
    "course": """\
def softmax_loss(x, y):
    shifted = x.astype(np.float64) - np.max(x, axis=1, keepdims=True)
    Z = np.sum(np.exp(shifted), axis=1, keepdims=True)
    log_probs = shifted - np.log(Z)
    probs = np.exp(log_probs)
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx
""",
    "course, older": """\
def softmax_loss(x, y):
    probs = np.exp(x - np.max(x, axis=1, keepdims=True))
    probs /= np.sum(probs, axis=1, keepdims=True)
    N = x.shape[0]
    loss = -np.sum(np.log(probs[np.arange(N), y])) / N
    dx = probs.copy()
    dx[np.arange(N), y] -= 1
    dx /= N
    return loss, dx
""",
    "book": """\
def softmax(x):
    x = x - np.max(x, axis=-1, keepdims=True)
    return np.exp(x) / np.sum(np.exp(x), axis=-1, keepdims=True)


class SoftmaxWithLoss:
    def __init__(self):
        self.loss = self.y = self.t = None

    def forward(self, x, t):
        self.t, self.y = t, softmax(x)
        batch_size = self.y.shape[0]
        self.loss = -np.sum(np.log(self.y[np.arange(batch_size), t] + 1e-7)) / batch_size
        return self.loss

    def backward(self, dout=1):
        batch_size = self.t.shape[0]
        dx = self.y.copy()
        dx[np.arange(batch_size), self.t] -= 1
        return dx / batch_size
""",
    "one-hot": """\
class SoftmaxCrossEntropy:
    def forward(self, logits, targets):
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        self.probs, self.targets = e / e.sum(axis=1, keepdims=True), targets
        return -np.sum(targets * np.log(np.clip(self.probs, 1e-12, 1.0))) / len(logits)

    def backward(self):
        return (self.probs - self.targets) / len(self.targets)
""",
    "a sum": """\
def softmax_cross_entropy(x, labels):
    m = x.max(axis=1)
    log_sum = m + np.log(np.exp(x - m[:, None]).sum(axis=1))
    return (log_sum - x[np.arange(len(x)), labels]).sum()


def softmax_cross_entropy_backward(x, labels):
    e = np.exp(x - x.max(axis=1, keepdims=True))
    grad = e / e.sum(axis=1, keepdims=True)
    for n, label in enumerate(labels):
        grad[n, label] -= 1
    return grad
""",
}
