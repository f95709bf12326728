"""Which trade-offs are worth a look: no other gives more for less."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pareto_front(gains: ArrayLike, costs: ArrayLike) -> NDArray[np.bool_]:
    """Tell of n points which are not dominated: more gain is better, and less cost.

    A point is dominated where another has at least its gain at no more than its cost, and is
    better in one of them; equals dominate each other not. A blank in either is on no front and
    dominates nothing. Source: Kung, Luccio & Preparata (1975), Journal of the ACM 22(4), whose
    sort-and-sweep for two dimensions this is.
    """
    gain, cost = (np.asarray(values, dtype=np.float64) for values in (gains, costs))
    if gain.ndim != 1 or gain.shape != cost.shape:
        raise ValueError(f"expected as many gains as costs, got {gain.shape} and {cost.shape}")
    known = ~(np.isnan(gain) | np.isnan(cost))
    front = np.zeros(gain.shape, dtype=np.bool_)
    if known.any():
        front[known] = _front(gain[known], cost[known])
    return front


def _front(gain: NDArray[np.float64], cost: NDArray[np.float64]) -> NDArray[np.bool_]:
    levels, level = np.unique(cost, return_inverse=True)
    best = np.full(len(levels), -np.inf)
    np.maximum.at(best, level, gain)  # of all that cost the same
    cheaper = np.concatenate([[-np.inf], np.maximum.accumulate(best)[:-1]])
    undominated: NDArray[np.bool_] = (gain == best[level]) & (
        (gain > cheaper[level]) | (level == 0)
    )
    return undominated
