"""Every random number of clearconv, from keys alone.

A stream is named by (seed, purpose, path, epoch, step, sample); the name, hashed, is the key of a
Philox counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
So a number depends on *what it is for* and never on what was drawn before it, how the work was
divided, or whether the run was interrupted: resuming needs no generator state.
"""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import numpy.typing as npt


def keys(
    seed: int, purpose: str, path: str, epoch: int, step: int, samples: Iterable[int]
) -> npt.NDArray[np.uint64]:
    """Return the Philox keys of the streams that differ only in their sample.

    Parameters
    ----------
    seed, purpose, path, epoch, step
        Names as for `generator`.
    samples : iterable of int
        Samples, one stream for each.

    Returns
    -------
    keys : uint64 ndarray of shape (samples, 2)
        For ``numpy.random.Philox(key=...)``, or a Philox4x64-10 of one's own.
    """
    name = blake2b(f"{seed}|{purpose}|{path}|{epoch}|{step}|".encode(), digest_size=16)
    digests = []
    for sample in samples:
        whole = name.copy()
        whole.update(str(int(sample)).encode())
        digests.append(whole.digest())
    return np.frombuffer(b"".join(digests), dtype="<u8").reshape(-1, 2)


def generator(
    seed: int, purpose: str, path: str = "", epoch: int = 0, step: int = 0, sample: int = 0
) -> np.random.Generator:
    """Return the generator that belongs to this name.

    Parameters
    ----------
    seed : int
        Seed of the run.
    purpose : str
        Purpose of the numbers: ``"init"``, ``"shuffle"``, ``"augment"``, ``"dropout"``, ...
    path : str
        The layer or parameter concerned, or ``""``.
    epoch, step, sample : int
        Position in the training; 0 where it does not matter.

    Returns
    -------
    numpy.random.Generator
        A new generator at the start of its stream. The same name gives the same numbers.
    """
    key = keys(seed, purpose, path, epoch, step, [sample])[0]  # (2,)
    return np.random.Generator(np.random.Philox(key=key))
