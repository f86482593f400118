"""The compiled core of whitediff; use it through the package."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, overload

import numpy as np
import numpy.typing as npt

__version__: str

FloatImage = npt.NDArray[np.float32] | npt.NDArray[np.float64]

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

class Reduction:
    __members__: ClassVar[dict[str, Reduction]]

class FilterBank:
    def filters(self) -> npt.NDArray[np.float64]: ...
    def psfs(self) -> npt.NDArray[np.float64]: ...

def clipped_mean(
    plane: FloatImage, mask: npt.NDArray[np.int32] | None, ignore_mask: int
) -> float: ...
def copy_of(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]: ...
def full_frame_filter(
    sources: Sequence[tuple[float, Sequence[tuple[npt.ArrayLike, tuple[int, int]]]]],
    psf: Sequence[tuple[npt.ArrayLike, tuple[int, int]]],
    score: bool,
    shape: tuple[int, int],
) -> tuple[npt.NDArray[np.complex128], list[npt.NDArray[np.complex128]]]: ...
def full_frame_convolve(
    image: npt.ArrayLike, filter: npt.ArrayLike, filling: float
) -> npt.NDArray[np.float64]: ...
def full_frame_propagate(
    variance: npt.ArrayLike, response: npt.ArrayLike, filling: float
) -> npt.NDArray[np.float64]: ...
def whiten(
    image: FloatImage, sources: Sequence[tuple[Any, ...]], options: dict[str, Any]
) -> dict[str, Any]: ...
def decorrelate(
    difference: FloatImage,
    science: tuple[Any, ...],
    template: tuple[Any, ...],
    kernel: Kernel,
    pre_kernel: Kernel | None,
    science_convolved: bool,
    scale: float | None,
    options: dict[str, Any],
) -> dict[str, Any]: ...
def whiten_bands(
    image: Callable[[int, int, int], npt.NDArray[Any]],
    shape: tuple[int, int],
    double_precision: bool,
    sources: list[tuple[Any, ...]],
    options: dict[str, Any],
    write: Callable[[int, FloatImage, FloatImage], object],
) -> dict[str, Any]: ...
def decorrelate_bands(
    difference: Callable[[int, int, int], npt.NDArray[Any]],
    shape: tuple[int, int],
    double_precision: bool,
    science: tuple[Any, ...],
    template: tuple[Any, ...],
    kernel: Kernel,
    pre_kernel: Kernel | None,
    science_convolved: bool,
    scale: float | None,
    options: dict[str, Any],
    write: Callable[[int, FloatImage, FloatImage], object],
) -> dict[str, Any]: ...
