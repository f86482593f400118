"""What is measured at many points, as data: how cost grows, for the figures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

import numpy as np

import whitediff
from cases import Settings
from contestants import CONTESTANTS, check_white, decorrelate
from errors import AnswerError, SkippedError
from machine import available_memory
from scene import SCIENCE_VARIANCE, TEMPLATE_VARIANCE, Scene, make_scene
from timing import Timed, take_turns

# Seconds that the rounds of one point may take.
_PATIENCE = 5.0
_LARGE = 8192
# Close to what others show, of many stamps, or too slow to be followed.
_LEFT_OUT = (
    "numpy full frame, one filter",
    "decorrelate, one filter, planes and PSF",
    "FFTW round trips of stamps",
    "whiten_stack",
    "decorrelate into arrays",
    "decorrelate into arrays, variance planes",
    "whiteness",
    "astropy convolve_fft, one filter",
    "decorrelate, one filter, full variance and PSF",
    "SFFT, one filter",
    "SFFT, tiles",
    "Rubin, one filter, planes",
    "Roman, one filter, full variance and PSF",
)

Function = Callable[[Settings], Timed]


@dataclass(frozen=True)
class Sweep:
    """Measurements along one axis.

    Attributes
    ----------
    name : `str`
        For the command line.
    axis : `str`
        What grows.
    points : `tuple` of `int`
        Where it is measured.
    series : callable
        Gives the names of what is timed at a point, and functions of the settings that prepare it.
    relative : `bool`
        Whether times are divided by those of `decorrelate` of the same frame, with variances given
        as numbers, 2 sources, 2 kernel images of 21 x 21 pixels; else they are seconds.
    """

    name: str
    axis: str
    points: tuple[int, ...]
    series: Callable[[int], Iterator[tuple[str, Function]]]
    relative: bool = True

    def measure(self, point: int, settings: Settings) -> Iterator[dict[str, Any]]:
        """Measure all series at a point: rows for JSON."""
        for name, prepare in self.series(point):
            try:
                functions = [prepare(settings)]
                if self.relative:
                    functions.append(decorrelate(make_scene(settings.size), settings.threads))
                times = take_turns(functions, settings.repeat, settings.clock, patience=_PATIENCE)
            except (SkippedError, AnswerError) as reason:
                outcome = "wrong" if isinstance(reason, AnswerError) else "skipped"
                print(f"{self.name} {point}, {name}: {outcome}: {reason}", file=sys.stderr)
                row: dict[str, Any] = {"outcome": outcome, "reason": str(reason)}
            else:
                seconds = median(times[0])
                values = times[0]
                if self.relative:
                    values = [above / below for above, below in zip(*times, strict=True)]
                row = {"outcome": "measured", "values": values, "seconds": seconds}
                print(f"{self.name} {point}, {name}: {seconds:.4g} s", file=sys.stderr)
            yield {"sweep": self.name, "at": point, "series": name, **row}


def _sizes(size: int) -> Iterator[tuple[str, Function]]:
    for name in CONTESTANTS:
        if name in _LEFT_OUT:
            continue

        def prepare(settings: Settings, name: str = name) -> Timed:
            contestant = CONTESTANTS[name]
            if size > contestant.largest:
                raise SkippedError(f"left out above {contestant.largest} x {contestant.largest}")
            if size > _LARGE and not settings.large:
                raise SkippedError("--large")
            needed, there = contestant.bytes_a_pixel * size**2, available_memory()
            if needed > there:
                raise SkippedError(f"takes {needed / 1e9:.0f} GB, there are {there / 1e9:.0f}")
            return contestant.prepare(make_scene(size), settings.threads)

        yield name, prepare


def _whiten(
    scene: Scene, sources: list[whitediff.NoiseSource], threads: int, **options: Any
) -> Timed:
    return Timed(
        lambda: whitediff.whiten(scene.difference, sources, n_threads=threads, **options),
        lambda result: check_white(result.image, result.variance, result.border, scene.radius),
    )


def _sources(count: int) -> Iterator[tuple[str, Function]]:
    """One science image, and a template as the mean of the others: the noise stays what it is."""

    def prepare(settings: Settings, *, planes: bool, **options: Any) -> Timed:
        scene = make_scene(settings.size)
        templates = count - 1
        sources = [whitediff.NoiseSource(scene.science_plane if planes else SCIENCE_VARIANCE)]
        for _ in range(templates):
            kernel = whitediff.SpatialKernel(scene.kernel.basis, scene.kernel.functions)
            variance = scene.template_plane if planes else TEMPLATE_VARIANCE
            sources.append(
                whitediff.NoiseSource(
                    np.float32(templates) * variance, kernels=[kernel], weight=1 / templates
                )
            )
        return _whiten(scene, sources, settings.threads, **options)

    yield "variances as numbers", partial(prepare, planes=False)
    yield "variance planes", partial(prepare, planes=True)
    yield "full variance", partial(prepare, planes=True, variance="full")


def _basis(count: int) -> Iterator[tuple[str, Function]]:
    """The same kernel as a sum of more images."""

    def prepare(settings: Settings, degree: int) -> Timed:
        scene = make_scene(settings.size)
        images = np.array([scene.kernel.basis[n % 2] for n in range(count)])
        functions = []
        for n in range(count):
            coefficients = np.zeros((degree + 1) * (degree + 2) // 2)
            equal = (count + 1 - n % 2) // 2
            coefficients[:3] = scene.kernel.functions[n % 2].coefficients / equal
            functions.append(whitediff.Polynomial2D(coefficients))
        kernel = whitediff.SpatialKernel(images, functions)
        return decorrelate(scene, settings.threads, kernel=kernel)

    for degree in (1, 4):
        yield f"polynomials of degree {degree}", partial(prepare, degree=degree)


def _kernel_sizes(side: int) -> Iterator[tuple[str, Function]]:
    """A kernel that is wider and has more pixels."""

    def prepare(settings: Settings, **options: Any) -> Timed:
        return decorrelate(make_scene(settings.size, side // 2), settings.threads, **options)

    yield "variances as numbers", prepare
    yield "full variance", partial(prepare, planes=True, variance="full")


SWEEPS = (
    Sweep("size", "pixels on a side", (512, 1024, 2048, 4096, 8192, 16384), _sizes, relative=False),
    Sweep("sources", "noise sources", (2, 3, 4, 6, 8, 12, 16), _sources),
    Sweep("basis", "images of the kernel", (2, 4, 8, 15, 30, 60), _basis),
    Sweep("kernel", "pixels on a side of the kernel", (5, 11, 21, 31, 41, 51), _kernel_sizes),
)
