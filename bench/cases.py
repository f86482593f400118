"""What is measured, as data: every row of the table is one `Case`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from contestants import CONTESTANTS, STAMPS, copy, decorrelate, fftw
from errors import AnswerError, SkippedError
from files import from_file_to_file, start
from machine import core_count
from scene import RADIUS, Scene, make_scene
from timing import Clock, Timed, take_turns
from whiteness import correlations, variance_error

# Seconds that the rounds of a case may take.
_PATIENCE = 40.0
_NOISE_SIZE = 1024
STAMP = 256
_FRESH = Path(__file__).with_name("fresh.py")


@dataclass(frozen=True)
class Settings:
    """How to measure.

    Attributes
    ----------
    size : `int`
        Pixels on a side of the frame.
    threads : `int`
        Threads of whitediff, FFTW and scipy alike.
    repeat : `int`
        Rounds, or new processes.
    clock : {"wall", "cpu"}
        Elapsed time, or the processor time of all threads.
    large : `bool`
        Whether cases that take gigabytes and minutes run.
    """

    size: int
    threads: int
    repeat: int
    clock: Clock
    large: bool


@dataclass(frozen=True)
class Measured:
    """One number a round, and the seconds behind them (medians)."""

    values: list[float]
    seconds: dict[str, float]


@dataclass(frozen=True)
class Case:
    """A row of the table.

    Attributes
    ----------
    name : `str`
        For the command line.
    what : `str`
        What the number says.
    measure : callable
        Gives the numbers, or raises `SkippedError` or `AnswerError`.
    target : `float` or None
        What the median must reach: at most this, or at least. None: for comparison only.
    at_least : `bool`
        Whether more is better.
    unit : `str`
        Of the number; "x" for a ratio.
    """

    name: str
    what: str
    measure: Callable[[Settings], Measured]
    target: float | None = None
    at_least: bool = False
    unit: str = "x"

    def outcome(self, value: float) -> str:
        """Say whether the target is reached."""
        if self.target is None:
            return "measured"
        met = value >= self.target if self.at_least else value <= self.target
        return "pass" if met else "miss"


def ratio(
    numerator: str, denominator: str, *, radius: int = RADIUS, size: int | None = None
) -> Callable[[Settings], Measured]:
    """Compare the times of two contestants, with a kernel of this radius."""

    def measure(settings: Settings) -> Measured:
        scene = make_scene(size or settings.size, radius)
        names = (numerator, denominator)
        functions = [CONTESTANTS[name].prepare(scene, settings.threads) for name in names]
        above, below = take_turns(functions, settings.repeat, settings.clock, patience=_PATIENCE)
        return Measured(
            [a / b for a, b in zip(above, below, strict=True)],
            {numerator: median(above), denominator: median(below)},
        )

    return measure


@contextmanager
def busy_processes(count: int) -> Iterator[None]:
    """Have other processes that never wait."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def two_threads(
    prepare: Callable[[Scene, int], Timed], *, others: int = 0
) -> Callable[[Settings], Measured]:
    """Compare one thread with two, by the clock on the wall, beside other processes."""

    def measure(settings: Settings) -> Measured:
        if core_count() < 2:
            raise SkippedError("only one core")
        scene = make_scene(settings.size)
        functions = [prepare(scene, threads) for threads in (1, 2)]
        with busy_processes(others):
            one, two = take_turns(functions, settings.repeat, "wall")
        return Measured(
            [a / b for a, b in zip(one, two, strict=True)],
            {"one thread": median(one), "two threads": median(two)},
        )

    return measure


def time_a_pixel(large: int, small: int) -> Callable[[Settings], Measured]:
    """Compare the times a pixel of a large frame and of a small one."""

    def measure(settings: Settings) -> Measured:
        if not settings.large:
            raise SkippedError(f"{large} x {large} pixels: --large")
        functions = [decorrelate(make_scene(size), settings.threads) for size in (large, small)]
        seconds = take_turns(functions, settings.repeat, settings.clock)
        per_pixel = [
            [value / size**2 for value in values]
            for values, size in zip(seconds, (large, small), strict=True)
        ]
        return Measured(
            [a / b for a, b in zip(*per_pixel, strict=True)],
            {
                f"{large} x {large}": median(seconds[0]),
                f"{small} x {small}": median(seconds[1]),
            },
        )

    return measure


def fresh(python: Sequence[str], environment: Mapping[str, str], *arguments: str) -> Any:
    """Run `fresh.py` in a new process, and give what it prints.

    Raises
    ------
    AnswerError
        If it fails.
    """
    command = [*python, str(_FRESH), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise AnswerError(f"a new process failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def in_new_process(*arguments: str, large: int | None = None) -> Callable[[Settings], Measured]:
    """Give what `fresh.py` prints, in one new process after the other.

    Of a large frame there is one, and only with --large.
    """

    def measure(settings: Settings) -> Measured:
        if large and not settings.large:
            raise SkippedError(f"{large} x {large} pixels: --large")
        options = ("--size", str(large or settings.size), "--threads", str(settings.threads))
        values = []
        seconds: dict[str, list[float]] = {}
        # The first process finds files that are not in memory yet.
        for turn in range(1, 2) if large else range(settings.repeat + 1):
            answer = fresh([sys.executable], os.environ, *arguments, *options)
            if "skipped" in answer:
                raise SkippedError(answer["skipped"])
            if turn == 0:
                continue
            values.append(answer["value"])
            for name, value in answer["seconds"].items():
                seconds.setdefault(name, []).append(value)
        return Measured(values, {name: median(all_) for name, all_ in seconds.items()})

    return measure


def memory_of(contestant: str, large: int | None = None) -> Callable[[Settings], Measured]:
    """Give the peak memory of a contestant's first call, beyond inputs and outputs."""
    return in_new_process("memory", "--contestant", contestant, large=large)


def of_noise(measure: Callable[[int, int], float]) -> Callable[[Settings], Measured]:
    """Give a number for the whitened noise of every seed."""

    def measured(settings: Settings) -> Measured:
        size = min(settings.size, _NOISE_SIZE)
        return Measured([measure(size, seed) for seed in range(settings.repeat)], {})

    return measured


_B = "FFTW round trip"

CASES = (
    Case(
        "decorrelate",
        "spatially varying, image and estimated variance, scalar variances / B",
        ratio("decorrelate", _B),
        target=0.5,
    ),
    Case(
        "planes",
        "the same with variance planes and clipped statistics / B",
        ratio("decorrelate, variance planes", _B),
        target=0.55,
    ),
    Case(
        "out",
        "the first row, into arrays that are there already / B",
        ratio("decorrelate into arrays", _B),
        target=0.5,
    ),
    Case(
        "out-planes",
        "the second row, likewise / B",
        ratio("decorrelate into arrays, variance planes", _B),
        target=0.55,
    ),
    Case(
        "task",
        "the same through DecorrelateALKernelSpatialTask with masks and PSF / B",
        ratio("DecorrelateALKernelSpatialTask", _B),
        target=0.7,
    ),
    Case(
        "full-variance",
        "with full variance propagation / B",
        ratio("decorrelate, full variance", _B),
        target=1.2,
    ),
    Case(
        "stamp",
        f"decorrelate, a later call with the same kernel, {STAMP} x {STAMP} / B of that size",
        ratio("decorrelate", _B, size=STAMP),
        target=4,
    ),
    Case(
        "stack",
        f"whiten_stack of {STAMPS} stamps of 64 x 64, one thread / their round trips",
        ratio("whiten_stack", "FFTW round trips of stamps", size=64),
        target=2,
    ),
    Case(
        "whiteness",
        "how white an image is: autocorrelation and noise on the scale of a PSF / B",
        ratio("whiteness", _B),
        target=3,
    ),
    Case(
        "numpy",
        "numpy full frame, double precision: image, planes, PSF / decorrelate, one filter",
        ratio("numpy full frame, planes and PSF", "decorrelate, one filter, planes and PSF"),
        target=60,
        at_least=True,
    ),
    Case(
        "numpy-31",
        "the same with a kernel of 31 x 31",
        ratio(
            "numpy full frame, planes and PSF",
            "decorrelate, one filter, planes and PSF",
            radius=15,
        ),
    ),
    Case(
        "numpy-image",
        "numpy full frame on the image alone / decorrelate, one filter",
        ratio("numpy full frame, one filter", "decorrelate, one filter"),
    ),
    Case(
        "numpy-real",
        "with transforms of real images, on the image alone / decorrelate, one filter",
        ratio("numpy full frame, real transforms", "decorrelate, one filter"),
    ),
    Case(
        "fftconvolve",
        "scipy fftconvolve with one ready filter / decorrelate, one filter",
        ratio("scipy fftconvolve, one filter", "decorrelate, one filter"),
    ),
    Case(
        "oaconvolve",
        "scipy oaconvolve with one ready filter / decorrelate, one filter",
        ratio("scipy oaconvolve, one filter", "decorrelate, one filter"),
    ),
    Case(
        "astropy",
        "astropy convolve_fft with one ready filter / decorrelate, one filter",
        ratio("astropy convolve_fft, one filter", "decorrelate, one filter"),
    ),
    Case(
        "sfft",
        "SFFT, decorrelation kernel and convolution, on the image alone / decorrelate, one filter",
        ratio("SFFT, one filter", "decorrelate, one filter"),
    ),
    Case(
        "sfft-tiles",
        "SFFT in 16 x 16 tiles, on the image alone / decorrelate",
        ratio("SFFT, tiles", "decorrelate"),
    ),
    Case(
        "rubin",
        "lsst.ip.diffim, image and planes / decorrelate, one filter, planes and PSF",
        ratio("Rubin, one filter, planes", "decorrelate, one filter, planes and PSF"),
    ),
    Case(
        "roman",
        "Roman's fork of SFFT: image, full variance, PSF / decorrelate, one filter, likewise",
        ratio(
            "Roman, one filter, full variance and PSF",
            "decorrelate, one filter, full variance and PSF",
        ),
    ),
    Case(
        "threads",
        "decorrelate: one thread / two threads",
        two_threads(decorrelate),
        target=1.85,
        at_least=True,
    ),
    Case(
        "threads-busy",
        "the same while two other processes are busy",
        two_threads(decorrelate, others=2),
        target=1,
        at_least=True,
    ),
    Case("threads-fftw", "B: one thread / two threads", two_threads(fftw)),
    Case("threads-copy", "plain copy of the frame: one thread / two threads", two_threads(copy)),
    Case(
        "first-call",
        "first call in a new process / later ones, all of them planned",
        in_new_process("first-call"),
        target=1.1,
    ),
    Case(
        "first-out",
        "the same into arrays that are there already",
        in_new_process("first-out"),
    ),
    Case(
        "first-memory",
        "two new planes filled: first time in a new process / later ones",
        in_new_process("first-memory"),
    ),
    Case(
        "planning",
        "first call of a process beyond later ones, 256 x 256, planned / a later call of full size",
        in_new_process("planning"),
        target=0.1,
    ),
    Case(
        "memory",
        "peak memory beyond inputs and outputs, variance planes",
        memory_of("decorrelate, variance planes"),
        target=64,
        unit="MiB",
    ),
    Case(
        "memory-full",
        "peak memory beyond inputs and outputs, full variance",
        memory_of("decorrelate, full variance"),
        target=64,
        unit="MiB",
    ),
    Case(
        "memory-constant",
        "peak memory beyond inputs and outputs, one filter",
        memory_of("decorrelate, one filter, planes and PSF"),
        target=64,
        unit="MiB",
    ),
    *(
        Case(
            f"memory-{name}",
            f"peak memory beyond inputs and outputs, {contestant}",
            memory_of(contestant),
            unit="MiB",
        )
        for name, contestant in {
            "numpy": "numpy full frame, planes and PSF",
            "fftconvolve": "scipy fftconvolve, one filter",
            "oaconvolve": "scipy oaconvolve, one filter",
            "astropy": "astropy convolve_fft, one filter",
            "sfft": "SFFT, one filter",
            "sfft-tiles": "SFFT, tiles",
            "rubin": "Rubin, one filter, planes",
            "roman": "Roman, one filter, full variance and PSF",
        }.items()
    ),
    Case(
        "memory-large",
        "peak memory beyond inputs and outputs, 16384 x 16384, variance planes",
        memory_of("decorrelate, variance planes", large=16384),
        target=64,
        unit="MiB",
    ),
    Case(
        "bands-memory",
        "peak memory beyond the bands, 32768 x 32768, decorrelate_bands",
        in_new_process("bands-memory", large=32768),
        target=64,
        unit="MiB",
    ),
    Case(
        "bands-scale",
        "decorrelate_bands, time a pixel, 32768 x 32768 / 4096 x 4096",
        in_new_process("bands-scale", large=32768),
        target=1.15,
    ),
    Case(
        "scale",
        "time a pixel, 16384 x 16384 / 2048 x 2048",
        time_a_pixel(16384, 2048),
        target=1.15,
    ),
    Case(
        "import",
        "import whitediff, after numpy",
        in_new_process("import"),
        target=40,
        unit="ms",
    ),
    Case("help", "whitediff --help", in_new_process("help"), target=300, unit="ms"),
    Case(
        "files",
        "whitediff decorrelate, planes and masks, a later run of a process / 1.5 F + B",
        lambda settings: Measured(
            *from_file_to_file(settings.size, settings.threads, settings.repeat, settings.clock)
        ),
        target=1,
    ),
    Case(
        "start",
        "whitediff decorrelate of 256 x 256, a new process beyond a later run",
        lambda settings: Measured(*start(settings.threads, settings.repeat, settings.clock)),
        target=250,
        unit="ms",
    ),
    Case(
        "variance",
        "variance of whitened white noise, kernel varying over 1024 x 1024, off theory by",
        of_noise(lambda size, seed: variance_error(size, seed, 1)),
        target=0.5,
        unit="%",
    ),
    Case(
        "variance-ninths",
        "the same in the worst of its ninths",
        of_noise(lambda size, seed: variance_error(size, seed, 3)),
        target=2,
        unit="%",
    ),
    Case(
        "autocorrelation",
        "the largest of 20 autocorrelations of the same, lags 1 to 10 in x and y, over its "
        "sampling error",
        of_noise(lambda size, seed: float(abs(correlations(size, seed)).max())),
        target=4.5,
    ),
    Case(
        "autocorrelation-rms",
        "their rms over the sampling error",
        of_noise(lambda size, seed: float((correlations(size, seed) ** 2).mean() ** 0.5)),
    ),
)
