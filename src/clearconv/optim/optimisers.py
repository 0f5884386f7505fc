"""SGD, Adam and AdamW: one pass over the flat arrays of a model."""

from abc import ABC, abstractmethod
from copy import copy

import numpy as np

from clearconv.arrays import Array
from clearconv.errors import ArgumentError, ModelFileError
from clearconv.layers import Node
from clearconv.ops import update


class Optimiser(ABC):
    """Moves the parameters of one model against their gradients.

    Weights decay; biases and the scales and shifts of normalisation do not. Frozen layers
    (``Sequential.freeze``) neither move nor decay.

    Parameters
    ----------
    model : Node
        A built model; ``step`` reads its gradients.
    lr : float
        Learning rate, used if ``step`` is not given one.
    weight_decay : float
        Strength of the pull of weights towards 0.

    Attributes
    ----------
    steps : int
        Number of steps taken.
    """

    buffers: tuple[str, ...] = ()

    def __init__(self, model: Node, lr: float, weight_decay: float) -> None:
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            if not value >= 0:
                raise ArgumentError(f"{type(self).__name__}: {name}={value!r} must be at least 0.")
        if not isinstance(model, Node):
            raise ArgumentError(
                f"{type(self).__name__}: model is a {type(model).__name__}, but a built model is "
                f"needed, not its parameters. Write {type(self).__name__}(model, lr=...)."
            )
        self.store = model.store
        self.lr, self.weight_decay = lr, weight_decay
        self.steps = 0
        self._memory = {name: np.zeros_like(self.store.values) for name in self.buffers}

    def step(self, lr: float | None = None) -> None:
        """Take one step along the gradients of the last backward pass.

        Parameters
        ----------
        lr : float, optional
            Learning rate of this step, for instance from a schedule.
        """
        self.steps += 1
        rate = self.lr if lr is None else lr
        for part, decays in self.store.trainable:
            memory = {name: array[part] for name, array in self._memory.items()}
            decay = self.weight_decay if decays else 0.0
            self._update(self.store.values[part], self.store.grads[part], memory, rate, decay)

    def next_step(self, lr: float | None = None) -> tuple[Array, dict[str, Array]]:
        """Compute what ``step`` would do, on copies: nothing is changed.

        Parameters
        ----------
        lr : float, optional
            As for ``step``.

        Returns
        -------
        values : ndarray
            All parameters after the step, flat.
        memory : dict
            State from earlier steps, before this one, flat, by name.
        """
        before = {name: array.copy() for name, array in self._memory.items()}
        double, store = copy(self), copy(self.store)
        store.values = store.values.copy()
        double.store = store
        double._memory = {name: array.copy() for name, array in before.items()}
        double.step(lr)
        return store.values, before

    @abstractmethod
    def _update(
        self, value: Array, grad: Array, memory: dict[str, Array], lr: float, weight_decay: float
    ) -> None:
        """Update one slice in place."""

    def state(self) -> dict[str, Array]:
        """Return copies of everything that a resumed run needs."""
        return {
            "steps": np.array([self.steps]),
            **{name: array.copy() for name, array in self._memory.items()},
        }

    def load_state(self, state: dict[str, Array]) -> None:
        """Restore a saved state.

        Raises
        ------
        ModelFileError
            If it belongs to another optimiser or model. Nothing is changed then.
        """
        wanted = {"steps": (1,), **{name: array.shape for name, array in self._memory.items()}}
        got = {name: np.shape(array) for name, array in state.items()}
        if got != wanted:
            raise ModelFileError(
                f"The optimiser's state has {got}, but {type(self).__name__} needs {wanted}. Was "
                "the run started with another optimiser or model?"
            )
        steps = state["steps"][0]
        if np.asarray(steps).dtype.kind not in "iu" or steps < 0:
            raise ModelFileError(
                f"The optimiser's state says steps={steps!r}, but their number is expected."
            )
        self.steps = int(steps)
        for name, array in self._memory.items():
            array[...] = state[name]


class SGD(Optimiser):
    """Stochastic gradient descent, optionally with momentum and Nesterov's look-ahead.

    Parameters
    ----------
    model : Node
        A built model.
    lr : float
        Learning rate.
    momentum : float
        Share of the last step that is kept, 0 <= momentum < 1.
    nesterov : bool
        Whether to take the gradient as if the momentum step had already been made.
    weight_decay : float
        Weight decay, added to the gradient as weight_decay * weight.
    """

    buffers = ("velocity",)

    def __init__(
        self,
        model: Node,
        lr: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ArgumentError(f"SGD: momentum={momentum!r} must be at least 0 and less than 1.")
        if nesterov and momentum == 0:
            raise ArgumentError("SGD: nesterov=True needs a momentum, such as momentum=0.9.")
        super().__init__(model, lr, weight_decay)
        self.momentum, self.nesterov = momentum, nesterov

    def _update(
        self, value: Array, grad: Array, memory: dict[str, Array], lr: float, weight_decay: float
    ) -> None:
        update.sgd(
            value,
            grad,
            memory["velocity"] if self.momentum else None,
            lr=lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=weight_decay,
        )


class Adam(Optimiser):
    """Adam: steps scaled by running estimates of each gradient's mean and size.

    Parameters
    ----------
    model : Node
        A built model.
    lr : float
        Learning rate.
    betas : (float, float)
        Decay rates of the running mean and of the running square.
    eps : float
        Number added to the root of the square.
    weight_decay : float
        Weight decay, added to the gradient as weight_decay * weight.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015.
    """

    buffers = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        model: Node,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(model, lr, weight_decay)
        self.betas, self.eps = betas, eps

    def _update(
        self, value: Array, grad: Array, memory: dict[str, Array], lr: float, weight_decay: float
    ) -> None:
        update.adam(
            value,
            grad,
            memory["mean"],
            memory["square"],
            step=self.steps,
            lr=lr,
            beta1=self.betas[0],
            beta2=self.betas[1],
            eps=self.eps,
            weight_decay=weight_decay,
            decoupled=self.decoupled,
        )


class AdamW(Adam):
    """Adam with decoupled weight decay: weights shrink by lr * weight_decay per step.

    Parameters
    ----------
    model, lr, betas, eps
        As in ``Adam``.
    weight_decay : float
        Weight decay: a weight loses the share lr * weight_decay per step.

    References
    ----------
    Loshchilov and Hutter, "Decoupled weight decay regularization", 2019.
    """

    decoupled = True

    def __init__(
        self,
        model: Node,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(model, lr, betas, eps, weight_decay)
