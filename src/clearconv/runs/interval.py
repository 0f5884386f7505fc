"""How sure a counted share is."""

from math import sqrt

#: Of fewer test images an accuracy says little.
FEW_TESTED = 50

_Z = 1.959963984540054  # the normal distribution has 95 % of its mass within so many deviations


def wilson(right: float, total: int) -> tuple[float, float]:
    r"""Return the 95 % interval of a share that was counted.

    Parameters
    ----------
    right : float
        Number of successes; a mean over copies of one picture may be a fraction.
    total : int
        Number of trials, at least 1.

    Returns
    -------
    low, high : float
        Within 0 and 1, also where all trials or none succeeded.

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
