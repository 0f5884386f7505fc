"""The confidence interval of a share."""

from math import sqrt

#: With fewer test images an accuracy says little.
FEW_TESTED = 50

_Z = 1.959963984540054  # standard deviations on either side that hold 95 % of a normal distribution


def wilson(right: float, total: int) -> tuple[float, float]:
    r"""Return the 95 % interval of a counted share.

    Parameters
    ----------
    right : float
        Number of successes; a mean over copies of one picture may be a fraction.
    total : int
        Number of trials, at least 1.

    Returns
    -------
    low, high : float
        Between 0 and 1, even if all or none of the trials succeeded.

    Notes
    -----
    .. math:: \frac{p + z^2/2n \pm z \sqrt{p(1-p)/n + z^2/4n^2}}{1 + z^2/n}, \quad z = 1.96

    References
    ----------
    Wilson, "Probable inference, the law of succession, and statistical inference", 1927.
    """
    share, z2 = right / total, _Z**2 / total
    middle = share + z2 / 2
    half = sqrt(z2 * (share * (1 - share) + z2 / 4))
    return max(0.0, (middle - half) / (1 + z2)), min(1.0, (middle + half) / (1 + z2))
