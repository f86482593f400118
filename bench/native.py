"""Compare the portable build with one for this machine only (WHITEDIFF_NATIVE).

Builds both from the sources into a temporary folder, and lets processes that use the one and the
other take turns: python bench/native.py [--size 4096] [--repeat 7]
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path
from statistics import median

import builds

TARGET = 1.1

_MEASURE = """
import sys
from statistics import median
from contestants import decorrelate
from scene import make_scene
function = decorrelate(make_scene(int(sys.argv[1])), 1)
print(median(function.seconds("cpu") for _ in range(7)))
"""


def seconds(target: Path, size: int) -> float:
    """Measure the processor time of a call in a new process."""
    command, environment = builds.python(target, ["-c", _MEASURE, str(size)])
    run = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return float(run.stdout)


def main() -> None:
    """Build, measure, and print the ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        targets = {Path(folder, "portable"): "OFF", Path(folder, "native"): "ON"}
        for target, native in targets.items():
            builds.install(target, {"cmake.define.WHITEDIFF_NATIVE": native})
        ratios = []
        for _ in range(options.repeat):
            portable, own = (seconds(target, options.size) for target in targets)
            ratios.append(portable / own)
    outcome = "pass" if median(ratios) <= TARGET else "miss"
    print(
        f"portable / native: median {median(ratios):.3f}, range {min(ratios):.3f} to "
        f"{max(ratios):.3f}, target <= {TARGET}: {outcome}"
    )


if __name__ == "__main__":
    main()
