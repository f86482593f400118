"""Compare the portable build with one for this machine only (WHITEDIFF_NATIVE).

Builds both from the sources into a temporary folder, and lets processes that use the one and the
other take turns: python bench/native.py [--size 4096] [--repeat 7]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

BENCH = Path(__file__).resolve().parent
TARGET = 1.1

_MEASURE = """
import sys, time
from statistics import median
from contestants import decorrelate
from scene import make_scene
function = decorrelate(make_scene(int(sys.argv[1])), 1)
print(median(function.seconds(time.process_time) for _ in range(7)))
"""


def build(folder: Path, native: bool) -> Path:
    """Install the package into a folder of its own, and give that."""
    target = folder / ("native" if native else "portable")
    define = f"cmake.define.WHITEDIFF_NATIVE={'ON' if native else 'OFF'}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", target]
    settings = ["-C", define, "-C", f"build-dir={target}-build"]
    subprocess.run([*command, *settings, BENCH.parent], check=True)
    return target


def seconds(target: Path, size: int) -> float:
    """Measure the processor time of a call in a new process."""
    path = os.pathsep.join([str(target), str(BENCH)])
    run = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(size)],
        env={**os.environ, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    )
    return float(run.stdout)


def main() -> None:
    """Build, measure, and print the ratio with its spread."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--repeat", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        portable, native = (build(Path(folder), native) for native in (False, True))
        ratios = [
            seconds(portable, options.size) / seconds(native, options.size)
            for _ in range(options.repeat)
        ]
    outcome = "pass" if median(ratios) <= TARGET else "miss"
    print(
        f"portable / native: median {median(ratios):.3f}, range {min(ratios):.3f} to "
        f"{max(ratios):.3f}, target <= {TARGET}: {outcome}"
    )


if __name__ == "__main__":
    main()
