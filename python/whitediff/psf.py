"""Point spread functions as images: one for a whole exposure, or one for each of its cells.

The interface is that of lsst.afw.detection.Psf. Positions are in the pixel coordinates of the
exposure, origin included.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .exposure import Image
from .geometry import Box2I, Extent2I, Point2D, Point2I
from .kernel import Kernel

__all__ = ["CellPsf", "EvaluatedPsf", "KernelPsf", "Quadrupole", "sampled_psf"]

_LANCZOS_ORDER = 5
_MAX_MOMENT_STEPS = 200
# Rows and columns of the grid on which a PSF is sampled.
_GRID = 4


@dataclass(frozen=True)
class Quadrupole:
    """Second moments of an image, in pixels squared."""

    ixx: float
    iyy: float
    ixy: float

    def getIxx(self) -> float:
        return self.ixx

    def getIyy(self) -> float:
        return self.iyy

    def getIxy(self) -> float:
        return self.ixy

    def getDeterminantRadius(self) -> float:
        """Fourth root of the determinant, in pixels: sigma, for a round Gaussian."""
        return float((self.ixx * self.iyy - self.ixy**2) ** 0.25)

    def getTraceRadius(self) -> float:
        """Root of half the trace, in pixels: sigma, for a round Gaussian."""
        return math.sqrt((self.ixx + self.iyy) / 2)


class _Psf:
    """What a PSF can tell once its image at a position is known."""

    def getAveragePosition(self) -> Point2D:
        raise NotImplementedError

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        raise NotImplementedError

    def _position(self, position: Any) -> tuple[float, float]:
        x, y = self.getAveragePosition() if position is None else position
        return float(x), float(y)

    def computeKernelImage(self, position: Any = None) -> Image:
        """PSF at a position, centred on the pixel (0, 0).

        Parameters
        ----------
        position : Point2D, optional
            Where the PSF is wanted; the average position if not given.

        Returns
        -------
        Image
            float64 image [y, x].
        """
        return _centered(self._image_at(*self._position(position)).copy(), 0, 0)

    def computeImage(self, position: Any = None) -> Image:
        """PSF of a star at a position, shifted by the fraction of a pixel that this takes.

        The shift is a Lanczos interpolation of order 5 with weights that sum to one.

        Parameters
        ----------
        position : Point2D, optional
            Where the star is; the average position if not given.

        Returns
        -------
        Image
            float64 image [y, x]; its origin places it in the exposure.
        """
        x, y = self._position(position)
        column, row = math.floor(x + 0.5), math.floor(y + 0.5)
        image = self._image_at(x, y)
        shift_y = _lanczos_shift(image.shape[0], y - row)
        shift_x = _lanczos_shift(image.shape[1], x - column)
        return _centered(shift_y @ image @ shift_x.T, column, row)

    def computeShape(self, position: Any = None) -> Quadrupole:
        """Second moments of the PSF under a Gaussian weight of its own size and shape.

        The weight adapts to the image as described by Bernstein & Jarvis (2002, AJ 123, 583,
        section 3): for a Gaussian PSF the result is its covariance.

        Parameters
        ----------
        position : Point2D, optional
            Where the PSF is wanted; the average position if not given.

        Returns
        -------
        Quadrupole
            Moments in pixels squared.

        Raises
        ------
        ValueError
            If the image has no such moments, because it is not finite or not peaked.
        """
        return _adaptive_moments(self._image_at(*self._position(position)))


class KernelPsf(_Psf):
    """PSF that is the same everywhere.

    Parameters
    ----------
    image : array_like
        PSF image [y, x], with its centre at pixel ``((h - 1) // 2, (w - 1) // 2)``. It is kept
        as float64, as it is: not normalised.
    position : Point2D
        Average position of the stars that it comes from, in pixels.

    Raises
    ------
    ValueError
        If the image is not two-dimensional, or empty.
    """

    def __init__(self, image: ArrayLike, position: Any = (0.0, 0.0)) -> None:
        self._image = np.array(image, dtype=np.float64)
        if self._image.ndim != 2 or self._image.size == 0:
            raise ValueError(f"image must be 2-D and not empty, got {self._image.shape}")
        self._image.flags.writeable = False
        self._average_position = Point2D(*position)

    @property
    def image(self) -> NDArray[np.float64]:
        """PSF image [y, x], read-only."""
        return self._image

    def getAveragePosition(self) -> Point2D:
        return self._average_position

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        return self._image


class EvaluatedPsf(_Psf):
    """PSF that a kernel gives at every position.

    Parameters
    ----------
    kernel : Kernel
        The PSF as a kernel, of any centre. Its images are kept as they are: not normalised.
    position : Point2D
        Average position of the stars that it comes from, in pixels.
    """

    def __init__(self, kernel: Kernel, position: Any = (0.0, 0.0)) -> None:
        self._kernel = kernel
        self._average_position = Point2D(*position)

    def getAveragePosition(self) -> Point2D:
        return self._average_position

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        image = self._kernel.evaluate(np.array([x]), np.array([y]))[0]
        center = np.array(self._kernel.center)
        # Zeros move the centre of the kernel to where PSFs have theirs.
        sides = np.stack([center, np.array(image.shape) - 1 - center], axis=1)
        return np.pad(image, sides.max(axis=1, keepdims=True) - sides)


class CellPsf(_Psf):
    """PSF known in each of many cells.

    At a position it is the mean of the PSFs of the cells that contain it, as the image there is
    a mixture of them; outside of all cells it is the PSF of the cell with the nearest centre.

    Parameters
    ----------
    images : array_like
        PSF images [cell, y, x], each with its centre at pixel ``((h - 1) // 2, (w - 1) // 2)``.
        They are kept as float64, as they are: not normalised.
    boxes : array_like
        Cells [cell, 4] as ``(x0, y0, x1, y1)``, half-open, in pixels.
    positions : array_like, optional
        Positions [cell, 2] as (x, y), in pixels, that the PSFs are for; the centres of the boxes
        if not given.

    Raises
    ------
    ValueError
        If the shapes do not match, or there is no cell.
    """

    def __init__(
        self, images: ArrayLike, boxes: ArrayLike, positions: ArrayLike | None = None
    ) -> None:
        self._images = np.array(images, dtype=np.float64)
        self._boxes = np.array(boxes, dtype=np.int64)
        if self._images.ndim != 3 or self._images.size == 0:
            raise ValueError(
                f"images must be 3-D [cell, y, x] and not empty, got {self._images.shape}"
            )
        n_cells = len(self._images)
        if self._boxes.shape != (n_cells, 4):
            raise ValueError(f"boxes must have shape {(n_cells, 4)}, got {self._boxes.shape}")
        if positions is None:
            self._positions = (self._boxes[:, :2] + self._boxes[:, 2:] - 1) / 2
        else:
            self._positions = np.array(positions, dtype=np.float64)
        if self._positions.shape != (n_cells, 2):
            raise ValueError(
                f"positions must have shape {(n_cells, 2)}, got {self._positions.shape}"
            )
        for array in (self._images, self._boxes, self._positions):
            array.flags.writeable = False

    @property
    def images(self) -> NDArray[np.float64]:
        """PSF images [cell, y, x], read-only."""
        return self._images

    @property
    def boxes(self) -> NDArray[np.int64]:
        """Cells [cell, 4] as half-open (x0, y0, x1, y1), in pixels, read-only."""
        return self._boxes

    @property
    def positions(self) -> NDArray[np.float64]:
        """Positions [cell, 2] of the PSFs as (x, y), in pixels, read-only."""
        return self._positions

    def getComponentCount(self) -> int:
        return len(self._images)

    def getPsf(self, index: int) -> KernelPsf:
        """PSF of one cell."""
        return KernelPsf(self._images[index], self._positions[index])

    def getBBox(self, index: int) -> Box2I:
        """Box of one cell."""
        x0, y0, x1, y1 = self._boxes[index]
        return Box2I(Point2I(x0, y0), Extent2I(x1 - x0, y1 - y0))

    def getAveragePosition(self) -> Point2D:
        return Point2D(*self._positions.mean(axis=0))

    def _image_at(self, x: float, y: float) -> NDArray[np.float64]:
        column, row = math.floor(x + 0.5), math.floor(y + 0.5)
        x0, y0, x1, y1 = self._boxes.T
        inside = (x0 <= column) & (column < x1) & (y0 <= row) & (row < y1)
        if inside.any():
            return np.asarray(self._images[inside].mean(axis=0))
        nearest = np.argmin(np.hypot(*(self._positions - (x, y)).T))
        return np.asarray(self._images[nearest])


def sampled_psf(psf: Kernel, shape: tuple[int, int]) -> CellPsf:
    """Give a PSF of 4 x 4 cells for one that varies over a frame.

    Parameters
    ----------
    psf : Kernel
        The PSF; each cell has it as it is at its centre.
    shape : tuple [int, int]
        Height and width of the frame.
    """
    y_edges, x_edges = (np.linspace(0, size, _GRID + 1).astype(int) for size in shape)
    boxes = np.array(
        [(x0, y0, x1, y1) for y0, y1 in pairwise(y_edges) for x0, x1 in pairwise(x_edges)]
    )
    centers = (boxes[:, :2] + boxes[:, 2:] - 1) / 2
    return CellPsf(psf.evaluate(*centers.T), boxes, centers)


def _centered(image: NDArray[np.float64], column: int, row: int) -> Image:
    """Image whose centre pixel is (column, row)."""
    height, width = image.shape
    return Image(image, xy0=(column - (width - 1) // 2, row - (height - 1) // 2))


def _lanczos_shift(size: int, offset: float) -> NDArray[np.float64]:
    """Matrix [size, size] that moves samples by `offset` pixels (at most half a pixel)."""
    if offset == 0.0:
        return np.eye(size)
    taps = np.arange(-_LANCZOS_ORDER, _LANCZOS_ORDER + 1)
    distance = taps - offset
    weights = np.sinc(distance) * np.sinc(distance / _LANCZOS_ORDER)
    weights[np.abs(distance) >= _LANCZOS_ORDER] = 0.0
    weights /= weights.sum()
    matrix = np.zeros((size, size))
    for tap, weight in zip(taps.tolist(), weights, strict=True):
        matrix += weight * np.eye(size, k=-tap)
    return matrix


def _adaptive_moments(image: NDArray[np.float64]) -> Quadrupole:
    height, width = image.shape
    y, x = np.indices(image.shape, dtype=np.float64)
    center = np.array([(width - 1) // 2, (height - 1) // 2], dtype=np.float64)
    weight_covariance = np.eye(2) * 2.0
    for _ in range(_MAX_MOMENT_STEPS):
        offset = np.stack([x - center[0], y - center[1]])
        inverse = np.linalg.inv(weight_covariance)
        exponent = np.einsum("iyx,ij,jyx->yx", offset, inverse, offset)
        weighted = np.exp(-exponent / 2) * image
        flux = weighted.sum()
        if not flux > 0:
            break
        shift = (offset * weighted).sum(axis=(1, 2)) / flux
        centered = offset - shift[:, None, None]
        moments = np.einsum("iyx,jyx,yx->ij", centered, centered, weighted) / flux
        # A Gaussian seen through its own weight has half its covariance.
        covariance = 2 * moments
        if not np.linalg.det(covariance) > 0:
            break
        if np.allclose(covariance, weight_covariance, rtol=1e-8, atol=1e-8):
            return Quadrupole(*(float(covariance[i, j]) for i, j in ((0, 0), (1, 1), (0, 1))))
        weight_covariance = covariance
        center = center + shift
    raise ValueError(
        f"PSF must be finite with a peak for adaptive moments, got a sum of {image.sum()}"
    )
