"""Which candidate of a tuning is taken: one rule, for the runner that decides and the report."""

from collections.abc import Mapping, Sequence
from math import fsum, isfinite


def best_of(scores: Mapping[str, Sequence[float | None]]) -> str:
    """Choose the candidate with the highest mean validation accuracy over the tuning seeds.

    Keys are candidates in the study's order; values have an accuracy a seed, None for a trial
    that did not end ok. A candidate whose trials all ended ok ranks above any other; without
    such a one, more finished trials rank higher, then the mean. Ties go to the first. Raises
    ValueError without candidates.
    """
    if not scores:
        raise ValueError("there is no candidate to choose from")
    return max(scores, key=lambda candidate: _rank(scores[candidate]))  # max keeps the first


def _rank(scores: Sequence[float | None]) -> tuple[bool, int, float]:
    """Rank a candidate: whole or not, finished trials where it is not, mean of those."""
    finished = [score for score in scores if score is not None and isfinite(score)]
    is_whole = 0 < len(scores) == len(finished)
    # fsum rounds once, so that seeds in another order make no other mean and ties stay ties.
    mean = fsum(finished) / len(finished) if finished else 0.0
    return is_whole, 0 if is_whole else len(finished), mean
