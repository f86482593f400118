"""Images and masks with an origin: the part of lsst.afw.image that whitediff needs.

Positions are pixel coordinates of the parent image: pixel [0, 0] of an array is at ``xy0``.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from .arrays import copied, plain
from .geometry import Box2I, Extent2I, Point2I

__all__ = [
    "DEFAULT_MASK_PLANES",
    "Framed",
    "IGNORED_MASK_PLANES",
    "LOCAL",
    "PARENT",
    "Image",
    "ImageOrigin",
    "Mask",
    "MaskedImage",
    "own_names",
]

DEFAULT_MASK_PLANES: Mapping[str, int] = {
    "BAD": 0,
    "SAT": 1,
    "INTRP": 2,
    "CR": 3,
    "EDGE": 4,
    "DETECTED": 5,
    "DETECTED_NEGATIVE": 6,
    "SUSPECT": 7,
    "NO_DATA": 8,
}
"""Bit number of each plane of a new mask, as in lsst.afw."""

IGNORED_MASK_PLANES: tuple[str, ...] = (
    "BAD",
    "SAT",
    "INTRP",
    "CR",
    "EDGE",
    "DETECTED",
    "DETECTED_NEGATIVE",
    "NO_DATA",
)
"""Planes whose pixels statistics leave out by default."""

# Names of lsst.afw, and those that lsst.images has for the same planes.
_NEW_NAMES = {
    "SAT": "SATURATED",
    "INTRP": "INTERPOLATED",
    "CR": "COSMIC_RAY",
    "EDGE": "DETECTION_EDGE",
    "UNMASKEDNAN": "UNMASKED_NAN",
}
_OLD_NAMES = {new: old for old, new in _NEW_NAMES.items()}

_N_MASK_BITS = 31


def own_names(planes: Iterable[str], own: Iterable[str]) -> list[str]:
    """Give the names that a mask has for planes, be they called as in lsst.afw or lsst.images.

    Parameters
    ----------
    planes : iterable of str
        Names of planes, as ``SAT`` or ``SATURATED``.
    own : iterable of str
        The names that the mask has.

    Returns
    -------
    names : list of str
        Those of its own that stand for one of the planes; none for a plane that it does not have.
    """
    known = set(own)
    spellings = (
        spelling
        for name in planes
        for spelling in (name, _NEW_NAMES.get(name), _OLD_NAMES.get(name))
    )
    return list(dict.fromkeys(name for name in spellings if name in known))


class ImageOrigin(Enum):
    """What the coordinates of a box count from."""

    PARENT = "parent"
    LOCAL = "local"


PARENT = ImageOrigin.PARENT
LOCAL = ImageOrigin.LOCAL


class Framed:
    """Anything that fills a box of pixels."""

    def getBBox(self, origin: ImageOrigin = PARENT) -> Box2I:
        """Box of the pixels, in parent or in array coordinates."""
        raise NotImplementedError

    def getXY0(self) -> Point2I:
        return self.getBBox().getBegin()

    def getX0(self) -> int:
        return self.getBBox().getBeginX()

    def getY0(self) -> int:
        return self.getBBox().getBeginY()

    def getDimensions(self) -> Extent2I:
        dimensions: Extent2I = self.getBBox().getDimensions()
        return dimensions

    def getWidth(self) -> int:
        return int(self.getBBox().getWidth())

    def getHeight(self) -> int:
        return int(self.getBBox().getHeight())

    def _local(self, box: Box2I, origin: ImageOrigin) -> Box2I:
        """Give the box in array coordinates, once it is sure to lie inside."""
        if not isinstance(box, Box2I):
            raise TypeError(f"box must be a Box2I, got {type(box).__name__}")
        own = self.getBBox(origin)
        if box.isEmpty() or not own.contains(box):
            raise ValueError(f"the box must lie inside of {own}, got {box}")
        return box.shiftedBy(Extent2I(-own.getBeginX(), -own.getBeginY()))


class _Plane(Framed):
    """A two-dimensional array with an origin."""

    def __init__(self, array: NDArray[Any], xy0: Any) -> None:
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"array must be 2-D and not empty, got shape {array.shape}")
        self._array = array
        self._xy0 = Point2I(xy0)

    @property
    def array(self) -> NDArray[Any]:
        """The pixels [y, x]. Assigning to it sets their values."""
        return self._array

    @array.setter
    def array(self, values: ArrayLike) -> None:
        self._array[...] = values

    def getArray(self) -> NDArray[Any]:
        return self._array

    @property
    def dtype(self) -> np.dtype[Any]:
        return self._array.dtype

    def getBBox(self, origin: ImageOrigin = PARENT) -> Box2I:
        height, width = self._array.shape
        corner = self._xy0 if origin is PARENT else Point2I(0, 0)
        return Box2I(corner, Extent2I(width, height))

    def clone(self) -> Self:
        """Deep copy."""
        plane = copy.copy(self)
        plane._array = copied(self._array)
        return plane

    def subset(self, box: Box2I, origin: ImageOrigin = PARENT) -> Self:
        """Part of the plane, sharing its pixels."""
        local = self._local(box, origin)
        plane = copy.copy(self)
        plane._array = self._array[local.getSlices()]
        plane._xy0 = self._xy0 + Extent2I(local.getBegin())
        return plane

    def __getitem__(self, box: Box2I) -> Self:
        return self.subset(box)


class Image(_Plane):
    """Floating-point image with an origin.

    Parameters
    ----------
    array : array_like or Box2I
        Pixels [y, x]; or the box to fill with zeros. float32 and float64 arrays of the machine's
        byte order are shared, others are converted to the smaller of the two that holds them.
    xy0 : Point2I or (int, int)
        Pixel coordinates (x, y) of pixel [0, 0]; a box brings its own.
    dtype : dtype
        float32 or float64, for an image made from a box.

    Raises
    ------
    ValueError
        If the array is not two-dimensional, or empty.
    TypeError
        If it does not hold real numbers.
    """

    def __init__(
        self, array: ArrayLike | Box2I, *, xy0: Any = (0, 0), dtype: DTypeLike = np.float32
    ) -> None:
        if isinstance(array, Box2I):
            shape, xy0 = (array.getHeight(), array.getWidth()), array.getBegin()
            array = np.zeros(shape, dtype=dtype)
        super().__init__(_floating(np.asarray(plain(array, "image"))), xy0)


class Mask(_Plane):
    """Image of bits, with a name for each bit that is in use.

    Parameters
    ----------
    array : array_like of int, or Box2I
        Bits [y, x]; or the box to fill with zeros. int32 arrays of the machine's byte order are
        shared, other integers are converted.
    xy0 : Point2I or (int, int)
        Pixel coordinates (x, y) of pixel [0, 0]; a box brings its own.
    planes : mapping of str to int
        Bit number of each named plane.

    Raises
    ------
    ValueError
        If the array is not two-dimensional, is empty, or uses more than 31 bits; if a plane has
        a bit number outside of 0..30, a number twice, or a name that no FITS keyword can hold.
    TypeError
        If the array does not hold integers.
    """

    def __init__(
        self,
        array: ArrayLike | Box2I,
        *,
        xy0: Any = (0, 0),
        planes: Mapping[str, int] = DEFAULT_MASK_PLANES,
    ) -> None:
        if isinstance(array, Box2I):
            shape, xy0 = (array.getHeight(), array.getWidth()), array.getBegin()
            array = np.zeros(shape, dtype=np.int32)
        super().__init__(_bits(np.asarray(array)), xy0)
        self._planes: dict[str, int] = {}
        for name, bit in planes.items():
            self._add(name, bit)

    def clone(self) -> Self:
        """Deep copy of the pixels and plane names; a subset shares both."""
        mask = super().clone()
        mask._planes = dict(self._planes)
        return mask

    def _at(self, xy0: Any) -> Self:
        """Give a mask at another origin that shares the pixels."""
        mask = copy.copy(self)
        mask._xy0, mask._planes = Point2I(xy0), dict(self._planes)
        return mask

    def _add(self, name: str, bit: int) -> None:
        if not re.fullmatch(r"[A-Z0-9_]+", name):
            raise ValueError(f"a mask plane is named in A-Z, 0-9 and _, got {name!r}")
        if not 0 <= bit < _N_MASK_BITS or bit in self._planes.values():
            raise ValueError(
                f"mask plane {name} needs a free bit from 0 to {_N_MASK_BITS - 1}, got {bit}"
            )
        self._planes[name] = int(bit)

    def getMaskPlaneDict(self) -> dict[str, int]:
        """Bit number of each plane (a copy)."""
        return dict(self._planes)

    def getMaskPlane(self, name: str) -> int:
        """Bit number of a plane.

        Raises
        ------
        ValueError
            If the mask has no such plane.
        """
        if name not in self._planes:
            raise ValueError(f"unknown mask plane {name!r}, expected one of {list(self._planes)}")
        return self._planes[name]

    def getPlaneBitMask(self, names: str | Iterable[str]) -> int:
        """Integer with the bits of one or several planes set.

        Raises
        ------
        ValueError
            If the mask has no such plane.
        """
        bits = 0
        for name in [names] if isinstance(names, str) else names:
            bits |= 1 << self.getMaskPlane(name)
        return bits

    def addMaskPlane(self, name: str) -> int:
        """Bit number of a plane, which is added at the lowest free bit if it is new.

        Raises
        ------
        ValueError
            If all bits are in use, or the name is not made of A-Z, 0-9 and _.
        """
        if name not in self._planes:
            used = self._planes.values()
            self._add(name, next(bit for bit in range(_N_MASK_BITS + 1) if bit not in used))
        return self._planes[name]


class MaskedImage(Framed):
    """Image, mask and variance of the same pixels.

    Parameters
    ----------
    image : Image
        Pixels.
    mask : Mask
        Bits of the same box.
    variance : Image, optional
        Variance of the same box, in squared units of the image.

    Raises
    ------
    ValueError
        If the boxes differ.
    """

    def __init__(self, image: Image, mask: Mask, variance: Image | None) -> None:
        for name, plane in (("mask", mask), ("variance", variance)):
            if plane is not None and plane.getBBox() != image.getBBox():
                raise ValueError(
                    f"{name} must cover {image.getBBox()}, as the image, got {plane.getBBox()}"
                )
        self._image, self._mask, self._variance = image, mask, variance

    @property
    def image(self) -> Image:
        return self._image

    @property
    def mask(self) -> Mask:
        return self._mask

    @property
    def variance(self) -> Image | None:
        """Variance plane, or None where it is not known."""
        return self._variance

    def getImage(self) -> Image:
        return self._image

    def getMask(self) -> Mask:
        return self._mask

    def getVariance(self) -> Image | None:
        return self._variance

    def getBBox(self, origin: ImageOrigin = PARENT) -> Box2I:
        return self._image.getBBox(origin)

    def clone(self) -> MaskedImage:
        """Deep copy."""
        variance = None if self._variance is None else self._variance.clone()
        return MaskedImage(self._image.clone(), self._mask.clone(), variance)

    def subset(self, box: Box2I, origin: ImageOrigin = PARENT) -> MaskedImage:
        """Part of the masked image, sharing its pixels."""
        variance = None if self._variance is None else self._variance.subset(box, origin)
        return MaskedImage(
            self._image.subset(box, origin), self._mask.subset(box, origin), variance
        )

    def __getitem__(self, box: Box2I) -> MaskedImage:
        return self.subset(box)


def _floating(array: NDArray[Any]) -> NDArray[Any]:
    if array.dtype.kind not in "fiu":
        raise TypeError(f"an image must hold real numbers, got dtype {array.dtype}")
    dtype = min(np.result_type(array.dtype, np.float32), np.dtype(np.float64))
    return array.astype(dtype.newbyteorder("="), copy=False)


def _bits(array: NDArray[Any]) -> NDArray[np.int32]:
    if array.dtype.kind not in "iu":
        raise TypeError(f"mask must hold the bits of its planes as integers, got {array.dtype}")
    # An int32 holds no more than these bits: one pass over a mask suffices.
    wide = array.dtype != np.int32
    if array.size and (array.min() < 0 or (wide and array.max() >= 2**_N_MASK_BITS)):
        raise ValueError(
            f"mask must have values from 0 to 2^{_N_MASK_BITS} - 1, "
            f"got {array.min()} to {array.max()}"
        )
    return array.astype(np.int32, copy=False)
