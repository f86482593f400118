"""What only a new process shows: first calls, peak memory, imports. Prints one JSON object.

Nothing but the standard library is imported before the clock runs.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from errors import SkippedError

_LATER_CALLS = 5
# Pixels on a side of a frame that costs little beside its planning.
_SMALL = 256


def first_call(options: argparse.Namespace, *, into: bool = False) -> dict[str, Any]:
    """Compare the first `decorrelate` of the process with the median of later ones.

    All have to be planned. With `into`, into arrays that are there already.
    """
    from statistics import median

    from contestants import decorrelate
    from scene import make_scene

    scene = make_scene(options.size)
    function = decorrelate(scene, options.threads, into=into, planned_anew=True)
    first, *later = (function.seconds("wall") for _ in range(1 + _LATER_CALLS))
    return {
        "value": first / median(later),
        "seconds": {"first call": first, "later calls": median(later)},
    }


def first_memory(options: argparse.Namespace) -> dict[str, Any]:
    """Compare the first time that two new planes are filled with the median of later ones."""
    from statistics import median

    import numpy as np

    def fill() -> float:
        begin = time.perf_counter()
        planes = [np.ones((options.size, options.size), np.float32) for _ in range(2)]
        seconds = time.perf_counter() - begin
        del planes
        return seconds

    first, *later = (fill() for _ in range(1 + _LATER_CALLS))
    return {
        "value": first / median(later),
        "seconds": {"first time": first, "later": median(later)},
    }


def planning(options: argparse.Namespace) -> dict[str, Any]:
    """Compare what a first call costs beyond others that have to be planned with a later call."""
    from statistics import median

    from contestants import decorrelate
    from scene import make_scene

    stamp = make_scene(min(options.size, _SMALL))
    small = decorrelate(stamp, options.threads, planned_anew=True)
    whole = decorrelate(make_scene(options.size), options.threads)
    first, *later = (small.seconds("wall") for _ in range(1 + _LATER_CALLS))
    _, *calls = (whole.seconds("wall") for _ in range(1 + _LATER_CALLS))
    extra = first - median(later)
    return {
        "value": extra / median(calls),
        "seconds": {"first call beyond later ones": extra, "call": median(calls)},
    }


def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the peak memory of a contestant's first call beyond inputs and outputs, in MiB.

    The peak is the kernel's own record of resident memory, set back before the call: everything
    counts that the call touched, plans and the threads' stacks too. Of a call that has other
    processes at work it is that of the largest of all.
    """
    if not _COUNTS_MEMORY:
        return _NO_COUNT
    from contestants import CONTESTANTS
    from scene import make_scene

    contestant = CONTESTANTS[options.contestant]
    if options.size > contestant.largest:
        return {"skipped": f"left out above {contestant.largest} x {contestant.largest}"}
    scene = make_scene(options.size)
    # Made where they are first asked for, which is not to be in the call.
    inputs = scene.science_plane, scene.template_plane
    function = contestant.prepare(scene, options.threads)
    peak, result = _peak(function.run)
    del inputs
    function.check(result)
    return {"value": peak - _size(result), "seconds": {}}


def _size(result: Any) -> float:
    """Give the MiB of an image, or of all images of a result."""
    if hasattr(result, "variance"):
        result = result.image, result.variance
    images = result if isinstance(result, tuple) else (result,)
    return float(sum(image.nbytes for image in images)) / 2**20


_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_COUNTS_MEMORY = _STATUS.exists() and _RESET.exists()
_NO_COUNT = {"skipped": "no /proc/self/clear_refs on this system"}


def _peak(run: Callable[[], Any]) -> tuple[float, Any]:
    """Give the memory, in MiB, that is taken at most while something runs, and what that gives."""

    def resident(field: str) -> float:
        lines = _STATUS.read_text().splitlines()
        return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024

    _RESET.write_text("5")
    before = resident("VmRSS")
    result = run()
    # Processes that were forked have the pages of this one.
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return max(resident("VmHWM"), largest) - before, result


class _Noise:
    """The rows of a frame that lies nowhere: those of a piece of noise, again and again."""

    def __init__(self, size: int) -> None:
        import numpy as np

        self.shape, self.dtype = (size, size), np.dtype(np.float32)
        self._piece = np.random.default_rng(1).standard_normal((64, size), np.float32)
        self.largest = 0

    def __getitem__(self, rows: slice) -> Any:
        import numpy as np

        band = self._piece[np.arange(rows.start, rows.stop, rows.step) % len(self._piece)]
        self.largest = max(self.largest, band.nbytes)
        return band


def _in_bands(size: int, threads: int) -> tuple[Callable[[], float], Callable[[], float]]:
    """Give a run of `decorrelate_bands`, in seconds, and the MiB of the largest of its bands.

    A band is rows that are read, and rows that are written, which are there twice: in the making
    and handed over.
    """
    import whitediff
    from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, make_kernel

    kernel, noise = make_kernel(size), _Noise(size)
    written = 0

    def write(y0: int, *planes: Any) -> None:
        nonlocal written
        written = max(written, sum(plane.nbytes for plane in planes))

    def run() -> float:
        begin = time.process_time()
        whitediff.decorrelate_bands(
            noise, SCIENCE_VARIANCE, TEMPLATE_VARIANCE, kernel, write, n_threads=threads
        )
        return time.process_time() - begin

    return run, lambda: (noise.largest + 2 * written) / 2**20


def bands_memory(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the peak memory of a frame in bands beyond these, in MiB."""
    if not _COUNTS_MEMORY:
        return _NO_COUNT
    run, bands = _in_bands(options.size, options.threads)
    peak, _ = _peak(run)
    return {"value": peak - bands(), "seconds": {}, "MiB": {"bands": bands(), "peak": peak}}


def bands_scale(options: argparse.Namespace) -> dict[str, Any]:
    """Compare the processor time a pixel of a frame in bands with that of one of 4096 x 4096."""
    from statistics import median

    small = min(options.size, 4096)
    (large_run, _), (small_run, _) = (
        _in_bands(size, options.threads) for size in (options.size, small)
    )
    before, of_large = [small_run() for _ in range(2)], large_run()
    of_small = median([*before, *(small_run() for _ in range(3))])
    return {
        "value": of_large / of_small * (small / options.size) ** 2,
        "seconds": {str(options.size): of_large, str(small): of_small},
    }


def import_time(options: argparse.Namespace) -> dict[str, Any]:
    """Time ``import whitediff`` once numpy is there, in milliseconds."""
    begin = time.perf_counter()
    import numpy  # noqa: F401

    middle = time.perf_counter()
    import whitediff  # noqa: F401

    end = time.perf_counter()
    return {
        "value": 1e3 * (end - middle),
        "seconds": {"import numpy": middle - begin, "import whitediff": end - middle},
    }


def help_time(options: argparse.Namespace) -> dict[str, Any]:
    """Time ``whitediff --help`` from start to end, in milliseconds."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "whitediff", "--help"], check=True, stdout=subprocess.DEVNULL
    )
    seconds = time.perf_counter() - begin
    return {"value": 1e3 * seconds, "seconds": {"whitediff --help": seconds}}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    measures = {
        "first-call": first_call,
        "first-out": partial(first_call, into=True),
        "first-memory": first_memory,
        "planning": planning,
        "memory": memory,
        "bands-memory": bands_memory,
        "bands-scale": bands_scale,
        "import": import_time,
        "help": help_time,
    }
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--contestant", help="for memory")
    arguments = parser.parse_args()
    try:
        answer = measures[arguments.measure](arguments)
    except SkippedError as reason:
        answer = {"skipped": str(reason)}
    print(json.dumps(answer))
