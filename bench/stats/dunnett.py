"""Simultaneous intervals of many treatments against one control: Dunnett's quantile."""

from functools import lru_cache

import numpy as np
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from scipy.optimize import brentq
from scipy.special import ndtr, stdtrit
from scipy.stats import chi

from bench.stats.estimates import CONFIDENCE

NORMAL_NODES = 80  # of the control's mean
CHI_NODES = 60  # of the standard deviation
TAIL = 1e-10  # of the standard deviation's distribution, left out on either side


@lru_cache(maxsize=4096)
def dunnett_quantile(
    correlations: tuple[float, ...], df: int, confidence: float = CONFIDENCE
) -> float:
    """Return the q with P(max |T_i| <= q) = `confidence` for treatments against one control.

    T_i = (Z_i √(1 − c_i²) + c_i Z_0) / s, with standard normal Z and s² a χ² variable over its `df`
    degrees of freedom. `correlations` are the c_i: √(n_i / (n_i + n_0)) for means of n_i values
    against one of n_0. A single treatment gives Student's quantile. The double integral is
    a product quadrature, exact to six digits. Source: Dunnett (1955), Journal of the American
    Statistical Association 50, equation 4; Hsu (1996), Multiple Comparisons, section 3.1.
    """
    if not correlations or df < 1:
        raise ValueError(f"expected treatments and degrees of freedom, got {correlations}, {df}")
    student = float(stdtrit(df, (1 + confidence) / 2))
    if len(correlations) == 1:
        return student
    bonferroni = float(stdtrit(df, 1 - (1 - confidence) / 2 / len(correlations)))
    loadings, counts = np.unique(correlations, return_counts=True)  # often all are equal
    means, mean_weights = hermegauss(NORMAL_NODES)
    mean_weights = mean_weights / mean_weights.sum()
    low, high = chi.ppf(TAIL, df), chi.ppf(1 - TAIL, df)
    nodes, weights = leggauss(CHI_NODES)
    scales = low + (nodes + 1) / 2 * (high - low)
    scale_weights = weights * chi.pdf(scales, df)
    scale_weights = scale_weights / scale_weights.sum()
    scales = scales / df**0.5
    shifts = (loadings[:, None] * means)[:, None, :]  # (loadings, 1, means)
    own = np.sqrt(1 - loadings**2)[:, None, None]
    powers = counts[:, None, None]

    def excess(q: float) -> float:
        limits = q * scales[:, None]
        inside = ndtr((limits - shifts) / own) - ndtr((-limits - shifts) / own)
        return float(scale_weights @ (inside**powers).prod(axis=0) @ mean_weights) - confidence

    return float(brentq(excess, student, bonferroni, xtol=1e-7))
