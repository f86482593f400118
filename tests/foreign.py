"""Exposures, kernels and PSFs of another package: what lsst.afw has, and no more."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from whitediff.psf import CellPsf


@dataclass(frozen=True)
class Point:
    x: float
    y: float

    def getX(self) -> float:
        return self.x

    def getY(self) -> float:
        return self.y


@dataclass(frozen=True)
class Extent:
    x: int
    y: int

    def __iter__(self) -> Any:
        return iter((self.x, self.y))


@dataclass(frozen=True)
class Box:
    corner: Point
    size: Extent

    def getMin(self) -> Point:
        return self.corner

    def getDimensions(self) -> Extent:
        return self.size

    def getMax(self) -> Point:
        return Point(self.getMaxX(), self.getMaxY())

    def getMinX(self) -> int:
        return int(self.corner.x)

    def getMinY(self) -> int:
        return int(self.corner.y)

    def getMaxX(self) -> int:
        return self.getMinX() + self.size.x - 1

    def getMaxY(self) -> int:
        return self.getMinY() + self.size.y - 1

    def getCenterX(self) -> float:
        return (self.getMinX() + self.getMaxX()) / 2

    def getWidth(self) -> int:
        return self.size.x

    def getHeight(self) -> int:
        return self.size.y

    def contains(self, other: Box) -> bool:
        if type(other) is not Box:
            raise TypeError(f"expected a foreign box, got {type(other).__name__}")
        return (
            self.getMinX() <= other.getMinX() <= other.getMaxX() <= self.getMaxX()
            and self.getMinY() <= other.getMinY() <= other.getMaxY() <= self.getMaxY()
        )


class Plane:
    def __init__(self, array: Any) -> None:
        self.array = array


class Mask(Plane):
    """A mask whose bits are not in the usual order."""

    planes = {"DETECTED": 0, "BAD": 1, "SAT": 2}

    def getMaskPlaneDict(self) -> dict[str, int]:
        return dict(self.planes)

    def getPlaneBitMask(self, names: list[str]) -> int:
        return sum(1 << self.planes[name] for name in names)

    def addMaskPlane(self, name: str) -> int:
        return self.planes.setdefault(name, len(self.planes))


class Exposure:
    """An exposure that is cut and cloned by its own class, with its own boxes."""

    def __init__(self, source: Any, box: Box | None = None) -> None:
        if isinstance(source, Exposure):
            assert box is not None and source.getBBox().contains(box)
            x, y = box.getMinX() - source.box.getMinX(), box.getMinY() - source.box.getMinY()
            part = slice(y, y + box.getHeight()), slice(x, x + box.getWidth())
            self._fill(source, box, lambda array: array[part])
        else:
            own = source.getBBox()
            box = Box(Point(own.getMinX(), own.getMinY()), Extent(own.getWidth(), own.getHeight()))
            self._fill(source, box, lambda array: array)

    @property
    def Factory(self) -> type[Exposure]:
        return type(self)

    def _fill(self, source: Any, box: Box, change: Any) -> None:
        self.box = box
        self.image = Plane(change(source.image.array))
        self.mask = Mask(change(source.mask.array))
        self.variance = Plane(change(source.variance.array))
        self.psf = source.getPsf()

    def getBBox(self) -> Box:
        return self.box

    def getPsf(self) -> Any:
        return self.psf

    def setPsf(self, psf: Any) -> None:
        self.psf = psf

    def getWcs(self) -> Any:
        return "a WCS"

    def clone(self) -> Exposure:
        new = type(self)(self, self.box)
        new._fill(self, self.box, np.copy)
        return new


def as_foreign(exposures: Any, kind: type[Exposure] = Exposure) -> list[Any]:
    return [kind(exposure) for exposure in exposures]


class Narrow(Exposure):
    """An exposure that takes no PSF made of those of cells."""

    def setPsf(self, psf: Any) -> None:
        if isinstance(psf, CellPsf):
            raise TypeError("not my kind of PSF")
        super().setPsf(psf)


class AfwPsf:
    """The base class of all PSFs that an exposure of lsst.afw takes."""

    __module__ = "lsst.afw.detection"


class AfwExposure(Exposure):
    """An exposure that goes by the name of lsst.afw, and takes its PSFs only."""

    __module__ = "lsst.afw.image._exposure"

    def setPsf(self, psf: Any) -> None:
        if psf is not None and not isinstance(psf, AfwPsf):
            raise TypeError(f"setPsf(): incompatible function arguments: {type(psf).__name__}")
        super().setPsf(psf)


class DerivedAfwExposure(AfwExposure):
    """An exposure of a class that somebody derived from one of lsst.afw."""


class AfwExposureWithoutWcs(AfwExposure):
    __module__ = "lsst.afw.image._exposure"

    def getWcs(self) -> Any:
        return None


class CorrelationKernel:
    """A kernel as lsst.afw has it: its image is that of a correlation.

    It has a centre (x, y), and grows by a slope in x and one in y.
    """

    def __init__(
        self,
        image: Any,
        center: tuple[int, int] | None = None,
        slopes: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._image = np.asarray(image, dtype=float)
        height, width = self._image.shape
        self._center = ((width - 1) // 2, (height - 1) // 2) if center is None else center
        self._slopes = slopes

    def getDimensions(self) -> Extent:
        height, width = self._image.shape
        return Extent(width, height)

    def getCtr(self) -> Extent:
        return Extent(*self._center)

    def computeImage(self, image: Any, doNormalize: bool, x: float = 0.0, y: float = 0.0) -> float:
        pixels = self._image + self._slopes[0] * x + self._slopes[1] * y
        total = float(pixels.sum())
        image.array[...] = pixels / total if doNormalize else pixels
        return total


class SampledKernel:
    """A kernel as lsst-images has it, of 3 x 5 pixels."""

    kernel_bbox = SimpleNamespace(
        shape=(3, 5), y=SimpleNamespace(start=-1), x=SimpleNamespace(start=-3)
    )

    def compute_kernel_image(self, *, x: float, y: float) -> Plane:
        return Plane(np.arange(15.0).reshape(3, 5) + x + 100 * y)


class SampledPsf(SampledKernel):
    """A PSF as lsst-images has it."""

    def compute_stellar_image(self, *, x: float, y: float) -> Plane:
        raise NotImplementedError


class PexException(Exception):
    """What all exceptions of lsst.pex derive from."""


class InvalidParameterError(PexException):
    """Of its kind are those that a PSF raises where it is not known: of no other built in."""


class ResizedPsf:
    """A PSF of lsst.afw that fails far from its stars, and has another size beyond x = 100."""

    def __init__(self, small: tuple[int, int] = (3, 3)) -> None:
        self._small = small

    def getAveragePosition(self) -> Point:
        return Point(10.0, 20.0)

    def computeKernelImage(self, point: Point) -> Plane:
        if point.x > 1000:
            raise LookupError("no stars here")
        if point.x > 100:
            return Plane(np.full(self._small, 2.0))
        image = np.zeros((5, 7))
        image[2, 3] = point.x
        image[1, 3] = point.y
        return Plane(image)


class GappyPsf:
    """A PSF that is known in a part of the image, which may leave out its average position.

    Elsewhere it raises or, if `stamp` is given, its image is that.
    """

    def __init__(
        self, image: Any, x_min: float, middle: Point = Point(0.0, 0.0), stamp: Any = None
    ) -> None:
        self._image, self._x_min, self._middle, self._stamp = image, x_min, middle, stamp

    def getAveragePosition(self) -> Point:
        return self._middle

    def computeKernelImage(self, position: Any) -> Plane:
        if position.getX() >= self._x_min:
            return Plane(self._image * (1 + position.getX() / 1000))
        if self._stamp is None:
            raise InvalidParameterError("no inputs here")
        return Plane(self._stamp)


class PatchyPsf:
    """A PSF that widens along x, and is not known beyond `x_max`."""

    def __init__(self, images: Any, x_max: float = np.inf, middle: Any = Point(40.0, 30.0)) -> None:
        self._narrow, self._wide = images
        self._x_max, self._middle = x_max, middle
        self.positions: list[tuple[float, float]] = []

    def getAveragePosition(self) -> Any:
        return self._middle

    def computeKernelImage(self, position: Any) -> Plane:
        x = float(position.getX())
        if x > self._x_max:
            raise InvalidParameterError("no PSF here")
        self.positions.append((x, float(position.getY())))
        share = x / 200
        return Plane((1 - share) * self._narrow + share * self._wide)
