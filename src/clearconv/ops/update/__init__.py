r"""Update: move every weight a little against its gradient.

.. math:: w \leftarrow w - \eta\, g

is the article's whole rule (η, the learning rate, is ``lr``). `sgd` adds momentum, `adam` a step
size for each weight.

These functions change their arrays in place: a model keeps all its parameters in one flat array,
and a step over it does not need a second one. Shapes: any, all arrays of a call alike; what is
changed must be contiguous memory. All arrays are float32, or all are float64.

Sources: the article's update; Sutskever et al., "On the importance of initialization and momentum
in deep learning", 2013; Kingma and Ba, "Adam", 2015, algorithm 1; Loshchilov and Hutter,
"Decoupled weight decay regularization", 2019. ``docs/update.md`` explains the formulas.
"""

from clearconv.arrays import Array, check, expect, same_dtype
from clearconv.errors import ArgumentError, ShapeError
from clearconv.ops.tellings import pick

__all__ = ["adam", "sgd"]


def sgd(
    weight: Array,
    grad: Array,
    velocity: Array | None,
    *,
    lr: float,
    momentum: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
    backend: str | None = None,
) -> None:
    r"""Take one step of gradient descent, in place, with or without momentum.

    With momentum, steps that agree add up and steps that disagree cancel.

    Parameters
    ----------
    weight : ndarray of any shape
        Parameters; changed in place.
    grad : ndarray of the shape of `weight`
        dL/dw; read only.
    velocity : ndarray of the shape of `weight`, or None
        Running sum of gradients, zeros before the first step; changed in place. None if and only
        if `momentum` is 0.
    lr : float
        Learning rate.
    momentum : float
        Share of the velocity that is kept.
    nesterov : bool
        Look ahead: use the gradient plus what momentum will add.
    weight_decay : float
        Added to the gradient as weight_decay * weight.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Raises
    ------
    ShapeError
        If the shapes differ, or an array to be changed is read-only or not contiguous.
    ArgumentError
        If momentum and velocity do not go together.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: g \leftarrow g + \lambda w, \qquad v \leftarrow \mu v + g, \qquad
        w \leftarrow w - \eta v \quad (\text{Nesterov: } w \leftarrow w - \eta (g + \mu v))

    References
    ----------
    As in PyTorch's SGD without dampening: the learning rate multiplies the velocity when it is
    used, not when it is gathered.
    """
    what = "update.sgd"
    if (velocity is None) != (momentum == 0):
        has = "no velocity was given" if velocity is None else "a velocity was given"
        raise ArgumentError(
            f"{what}: momentum={momentum}, but {has}. Momentum above 0 needs an array of zeros "
            "like weight, kept from step to step; without momentum give None."
        )
    if nesterov and momentum == 0:
        raise ArgumentError(f"{what}: nesterov=True needs a momentum, such as momentum=0.9.")
    changed = {"weight": weight} if velocity is None else {"weight": weight, "velocity": velocity}
    flat = _flat(what, grad, **changed)
    pick("update", backend).sgd(
        flat["weight"], grad.reshape(-1), flat.get("velocity"), lr, momentum, nesterov, weight_decay
    )


def adam(
    weight: Array,
    grad: Array,
    mean: Array,
    square: Array,
    *,
    step: int,
    lr: float,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
    decoupled: bool = False,
    backend: str | None = None,
) -> None:
    r"""Take one step of Adam or AdamW, in place.

    Each weight's step is its mean gradient, measured in the gradient's usual size, so that all
    weights move at a similar pace.

    Parameters
    ----------
    weight : ndarray of any shape
        Parameters; changed in place.
    grad : ndarray of the shape of `weight`
        dL/dw; read only.
    mean, square : ndarray of the shape of `weight`
        Running means of the gradient and of its square, zeros before the first step; changed in
        place.
    step : int
        Number of this step, counted from 1.
    lr : float
        Learning rate.
    beta1, beta2 : float
        Shares of the running means that are kept.
    eps : float
        Added to the root of the square.
    weight_decay : float
        Pull towards zero.
    decoupled : bool
        False: weight_decay * weight is added to the gradient. True (AdamW): the weight itself
        shrinks by lr * weight_decay, whatever the size of its gradients.
    backend : {"loops", "matrix", "native"}, optional
        The telling that runs.

    Raises
    ------
    ShapeError
        If the shapes differ, or an array to be changed is read-only or not contiguous.
    ArgumentError
        If `step` is below 1.
    DtypeError
        If the arrays are not all float32 or all float64.

    Notes
    -----
    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \qquad
        s \leftarrow \beta_2 s + (1 - \beta_2) g^2, \qquad
        w \leftarrow w - \eta\, \frac{m / (1 - \beta_1^t)}{\sqrt{s / (1 - \beta_2^t)} + \epsilon}

    The divisions by 1 - β^t make up for the zeros that the running means started from.

    References
    ----------
    Kingma and Ba, 2015, algorithm 1; Loshchilov and Hutter, 2019, algorithm 2.
    """
    what = "update.adam"
    if step < 1:
        raise ArgumentError(f"{what}: step={step}, but steps are counted from 1.")
    flat = _flat(what, grad, weight=weight, mean=mean, square=square)
    pick("update", backend).adam(
        flat["weight"],
        grad.reshape(-1),
        flat["mean"],
        flat["square"],
        step,
        lr,
        beta1,
        beta2,
        eps,
        weight_decay,
        decoupled,
    )


def _flat(what: str, grad: Array, **changed: Array) -> dict[str, Array]:
    """Check the arrays, and view those that are changed as flat; never copies."""
    check(what, "grad", grad)
    same_dtype(what, grad=grad, **changed)
    flat = {}
    for name, array in changed.items():
        check(what, name, array)
        expect(what, name, array, grad.shape, "the shape of grad")
        if not array.flags.writeable:
            raise ShapeError(f"{what}: {name} is read-only, but is changed in place. Pass a copy.")
        if array.ndim != 1 and not array.flags.c_contiguous:
            raise ShapeError(
                f"{what}: {name} {array.shape} is not contiguous in memory, and a flat view of it "
                f"is changed in place. Try np.ascontiguousarray({name}), and keep that array."
            )
        flat[name] = array.reshape(-1)
    return flat
