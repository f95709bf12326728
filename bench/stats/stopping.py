"""When to look at growing numbers of timing sets and seeds, and the confidence that a look needs.

Intervals of 95% that are looked at again and again miss the truth far more often than in 5% of
sessions: Armitage, McPherson & Rowe (1969), Journal of the Royal Statistical Society A 132. Here
each look spends a share of the 5%, and all shares add up to 5% (alpha spending, Lan & DeMets
(1983), Biometrika 70, with a union bound). This holds for any number of looks and any rule that
stops. Confidence sequences, Howard et al. (2021), Annals of Statistics 49, would allow a look after
every set, but need a bound on the tails of the noise, which signed ranks do not.
"""

from bench.stats.estimates import CONFIDENCE, MIN_SEEDS

FIRST_SHARE = 1 / 32  # the range of six values: a session that stops at its first look loses little
SHARE = 1 / 512  # the range of ten values; equal shares, as a session may need any of the looks
EQUAL_LOOKS = 10  # six sets have become 244 by then
SEED_LOOKS, SEED_SHARE = 4, 0.01  # equal shares: most studies are decided by ten seeds
GROWTH, LEAST_GROWTH, LEAST_MORE_SEEDS = 1.5, 4, 2


def look_confidence(look: int) -> float:
    """Return the confidence of the intervals at a look, counted from 1, that keeps 95% over all.

    The first look spends 1/32 and the next nine 1/512 each. Look 10 + k spends 1 / (k (k + 1)) of
    what is then left of 5%.
    """
    if look < 1:
        raise ValueError(f"expected the number of a look, from 1, got {look}")
    if look == 1:
        return 1 - FIRST_SHARE
    if look <= EQUAL_LOOKS:
        return 1 - SHARE
    left = 1 - CONFIDENCE - FIRST_SHARE - (EQUAL_LOOKS - 1) * SHARE
    k = look - EQUAL_LOOKS
    return 1 - left / (k * (k + 1))


def confidence_after(looks: int) -> float:
    """Return the confidence of intervals at the last of these looks; 95% for a number fixed before.

    0 looks mean that no one looked at the results to decide whether more are added.
    """
    return look_confidence(looks) if looks else CONFIDENCE


def seeds_confidence(look: int) -> float:
    """Return the confidence of accuracies at a look, counted from 1, that keeps 95% over all.

    Four looks, at 3, 5, 7 and 10 seeds, spend 1% each, and each later one half of what is left.
    """
    if look < 1:
        raise ValueError(f"expected the number of a look, from 1, got {look}")
    if look <= SEED_LOOKS:
        return 1 - SEED_SHARE
    left = 1 - CONFIDENCE - SEED_LOOKS * SEED_SHARE
    return 1 - left * 0.5 ** (look - SEED_LOOKS)


def confidence_after_seeds(looks: int) -> float:
    """Return the confidence of accuracies at the last of these looks; 95% without any."""
    return seeds_confidence(looks) if looks else CONFIDENCE


def next_look(n: int) -> int:
    """Return the number of sets at the look after that at `n`: half as many more, at least four."""
    return max(n + LEAST_GROWTH, int(n * GROWTH))


def next_seeds(n: int) -> int:
    """Return the number of seeds at the look after that at `n`: half as many more, at least two.

    At least three, the fewest that have an interval.
    """
    return max(MIN_SEEDS, n + LEAST_MORE_SEEDS, int(n * GROWTH))
