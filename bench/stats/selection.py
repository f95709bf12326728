"""The rules that choose among tuned candidates, shared by the runner and the report."""

from collections.abc import Mapping, Sequence
from math import ceil, fsum, isfinite

# Shares of the training images on which successive halving trains its candidates.
HALVING_SHARES = (1 / 9, 1 / 3, 1.0)


def halved(scores: Mapping[str, Sequence[float | None]]) -> list[str]:
    """Return the best third of the candidates, rounded up, in the study's order.

    Source: Jamieson & Talwalkar (2016), Non-stochastic best arm identification and hyperparameter
    optimization, arXiv:1502.07943, with the factor 3 of Li et al. (2018), Hyperband,
    arXiv:1603.06560.
    """
    left, best = dict(scores), set()
    for _ in range(ceil(len(scores) / 3)):
        best.add(best_candidate(left))
        left = {candidate: own for candidate, own in scores.items() if candidate not in best}
    return [candidate for candidate in scores if candidate in best]


def best_candidate(scores: Mapping[str, Sequence[float | None]]) -> str:
    """Return the candidate with the highest mean validation accuracy over the tuning seeds.

    Keys are candidates in the study's order; values have an accuracy per seed, None for a trial
    that did not end ok. A candidate whose trials all ended ok ranks above any other; without
    one, more finished trials rank higher, then the mean. Ties go to the first. Raises ValueError
    without candidates.
    """
    if not scores:
        raise ValueError("expected at least one candidate, got no candidate")

    def rank(candidate: str) -> tuple[bool, int, float]:
        own = scores[candidate]
        finished = [score for score in own if score is not None and isfinite(score)]
        is_complete = 0 < len(own) == len(finished)
        # fsum rounds once, so that ties stay ties whatever the order of the seeds.
        mean = fsum(finished) / len(finished) if finished else 0.0
        return is_complete, 0 if is_complete else len(finished), mean

    return max(scores, key=rank)  # max keeps the first
