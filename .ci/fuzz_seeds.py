"""Writes what the fuzzers of the C++ library begin with: bytes at random, of several lengths.

usage: fuzz_seeds.py DIRECTORY [NUMBER]

They take numbers from the end of their input, whatever it holds, so that long inputs are deep ones.
"""

import random
import sys
from pathlib import Path


def main(directory: str, number: str = "60") -> None:
    """Write that many files."""
    rng = random.Random(1)
    Path(directory).mkdir(parents=True, exist_ok=True)
    for n in range(int(number)):
        content = rng.randbytes(rng.choice([16, 64, 256, 1024, 4096]))
        (Path(directory) / f"seed{n}").write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
