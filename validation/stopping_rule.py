"""Count wrong sessions that add timing sets and look at their numbers in between.

    python validation/stopping_rule.py

A session starts with six sets and looks again at each `next_look`, up to 200 sets, until its
interval is `narrow`, or its verdict is `decided`, or, at `worst`, until its interval misses the
truth. `wrong` is how often its verdict is false: a change where nothing differs, or equivalence
where the truth lies just beyond the margin. `missed` is how often its last interval does not
contain the truth. With the confidence of `look_confidence` both must be 5% at most, whatever the
rule; for comparison, looks at 95% each.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent.parent))

from estimators import NOISE, noise_floors

from bench.stats.estimates import CONFIDENCE, Estimate, Floats, signed_rank_intervals
from bench.stats.stopping import look_confidence, next_look
from bench.stats.verdicts import EQUIVALENCE_MARGIN, verdict

FIRST, MOST, SESSIONS = 6, 200, 2_000
NARROW = 0.04  # of an interval, in the log scale: ±2%
EFFECTS = (0.0, EQUIVALENCE_MARGIN + 0.0001)
FALSE = {EFFECTS[0]: ("REGRESSED", "IMPROVED"), EFFECTS[1]: ("EQUIVALENT", "IMPROVED")}


def looks() -> Iterator[int]:
    """Yield the numbers of sets at which a session looks."""
    n = FIRST
    while n < MOST:
        yield n
        n = next_look(n)
    yield MOST


def intervals_at(samples: Floats, confidence: float) -> tuple[Floats, Floats]:
    parts = [signed_rank_intervals(part, confidence) for part in np.array_split(samples, 20)]
    low, high = map(np.concatenate, zip(*parts, strict=True))
    return low, high


def counted(
    limits: list[tuple[Floats, Floats]], floors: list[Floats], effect: float, rule: str
) -> dict[str, float]:
    """Stop every session by a rule and count; `limits` and `floors` have an entry per look."""
    wrong, missed, sets = [], [], []
    for session in range(SESSIONS):
        for n, (lows, highs), floor in zip(looks(), limits, floors, strict=True):
            low, high = lows[session], highs[session]
            ratio = Estimate(1 + effect, *np.exp(np.array([low, high])) * (1 + effect), n)
            found = verdict(ratio, floor[session])
            is_last = {
                "narrow": high - low <= NARROW,
                "decided": found != "INCONCLUSIVE",
                "worst": not low <= 0 <= high,
            }
            if is_last[rule]:
                break
        wrong.append(found in FALSE[effect])
        missed.append(not low <= 0 <= high)
        sets.append(n)
    return {"wrong": np.mean(wrong), "missed": np.mean(missed), "median sets": np.median(sets)}


def rows() -> Iterator[dict[str, object]]:
    for name, draw in NOISE.items():
        rng = np.random.default_rng(5)
        samples, aa = draw(rng, (SESSIONS, MOST)), draw(rng, (SESSIONS, MOST))
        floors = [noise_floors("signed rank", aa[:, :n], rng) for n in looks()]
        for adjusted in (True, False):
            limits = [
                intervals_at(samples[:, :n], look_confidence(k) if adjusted else CONFIDENCE)
                for k, n in enumerate(looks(), 1)
            ]
            for rule in ("narrow", "decided", "worst"):
                for effect in EFFECTS:
                    yield {
                        "noise": name,
                        "until": rule,
                        "truth": f"{effect:+.2%}",
                        "looks at": "its own level" if adjusted else "95%",
                        **counted(limits, floors, effect, rule),
                    }


def main() -> None:
    print("looks at", *looks(), "sets")
    table = pd.DataFrame(rows()).set_index(["noise", "until", "truth", "looks at"])
    print(table.unstack("looks at").swaplevel(axis=1).sort_index(axis=1, level=0).to_string())


if __name__ == "__main__":
    main()
