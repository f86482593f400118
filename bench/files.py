"""From file to file: the command, beside copies of its files, and what it takes to start."""

from __future__ import annotations

import io
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import median

from contestants import fftw
from errors import AnswerError
from scene import make_scene
from timing import CLOCKS, Clock, Timed, take_turns
from whitediff.cli.app import run

# Pixels on a side of files that cost little beside what is imported.
_SMALL = 256


class Process:
    """A command in a process of its own, as what takes turns."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    def warm_up(self, clock: Clock) -> float:
        return self.seconds(clock)

    def seconds(self, clock: Clock) -> float:
        tick = CLOCKS[clock]
        begin = tick()
        if subprocess.run(self._command, stdout=subprocess.DEVNULL).returncode:
            raise AnswerError(f"a new process failed: {shlex.join(self._command)[:80]}")
        return tick() - begin


@contextmanager
def _pair(size: int, threads: int) -> Iterator[tuple[list[str], list[Path], Path]]:
    """Simulate a pair of images; gives what whitens it, the files that this reads, and writes."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _quietly(["simulate", name, "--shape", str(size), str(size)])
        inputs = [folder / f"{n}.fits" for n in ("science", "template", "difference", "kernel")]
        output = folder / "white.fits"
        given = [part for path in inputs for part in (f"--{path.stem}", str(path))]
        more = ["--output", str(output), "--overwrite", "--threads", str(threads)]
        yield ["decorrelate", *given, *more], inputs, output


def _quietly(arguments: Sequence[str]) -> int:
    with redirect_stdout(io.StringIO()):
        return run(arguments)


def _check(status: int) -> None:
    if status:
        raise AnswerError(f"whitediff ended with status {status}")


def from_file_to_file(
    size: int, threads: int, repeat: int, clock: Clock
) -> tuple[list[float], dict[str, float]]:
    """Compare whitening files, in a process that has done so before, with 1.5 F + B.

    F is to read the inputs and to copy the output, by cat and cp, B a round trip of the frame.
    """
    with _pair(size, threads) as (arguments, inputs, output):
        whitened = Timed(lambda: _quietly(arguments), _check)
        copied = Process(
            ["sh", "-c", f"cat {shlex.join(map(str, inputs))}; cp {output} {output}.copy"]
        )
        whole, files, round_trips = take_turns(
            [whitened, copied, fftw(make_scene(size), threads)], repeat, clock
        )
    values = [a / (1.5 * f + b) for a, f, b in zip(whole, files, round_trips, strict=True)]
    return values, {"decorrelate": median(whole), "F": median(files), "B": median(round_trips)}


def start(threads: int, repeat: int, clock: Clock) -> tuple[list[float], dict[str, float]]:
    """Measure what the first run of a process takes beyond later ones, in milliseconds."""
    with _pair(_SMALL, threads) as (arguments, *_):
        first = Process([sys.executable, "-m", "whitediff", *arguments])
        later = Timed(lambda: _quietly(arguments), _check)
        imports = Process([sys.executable, "-c", "import numpy, astropy.io.fits"])
        firsts, laters, least = take_turns([first, later, imports], repeat, clock)
    values = [1e3 * (a - b) for a, b in zip(firsts, laters, strict=True)]
    return values, {
        "process": median(firsts),
        "a later run": median(laters),
        "import numpy, astropy.io.fits": median(least),
    }
