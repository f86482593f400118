"""What perf watches: prepares a contestant, and lets perf count during some calls only."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS
from scene import make_scene

_LEAST_CALLS = 3


class Perf:
    """Switches the counting of the perf that runs this process on and off."""

    def __init__(self, control: Path, acknowledge: Path) -> None:
        self._control = control.open("w")
        self._acknowledge = acknowledge.open()

    def tell(self, command: str) -> None:
        """Send a command, and wait until perf has obeyed."""
        self._control.write(command + "\n")
        self._control.flush()
        self._acknowledge.readline()


def geometry(result: Any) -> dict[str, float]:
    """Say how a frame was cut: cells, and sizes that they have on average."""
    boxes, expanded = result.cells.boxes, result.cells.expanded
    return {
        "cells": len(boxes),
        "border": result.border,
        "box_height": float((boxes[:, 3] - boxes[:, 1]).mean()),
        "box_width": float((boxes[:, 2] - boxes[:, 0]).mean()),
        "expanded_height": float((expanded[:, 3] - expanded[:, 1]).mean()),
        "expanded_width": float((expanded[:, 2] - expanded[:, 0]).mean()),
    }


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("contestant", choices=CONTESTANTS)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True, help="of counting, about")
    parser.add_argument("--control", type=Path, required=True)
    parser.add_argument("--acknowledge", type=Path, required=True)
    options = parser.parse_args()
    scene = make_scene(options.size)
    function = CONTESTANTS[options.contestant].prepare(scene, 1)
    result = function.run()
    function.check(result)
    # Exposures do not tell; their cells are those of variance planes.
    if not hasattr(result, "cells"):
        result = CONTESTANTS["decorrelate, variance planes"].prepare(scene, 1).run()
    frame = geometry(result)
    del result
    perf = Perf(options.control, options.acknowledge)
    calls = 0
    perf.tell("enable")
    begin = time.process_time()
    while calls < _LEAST_CALLS or time.process_time() - begin < options.seconds:
        function.run()
        calls += 1
    seconds = (time.process_time() - begin) / calls
    perf.tell("disable")
    print(json.dumps({"seconds": seconds, "calls": calls, "geometry": frame}))


if __name__ == "__main__":
    main()
