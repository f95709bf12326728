"""Pareto fronts: points for which no other one gives more for less."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def pareto_front(gains: ArrayLike, costs: ArrayLike) -> NDArray[np.bool_]:
    """Return which of n points are not dominated; more gain and less cost are better.

    A point is dominated where another has at least its gain at no more than its cost, and is
    better in one of them; equal points don't dominate each other. A point with a blank is on no
    front and dominates nothing. Source: Kung, Luccio & Preparata (1975), Journal of the ACM
    22(4), whose sort-and-sweep for two dimensions this is.
    """
    gain, cost = (np.asarray(values, dtype=np.float64) for values in (gains, costs))
    if gain.ndim != 1 or gain.shape != cost.shape:
        raise ValueError(f"expected as many gains as costs, got {gain.shape} and {cost.shape}")
    is_known = ~(np.isnan(gain) | np.isnan(cost))
    front = np.zeros(gain.shape, dtype=np.bool_)
    if is_known.any():
        gain, cost = gain[is_known], cost[is_known]
        levels, level = np.unique(cost, return_inverse=True)
        best = np.full(len(levels), -np.inf)
        np.maximum.at(best, level, gain)  # of all points with the same cost
        cheaper = np.concatenate([[-np.inf], np.maximum.accumulate(best)[:-1]])
        front[is_known] = (gain == best[level]) & ((gain > cheaper[level]) | (level == 0))
    return front
