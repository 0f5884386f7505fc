"""The errors that end a run: a loss, a gradient or a parameter that is not finite."""

from dataclasses import dataclass
from math import isfinite

from clearconv.arrays import Array, finite
from clearconv.errors import RunError
from clearconv.layers import Context, Node
from clearconv.runs.run import Run
from clearconv.train.probe import first_not_finite, gradient_not_finite, inputs_of


@dataclass(frozen=True)
class Moment:
    """A position in a run.

    Attributes
    ----------
    epoch, step : int
        From 1; the step counts within the epoch.
    lr : float
        The run's learning rate.
    """

    epoch: int
    step: int
    lr: float

    def error(self, what: str, where: str | None) -> RunError:
        """Return the error that ends the run; everything saved before is kept."""
        first = f", first in {where}" if where else ""
        remedy = f"Try a lower learning rate (`lr={self.lr / 10:.1g}`), or `lr='auto'`."
        if where == "the images of the batch":
            remedy = "Look at the data, and at the mean and deviation by which they are scaled."
        return RunError(
            f"{what} at epoch {self.epoch}, step {self.step}: the training diverged{first}. "
            f"{remedy} Nothing saved before is lost."
        )


def check_loss(model: Node, x: Array, context: Context, loss: float, moment: Moment) -> None:
    """Raise RunError if the loss of a batch is not finite; the message names the layer."""
    if not isfinite(loss):
        raise moment.error(f"The loss became {loss}", first_not_finite(model, x, context))


def check_gradients(model: Node, moment: Moment) -> None:
    """Raise RunError if a gradient is not finite, which one sum over the flat array shows."""
    if not finite(model.store.grads):
        raise moment.error("A gradient became infinite or NaN", gradient_not_finite(model))


def check_epoch(run: Run, loss: float, moment: Moment) -> None:
    """Raise RunError if parameters or the validation `loss` are not finite after an epoch."""
    if not (isfinite(loss) and finite(run.model.store.values)):
        x = next(inputs_of(run, run.split.validation))
        where = first_not_finite(run.model, x, Context())
        what = "A parameter became infinite or NaN"  # a ReLU after it may hide that from the loss
        raise moment.error(what if isfinite(loss) else f"The validation loss became {loss}", where)
