"""The rule that chooses a tuned candidate, shared by the runner and the report."""

from collections.abc import Mapping, Sequence
from math import fsum, isfinite


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
