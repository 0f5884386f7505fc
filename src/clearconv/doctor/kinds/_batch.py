"""Whether the parameters' gradients are sums over the batch or means: a choice of both layers."""

from collections.abc import Mapping

from clearconv.doctor.kinds._kind import Convention


def batch_convention(what: str) -> Convention:
    """Return the convention of a layer whose batch consists of `what`."""
    return Convention(
        "batch",
        "how the parameters' gradients treat the batch",
        {
            "sum": f"gradients are sums over the {what}; a mean, where wanted, is in the loss",
            "mean": f"the parameters' gradients are means over the {what}",
        },
        ("grad_weight", "grad_bias"),
    )


def divisor(batch: int, conventions: Mapping[str, str]) -> int:
    """Return the divisor of the sums over a batch of this size."""
    return batch if conventions.get("batch") == "mean" else 1
