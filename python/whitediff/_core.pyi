"""The compiled core of whitediff; use it through the package."""

import enum
from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

__version__: str

_FloatImage = npt.NDArray[np.float32] | npt.NDArray[np.float64]
_Sample = tuple[
    _FloatImage,
    _FloatImage,
    npt.NDArray[np.bool_],
    npt.NDArray[np.int32],
    npt.NDArray[np.float64],
]
_ReadRows = Callable[[int, int, int], npt.NDArray[Any]]

class Error(RuntimeError): ...

class SpatialFunction:
    @overload
    def __call__(self, x: float, y: float) -> float: ...
    @overload
    def __call__(self, x: npt.ArrayLike, y: npt.ArrayLike) -> npt.NDArray[np.float64]: ...

class Polynomial2D(SpatialFunction):
    def __init__(self, coefficients: Sequence[float] | npt.NDArray[np.float64]) -> None: ...
    @property
    def coefficients(self) -> npt.NDArray[np.float64]: ...

class Chebyshev2D(SpatialFunction):
    def __init__(
        self,
        coefficients: Sequence[float] | npt.NDArray[np.float64],
        bbox: tuple[float, float, float, float] | Sequence[float],
    ) -> None: ...
    @property
    def coefficients(self) -> npt.NDArray[np.float64]: ...
    @property
    def bbox(self) -> tuple[float, float, float, float]: ...

class Kernel:
    def __init__(
        self, *, shape: tuple[int, int], center: tuple[int, int] | None = None
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    @property
    def center(self) -> tuple[int, int]: ...
    def evaluate(
        self, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]: ...

class SpatialKernel(Kernel):
    def __init__(
        self,
        basis: npt.ArrayLike,
        functions: Sequence[SpatialFunction],
        *,
        center: tuple[int, int] | None = None,
    ) -> None: ...
    @property
    def basis(self) -> npt.NDArray[np.float64]: ...
    @property
    def functions(self) -> list[SpatialFunction]: ...

class TabulatedKernel(Kernel):
    def __init__(
        self,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        images: npt.ArrayLike,
        *,
        center: tuple[int, int] | None = None,
    ) -> None: ...
    @property
    def x(self) -> npt.NDArray[np.float64]: ...
    @property
    def y(self) -> npt.NDArray[np.float64]: ...
    @property
    def images(self) -> npt.NDArray[np.float64]: ...

class PlaneF:
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, pixels: npt.NDArray[np.float32]) -> None: ...
    @overload
    def __init__(self, shape: tuple[int, int], read: _ReadRows) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    def cut(self, x0: int, y0: int, x1: int, y1: int) -> npt.NDArray[np.float32]: ...

class PlaneD:
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, pixels: npt.NDArray[np.float64]) -> None: ...
    @overload
    def __init__(self, shape: tuple[int, int], read: _ReadRows) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    def cut(self, x0: int, y0: int, x1: int, y1: int) -> npt.NDArray[np.float64]: ...

class PlaneI:
    @overload
    def __init__(self) -> None: ...
    @overload
    def __init__(self, pixels: npt.NDArray[np.int32]) -> None: ...
    @overload
    def __init__(
        self, shape: tuple[int, int], read: _ReadRows, ignored: int, no_value: int
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int]: ...
    def cut(self, x0: int, y0: int, x1: int, y1: int) -> npt.NDArray[np.int32]: ...

class Box:
    def __init__(self, x0: int, y0: int, x1: int, y1: int) -> None: ...

class Cell:
    def __init__(self, box: Box, expanded: Box = ...) -> None: ...

class Reduction(enum.Enum):
    crossfade = 0
    average = 1
    copy = 2

class Mode(enum.Enum):
    difference = 0
    score = 1

class VariancePropagation(enum.Enum):
    estimate = 0
    full = 1

class Convolved(enum.Enum):
    template = 0
    science = 1

class NoiseCovariance:
    def __init__(self, lags: npt.NDArray[np.float64]) -> None: ...
    @property
    def floor(self) -> float: ...

class SpatialCovariance:
    @overload
    def __init__(self, everywhere: NoiseCovariance) -> None: ...
    @overload
    def __init__(self, lags: Kernel) -> None: ...

narrow_window: tuple[int, int]
wide_window: tuple[int, int]

class MeasuredCovariance:
    @property
    def lags(self) -> npt.NDArray[np.float64]: ...
    @property
    def pairs(self) -> npt.NDArray[np.float64]: ...
    @property
    def window(self) -> tuple[int, int]: ...
    @property
    def far_pairs(self) -> float: ...
    def noise(self) -> MeasuredCovariance: ...

class NoiseSourceF:
    def __init__(
        self,
        variance: float | PlaneF,
        kernels: Sequence[Kernel],
        weight: float,
        mask: PlaneI,
        mean_variance: float | None,
        name: str,
        covariances: Sequence[SpatialCovariance],
    ) -> None: ...

class NoiseSourceD:
    def __init__(
        self,
        variance: float | PlaneD,
        kernels: Sequence[Kernel],
        weight: float,
        mask: PlaneI,
        mean_variance: float | None,
        name: str,
        covariances: Sequence[SpatialCovariance],
    ) -> None: ...

_NoiseSource = NoiseSourceF | NoiseSourceD

class SubtractionF:
    @property
    def sources(self) -> list[NoiseSourceF]: ...
    @property
    def psf(self) -> list[Kernel]: ...

class SubtractionD:
    @property
    def sources(self) -> list[NoiseSourceD]: ...
    @property
    def psf(self) -> list[Kernel]: ...

class WhitenOptions:
    def __init__(self) -> None: ...
    def __copy__(self) -> WhitenOptions: ...
    mode: Mode
    spatially_varying: bool
    variance: VariancePropagation
    psf: list[Kernel]
    remaining: SpatialCovariance | None
    xy0: tuple[float, float]
    mask: PlaneI
    ignore_mask: int
    no_value_mask: int
    cells: list[Cell]
    reduction: Reduction
    n_threads: int
    progress: Callable[[int, int], object] | None

class Timings:
    @property
    def plan(self) -> float: ...
    @property
    def statistics(self) -> float: ...
    @property
    def filter(self) -> float: ...

class Unknown:
    @property
    def marked(self) -> int: ...
    @property
    def not_finite(self) -> int: ...
    @property
    def too_large(self) -> int: ...
    @property
    def variances(self) -> list[int]: ...

class Whitening:
    @property
    def boxes(self) -> npt.NDArray[np.int32]: ...
    @property
    def expanded(self) -> npt.NDArray[np.int32]: ...
    @property
    def centers(self) -> npt.NDArray[np.float64]: ...
    @property
    def variances(self) -> npt.NDArray[np.float64]: ...
    @property
    def border(self) -> int: ...
    @property
    def truncation(self) -> float: ...
    @property
    def n_threads(self) -> int: ...
    @property
    def clipped_modes(self) -> int: ...
    @property
    def masked_means(self) -> bool: ...
    @property
    def unknown(self) -> Unknown: ...
    @property
    def seconds(self) -> Timings: ...
    @property
    def has_psf(self) -> bool: ...
    @property
    def mode(self) -> Mode: ...
    def filters(self) -> npt.NDArray[np.float64]: ...
    def psfs(self) -> npt.NDArray[np.float64]: ...
    def psfs_at(
        self,
        x: Sequence[float] | npt.NDArray[np.float64],
        y: Sequence[float] | npt.NDArray[np.float64],
        cells: Sequence[int] | npt.NDArray[np.intp] | None = None,
    ) -> npt.NDArray[np.float64]: ...

class PeakResponse:
    def __init__(self, whitening: Whitening) -> None: ...
    def rows(self, y0: int, y1: int) -> npt.NDArray[np.float64]: ...

class Whitened:
    @property
    def whitening(self) -> Whitening: ...
    @property
    def image(self) -> _FloatImage: ...
    @property
    def variance(self) -> _FloatImage: ...
    @property
    def filter_edge(self) -> npt.NDArray[np.bool_]: ...

def flux_scale(
    kernel: Kernel, convolved: Convolved, shape: tuple[int, int], xy0: tuple[float, float]
) -> float: ...
def subtraction_sources(
    shape: tuple[int, int],
    science: _NoiseSource,
    template: _NoiseSource,
    kernel: Kernel,
    options: WhitenOptions,
    convolved: Convolved,
    scale: float | None,
    preconvolved: bool,
    pre_kernel: Kernel | None,
) -> SubtractionF | SubtractionD: ...
@overload
def whiten(
    plane: PlaneF | PlaneD,
    sources: Sequence[_NoiseSource],
    options: WhitenOptions,
    write: None = None,
) -> Whitened: ...
@overload
def whiten(
    plane: PlaneF | PlaneD,
    sources: Sequence[_NoiseSource],
    options: WhitenOptions,
    write: Callable[[int, _FloatImage, _FloatImage, npt.NDArray[np.bool_]], object],
) -> Whitening: ...
def whiten_into(
    plane: PlaneF | PlaneD,
    sources: Sequence[_NoiseSource],
    options: WhitenOptions,
    image: _FloatImage,
    variance: _FloatImage,
) -> Whitened: ...
def clipped_mean(
    plane: _FloatImage, mask: npt.NDArray[np.int32] | None, ignore_mask: int
) -> float: ...
def whiten_stack(
    stamps: PlaneF | PlaneD,
    count: int,
    sources: Sequence[Sequence[_NoiseSource]],
    options: WhitenOptions,
) -> tuple[list[Whitening], _FloatImage, _FloatImage, npt.NDArray[np.bool_]]: ...
def whiten_sample(
    plane: PlaneF | PlaneD,
    sources: Sequence[_NoiseSource],
    options: WhitenOptions,
    pixels: float,
) -> tuple[_FloatImage, _Sample]: ...
def sample_of(
    whitened: _FloatImage,
    variance: _FloatImage,
    filter_edge: npt.NDArray[np.bool_],
    options: WhitenOptions,
) -> _Sample: ...
def autocovariance(
    noise: _FloatImage, usable: npt.NDArray[np.bool_], largest_lag: int, n_threads: int
) -> MeasuredCovariance: ...
def autocovariances(
    noise: _FloatImage,
    usable: npt.NDArray[np.bool_],
    parts: npt.NDArray[np.int32],
    largest_lag: int,
    n_threads: int,
    wide: bool,
) -> tuple[MeasuredCovariance, list[MeasuredCovariance]]: ...
def blank_sky(
    noise: _FloatImage, usable: npt.NDArray[np.bool_], surroundings: bool, n_threads: int
) -> tuple[npt.NDArray[np.bool_], float, float]: ...
def in_units_of_noise(
    image: _FloatImage,
    variance: _FloatImage,
    usable: npt.NDArray[np.bool_],
    n_threads: int,
    out: _FloatImage | None = None,
) -> _FloatImage: ...
def copy_of(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]: ...
def marks_of(mask: npt.NDArray[Any], ignored: int, no_value: int) -> npt.NDArray[np.int32]: ...
def usable_cores() -> int: ...
