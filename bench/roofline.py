"""What one core of this machine can do at best, and what each stage asks of it.

The limits are measured: arithmetic by a matrix product, transforms by FFTW's best plan in the
cache, memory by numpy's plain loops. A stage can be no faster than the slower of its arithmetic and
its traffic; how close it comes is what there is to gain.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

_KERNEL_ROWS = 21
_SOURCES = 2
# In memory, and in the cache next to a core.
_LARGE, _SMALL = 1 << 26, 1 << 16
_LINES, _LENGTH = 8, 384
_ROUNDS = 7

PEAK = "arithmetic, float32, Gflop/s"
_FFTW = "FFTW in the cache, Gflop/s"
READ = "reading memory, GB/s"
_WRITE = "writing memory, GB/s"
_CACHE = "copying in the cache, GB/s"
_FRESH = "filling fresh memory, GB/s"


Demand = tuple[float, float, str, str]


def _least_seconds(function: Callable[[], object]) -> float:
    """Time the fastest of some rounds, each of many calls if they are short."""
    begin = time.process_time()
    function()
    calls = max(1, round(0.02 / max(time.process_time() - begin, 1e-7)))
    times = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        for _ in range(calls):
            function()
        times.append((time.process_time() - begin) / calls)
    return min(times)


def _measure_here() -> dict[str, float]:
    import numpy as np

    import fftw

    side = 768
    matrix = np.ones((side, side), np.float32)
    product = np.empty_like(matrix)
    large = np.ones(_LARGE, np.float32)
    small, copy = np.ones(_SMALL, np.float32), np.empty(_SMALL, np.float32)
    lines = fftw.Lines(_LENGTH, _LINES)
    transform = 5 * _LINES * _LENGTH * math.log2(_LENGTH)
    work: dict[str, tuple[float, Callable[[], object]]] = {
        PEAK: (2 * side**3, lambda: np.matmul(matrix, matrix, out=product)),
        _FFTW: (transform, lines),
        READ: (large.nbytes, large.max),
        _WRITE: (large.nbytes, lambda: large.fill(1)),
        _CACHE: (2 * small.nbytes, lambda: np.copyto(copy, small)),
        _FRESH: (large.nbytes, lambda: np.empty(_LARGE, np.float32).fill(0)),
    }
    return {name: 1e-9 * count / _least_seconds(run) for name, (count, run) in work.items()}


def measure() -> dict[str, float]:
    """Measure the limits in a new process, where matrix products have one thread."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return dict(json.loads(done.stdout))


def demands(geometry: dict[str, float], contestant: str) -> dict[str, Demand]:
    """Count what stages need at least.

    Returns
    -------
    `dict`
        For a stage: flops a pixel, bytes a pixel, and which limits hold for the two. A stage that
        is not here has no bound worth telling.
    """
    full = contestant.endswith("full variance")
    planes = 0 if contestant == "decorrelate" else _SOURCES
    # Two tiles, side by side in one complex transform, serve the pixels of a box.
    height = geometry["box_height"] / 2 + 2 * geometry["border"]
    width = geometry["box_width"] + 2 * geometry["border"]
    modes = height * width / (geometry["box_height"] * geometry["box_width"])
    transform = 5 * modes * math.log2(height * width)
    passes = 2 + (_SOURCES + 1 if full else 0)
    loads = 1 + (_SOURCES if full else 0)
    # A quarter of the rows and half of the columns, cosine and sine, multiplied and added.
    spectra = 4 * _KERNEL_ROWS * modes / 8
    filters = 2 * spectra + (_SOURCES * transform if full else 0)  # doubles are half as fast
    return {
        "fresh memory": (0, 8, PEAK, _FRESH),
        "filters": (filters, 0, PEAK, _CACHE),
        "transforms": (passes * transform, 0, _FFTW, _CACHE),
        # To lines and back, one image to two tiles; every number is read and written.
        "transposes": (0, (2 * passes - loads) * 16 * modes, PEAK, _CACHE),
        "multiply": (
            2 * modes + (8 * _SOURCES * modes if full else 0),
            20 * modes + (32 * _SOURCES * modes if full else 0),
            PEAK,
            _CACHE,
        ),
        "blending, stores": (0, 8 if full else 4, PEAK, _WRITE),
        # With full variance the planes are loaded as the image is.
        "variance": (0, 0, PEAK, READ) if full else (2 * planes, 4 * planes + 4, PEAK, READ),
        "loads": (0, 4 + (4 * planes if full else 0), PEAK, READ),
    }


def totals(wanted: dict[str, Demand]) -> tuple[float, float, float]:
    """Sum the demands of stages: flops, bytes of memory, and bytes of the cache, a pixel each."""
    memory, cache = (
        sum(bytes_ for _, bytes_, _, of in wanted.values() if (of == _CACHE) is in_cache)
        for in_cache in (False, True)
    )
    return sum(flops for flops, *_ in wanted.values()), memory, cache


def add_limits(case: dict[str, Any], limits: dict[str, float]) -> None:
    """Write flops, bytes and the least time in nanoseconds, a pixel each, beside the stages."""
    wanted = demands(case["geometry"], case["contestant"])
    for row in case["stages"]:
        if row["stage"] in wanted:
            flops, bytes_, arithmetic, traffic = wanted[row["stage"]]
            row["flops"], row["bytes"] = flops, bytes_
            row["limit"] = max(flops / limits[arithmetic], bytes_ / limits[traffic])


if __name__ == "__main__":
    print(json.dumps(_measure_here()))
