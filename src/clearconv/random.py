"""Every random number of clearconv, from keys alone.

A stream is named by (seed, purpose, path, epoch, step, sample); the name, hashed, is the key of a
Philox counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
So a number depends on *what it is for* and never on what was drawn before it, how the work was
divided, or whether the run was interrupted: resuming needs no generator state.
"""

from hashlib import blake2b

import numpy as np


def generator(
    seed: int, purpose: str, path: str = "", epoch: int = 0, step: int = 0, sample: int = 0
) -> np.random.Generator:
    """Return the generator that belongs to this name.

    Parameters
    ----------
    seed : int
        The run's seed.
    purpose : str
        What the numbers are for: ``"init"``, ``"shuffle"``, ``"augment"``, ``"dropout"``, ...
    path : str
        The layer or parameter concerned, or ``""``.
    epoch, step, sample : int
        Where in the training; 0 where it does not matter.

    Returns
    -------
    numpy.random.Generator
        A new generator at the start of its stream. The same name gives the same numbers.
    """
    name = f"{seed}|{purpose}|{path}|{epoch}|{step}|{sample}".encode()
    words = np.frombuffer(blake2b(name, digest_size=16).digest(), dtype="<u8")  # (2,)
    return np.random.Generator(np.random.Philox(key=words))
