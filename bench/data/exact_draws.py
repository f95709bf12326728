"""Random numbers and smooth random fields with the same bits on every machine.

Only PCG64's raw bits and +, −, × on float64 in a fixed order are used.
"""

import numpy as np

# NumPy guarantees PCG64's raw bits (NEP 19), but not its distributions.


def shuffled(stream: np.random.PCG64, count: int) -> np.ndarray:
    """Return the integers below `count` in random order."""
    return np.argsort(stream.random_raw(count), kind="stable")


def uniform(raw: np.ndarray) -> np.ndarray:
    """Return raw bits as draws from [-1, 1) in steps of 2⁻⁵²; every operation is exact."""
    return (raw >> np.uint64(11)) * 2.0**-52 - 1.0


def refine(field: np.ndarray) -> np.ndarray:
    """Double the resolution along the third axis by the binomial filter 1 4 6 4 1."""
    points = field.shape[2]
    fine = np.empty((*field.shape[:2], 2 * points - 3, field.shape[3]))
    fine[:, :, 0::2] = (field[:, :, :-1] + field[:, :, 1:]) * 0.5
    fine[:, :, 1::2] = (field[:, :, :-2] + field[:, :, 1:-1] * 6.0 + field[:, :, 2:]) * 0.125
    return fine
