"""What only a new process shows: first calls, peak memory, imports. Prints one JSON object.

Nothing but the standard library is imported before the clock runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

_LATER_CALLS = 5
# Pixels on a side of a frame that costs little beside its planning.
_SMALL = 256


def first_call(options: argparse.Namespace) -> dict[str, Any]:
    """Compare the first `decorrelate` of the process with the median of later ones."""
    from statistics import median

    from contestants import decorrelate
    from scene import make_scene

    function = decorrelate(make_scene(options.size), options.threads)
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
    """Compare what a first call costs beside its pixels with a later call."""
    from statistics import median

    from contestants import decorrelate
    from scene import make_scene

    small = decorrelate(make_scene(min(options.size, _SMALL)), options.threads)
    whole = decorrelate(make_scene(options.size), options.threads)
    first, *later = (small.seconds("wall") for _ in range(1 + _LATER_CALLS))
    _, *calls = (whole.seconds("wall") for _ in range(1 + _LATER_CALLS))
    extra = first - median(later)
    return {
        "value": extra / median(calls),
        "seconds": {"first call beyond later ones": extra, "call": median(calls)},
    }


def memory(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the peak memory of a first call beyond inputs and outputs, in MiB.

    The peak is the kernel's own record of resident memory, set back before the call: everything
    counts that the call touched, plans and the threads' stacks too.
    """
    status, reset = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    if not (status.exists() and reset.exists()):
        return {"skipped": "no /proc/self/clear_refs on this system"}
    from contestants import decorrelate
    from scene import make_scene

    def resident(field: str) -> float:
        line = next(line for line in status.read_text().splitlines() if line.startswith(field))
        return int(line.split()[1]) / 1024

    function = decorrelate(
        make_scene(options.size),
        options.threads,
        planes=True,
        variance=options.variance,
        spatially_varying=not options.constant,
    )
    reset.write_text("5")
    before = resident("VmRSS")
    result = function.run()
    outputs = (result.image.nbytes + result.variance.nbytes) / 2**20
    return {"value": resident("VmHWM") - before - outputs, "seconds": {}}


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
        "first-memory": first_memory,
        "planning": planning,
        "memory": memory,
        "import": import_time,
        "help": help_time,
    }
    parser.add_argument("measure", choices=measures)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--variance", choices=("estimate", "full"), default="estimate")
    parser.add_argument("--constant", action="store_true")
    arguments = parser.parse_args()
    print(json.dumps(measures[arguments.measure](arguments)))
