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
    """Where in a run something happened.

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
        """Return the error that ends the run; what was saved before stays as it is."""
        first = f", first in {where}" if where else ""
        remedy = f"Try a lower learning rate (`lr={self.lr / 10:.1g}`), or `lr='auto'`."
        if where == "the images of the batch":
            remedy = "Look at the data, and at the mean and deviation they are scaled by."
        return RunError(
            f"{what} at epoch {self.epoch}, step {self.step}: the training diverged{first}. "
            f"{remedy} Nothing that was saved before is lost."
        )


def check_loss(model: Node, x: Array, context: Context, loss: float, moment: Moment) -> None:
    """Raise RunError where the loss of a batch is not finite; names the layer it came from."""
    if not isfinite(loss):
        raise moment.error(f"The loss became {loss}", first_not_finite(model, x, context))


def check_gradients(model: Node, moment: Moment) -> None:
    """Raise RunError where a gradient is not finite; one sum over the flat array tells."""
    if not finite(model.store.grads):
        raise moment.error("A gradient became infinite or NaN", gradient_not_finite(model))


def check_epoch(run: Run, loss: float, moment: Moment) -> None:
    """Raise RunError where an epoch left parameters or a validation `loss` that are not finite."""
    if not (isfinite(loss) and finite(run.model.store.values)):
        x = next(inputs_of(run, run.split.validation))
        where = first_not_finite(run.model, x, Context())
        what = "A parameter became infinite or NaN"  # a ReLU behind it may hide that from the loss
        raise moment.error(what if isfinite(loss) else f"The validation loss became {loss}", where)
