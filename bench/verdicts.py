"""Verdicts on simulated subtractions in which nothing is wrong: none may be suspect."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))


def main() -> None:
    from right_sets import right_set

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0, help="of the first one")
    chosen = parser.parse_args()
    counts: Counter[str] = Counter()
    agreements = []
    for seed in range(chosen.seed, chosen.seed + chosen.sets):
        words, result = right_set(seed)
        verdict = result.verdict
        counts[verdict.status] += 1
        if verdict.agreement is not None:
            agreements.append(verdict.agreement)
        if verdict.status not in ("white", "corrected"):
            print(f"{seed}: {words}\n    {verdict}", flush=True)
    print(", ".join(f"{number} {status}" for status, number in sorted(counts.items())))
    print(f"largest scatter left of a difference: {max(agreements):.1e} of its own")


if __name__ == "__main__":
    main()
